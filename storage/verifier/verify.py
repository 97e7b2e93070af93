"""Checks a Rollcall evidence bundle (a folder or a zip of one). One file: Python 3.11 and `cryptography`.

Exit: 0 whole, 10 altered, 11 missing, 12 reordered or truncated, 13 bad or unknown signature, 14 retention
lock missing, 2 usage. All findings are printed; the gravest decides: 13, 10, 12, 11, 14. Nothing read here is
trusted: nothing is written, big files are streamed, links are not followed. See docs/guides/evidence.md.
"""

import argparse
import hashlib
import json
import sys
import zipfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALTERED, MISSING, ORDER, SIGNATURE, UNLOCKED, USAGE = 10, 11, 12, 13, 14, 2
GRAVEST_FIRST = (SIGNATURE, ALTERED, ORDER, MISSING, UNLOCKED)
WORDS = {0: "whole 完整", 10: "altered 被改动", 11: "missing 缺失", 12: "reordered or truncated 错序或截断"}
WORDS |= {13: "bad or unknown signature 签名无效或密钥未知", 14: "retention lock missing 未锁定保存"}
MALFORMED = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError)
BAD = (*MALFORMED, OverflowError, MemoryError, zlib.error, zipfile.BadZipFile, InvalidSignature)
LIMIT, MANY, TOLERANCE = 1 << 29, 1_000_000, timedelta(seconds=2)
IGNORED = {"bundle.json", "bundle.sig", ".DS_Store", "Thumbs.db", "desktop.ini"}
Json = dict[str, Any]


class Finding(NamedTuple):
    code: int
    place: str
    message: str


class Key(NamedTuple):
    name: str
    id: bytes
    raw: bytes


def files_of(path: Path) -> dict[str, Any]:
    """Names of a folder's or a zip's files and how to open each; ``None`` for links and devices."""
    if path.is_dir():
        items = [item for item in path.rglob("*") if item.is_symlink() or not item.is_dir()]
        plain = [item.open if item.is_file() and not item.is_symlink() else None for item in items]
        return dict(zip((item.relative_to(path).as_posix() for item in items), plain, strict=True))
    archive = zipfile.ZipFile(path)
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    tops = {entry.filename.partition("/")[:2] for entry in entries}
    skip = len("".join(*tops)) if len(tops) == 1 else 0  # somebody packed the folder, not what is in it
    return {entry.filename[skip:]: lambda _mode, entry=entry: archive.open(entry) for entry in entries}


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def read_key(document: Any) -> Key:
    raw = b64decode(document["public_key"], validate=True)
    key = Key(document["name"], sha(document["name"].encode(), b"\n\x01", raw)[:4], raw)
    if (document["key_id"], document["fingerprint"]) != (key.id.hex(), sha(raw).hex()):
        raise ValueError("contradicts itself")
    return key


def open_note(note: bytes, keys: Sequence[Key]) -> tuple[list[str], set[Key]]:
    """Lines and signers of a note (c2sp.org/signed-note); unknown keys say nothing, bad signatures raise."""
    text, _, block = note.decode().rpartition("\n\n")
    *lines, end = block.split("\n")
    signers = set()
    for line in lines:
        dash, signer, encoded = line.split(" ")
        blob = b64decode(encoded, validate=True)
        if dash != "—" or end or len(blob) != 68 or b64encode(blob).decode() != encoded:
            raise ValueError("not a signature line")
        for key in (key for key in keys if (key.name, key.id) == (signer, blob[:4])):
            Ed25519PublicKey.from_public_bytes(key.raw).verify(blob[4:], text.encode() + b"\n")
            signers.add(key)
    return text.split("\n"), signers


def fold(position: int, last: int, first: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Old and new root that a proof leads to (RFC 9162 §2.1.3.2 and §2.1.4.2, whose loops are one)."""
    before = after = first
    for item in path:
        if position & 1 or position == last:
            before, after = sha(b"\x01", item, before), sha(b"\x01", item, after)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            after = sha(b"\x01", after, item)
        position, last = position >> 1, last >> 1
    return (before, after) if last == 0 else (b"", b"")


def grown(old: int, new: int, path: Sequence[bytes], before: bytes, after: bytes) -> bool:
    """Whether the log of ``old`` leaves is the beginning of that of ``new``."""
    if old <= 0 or old >= new:
        return old == 0 or (old, before) == (new, after)
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first, *rest = [before, *path] if old.bit_count() == 1 else path
    return fold(position, last, first, rest) == (before, after)


class Report:
    """One bundle's check. After ``run``: ``findings``, ``exit_code``, ``keys``, ``lesson``, ``leaves``."""

    def __init__(self, files: dict[str, Any], trusted: list[Key] | None) -> None:
        self.files, self.trusted, self.keys = files, trusted, list(trusted or ())
        self.findings, self.lesson, self.unproven, self.manifest = list[Finding](), "", 0, Json()
        self.states = list[tuple[int, bytes, datetime]]()  # checkpoints: size, root, time
        self.leaves, self.mine, self.closing = list[Json](), list[Json](), Json()  # proven; of the lesson
        self.wanted = dict[str, tuple[str, int]]()  # what each file must be: hash, size

    @property
    def exit_code(self) -> int:
        return next((code for code in GRAVEST_FIRST if any(f.code == code for f in self.findings)), 0)

    def run(self) -> "Report":
        steps = (self.read_keys, self.read_manifest, self.read_checkpoints, self.read_leaves, self.count)
        for step in (*steps, self.check_footage, self.check_clock, self.check_files):
            self.attempt(ALTERED, step.__name__.replace("_", " "), "something cannot be interpreted", step)
        return self

    def say(self, code: int, place: str, message: str) -> None:
        self.findings.append(Finding(code, place, message))

    def attempt(self, code: int, place: str, message: str, action: Callable[..., Any], *given: Any) -> Any:
        try:
            return action(*given)
        except BAD:
            return self.say(code, place, message)

    def read(self, name: str) -> bytes:
        with self.files[name]("rb") as source:
            return bytes(source.read(LIMIT))

    def bodies(self, kind: str) -> list[Json]:
        return [leaf["body"] for leaf in self.mine if leaf["kind"] == kind]

    def read_keys(self) -> None:
        for name in sorted(name for name in self.files if name.startswith("keys/") and self.trusted is None):
            self.attempt(SIGNATURE, name, "is no usable key or not introduced", self.add_key, name)

    def add_key(self, name: str) -> None:
        document = json.loads(self.read(name))
        pair = [*self.keys[-1:], read_key(document)]
        if len(pair) == 2:  # a later key must be introduced by the one before it, and prove itself
            lines, signers = open_note(document["rotation"].encode(), pair)
            if signers != set(pair) or lines[3] != f"{pair[1].id.hex()} {document['public_key']}":
                raise ValueError("not introduced")
        self.keys.append(pair[-1])

    def note(self, name: str, origin_line: int) -> list[str]:
        """The note's lines, none where it is damaged; findings for that, and where nobody trusted signed."""
        message = "is damaged or its signature does not hold"
        opened = self.attempt(SIGNATURE, name, message, lambda: open_note(self.read(name), self.keys))
        lines, signers = opened or ([], set())
        if lines and lines[origin_line : origin_line + 1] not in [[key.name] for key in signers]:
            self.say(SIGNATURE, name, "is not signed by a trusted key")
        return lines

    def read_manifest(self) -> None:
        for name in {"bundle.json", "bundle.sig"} - set(self.files):
            self.say(MISSING, name, "is missing")
        signed = self.note("bundle.sig", 1) if "bundle.sig" in self.files else []
        raw = self.read("bundle.json") if "bundle.json" in self.files else b""
        if raw and signed and signed[2:] != ["sha256 " + sha(raw).hex()]:
            self.say(ALTERED, "bundle.json", "is not the manifest that was signed; the log alone is believed")
        elif raw:
            manifest = json.loads(raw)
            self.wanted = {item["name"]: (item["sha256"], item["size_bytes"]) for item in manifest["files"]}
            self.manifest = manifest

    def read_checkpoints(self) -> None:
        for name in sorted(name for name in self.files if name.startswith("checkpoints/")):
            if lines := self.note(name, 0):
                at = datetime.fromisoformat(lines[3].removeprefix("time "))
                self.states.append((int(lines[1]), b64decode(lines[2]), at))
        self.states.sort()
        steps = json.loads(self.read("consistency.json")) if len(self.states) > 1 else ()
        proofs = {(step["from"], step["to"]): [bytes.fromhex(h) for h in step["proof"]] for step in steps}
        for (old, before, _), (new, after, _) in pairwise(self.states):
            if 0 < old < new and (old, new) not in proofs:
                self.say(MISSING, f"between {old} and {new} leaves", "no proof shows that the log only grew")
            elif not grown(old, new, proofs.get((old, new), ()), before, after):
                self.say(ALTERED, f"consistency.json: {old} to {new}", "the log was rewritten in between")

    def read_leaves(self) -> None:
        size = self.manifest["checkpoint"]["size"] if self.manifest else self.states[-1][0]
        root = next((state[1] for state in self.states if state[0] == size), b"")
        if not root:
            self.say(MISSING, f"checkpoint of {size} leaves", "without it nothing proves the leaves")
        *lines, rest = self.read("leaves.jsonl").split(b"\n")
        if rest:
            self.say(ORDER, "leaves.jsonl: last line", "is cut off")
        previous = -1
        for number, line in enumerate(lines, 1):
            place = f"leaves.jsonl: line {number}"
            previous = (
                self.attempt(ALTERED, place, "cannot be read", self.add_leaf, line, size, root, previous)
                or previous
            )
        self.leaves.sort(key=lambda leaf: leaf["seq"])
        self.unproven = len(lines) + bool(rest) - len(self.leaves)

    def add_leaf(self, line: bytes, size: int, root: bytes, previous: int) -> int:
        entry = json.loads(line)
        record, index = json.loads(entry["record"]), entry["index"] + 0
        leaf, path = sha(b"\0", entry["record"].encode()), [bytes.fromhex(item) for item in entry["proof"]]
        record["now"] = datetime.fromisoformat(record["clock"]["now"])
        place, proven = f"leaves.jsonl: leaf {index}", fold(index, size - 1, leaf, path)[1] == root
        if index <= previous:
            self.say(ORDER, place, f"stands after leaf {previous}")
        if root and not (proven and record["seq"] == index < size):
            self.say(ALTERED, place, "was changed: the signed log has another one")
        else:
            self.leaves.append(record)
        return int(index)

    def count(self) -> None:
        closed = [leaf for leaf in self.leaves if leaf["kind"] == "lesson_closed"]
        self.lesson = self.manifest.get("lesson_id") or closed[-1]["lesson_id"]
        self.mine = [leaf for leaf in self.leaves if leaf["lesson_id"] == self.lesson]
        self.closing = (self.bodies("lesson_closed") or [Json()])[0]
        have = {leaf["lesson_seq"] for leaf in self.mine}
        stated = max({self.manifest.get("lesson_leaves", 0), self.closing.get("leaves", 0), *have})
        gone = set(range(1, min(stated, MANY) + 1)) - have
        if len(gone) > self.unproven:  # lines that cannot be believed may be the missing ones
            code = ORDER if max(gone) > max(have, default=0) else MISSING
            self.say(code, "leaves.jsonl: lesson", f"numbers {sorted(gone)[:9]} of {stated} are missing")
        if len(self.leaves) + self.unproven + len(gone) < self.manifest.get("leaves", 0):
            self.say(MISSING, "leaves.jsonl: log", "leaves about the log itself are missing")
        if not (self.closing or self.unproven):
            self.say(
                MISSING, "leaves.jsonl: closing leaf", "is missing: nothing states how much there must be"
            )
        for camera in self.closing.get("cameras", ()):
            found = [body["camera_id"] for body in self.bodies("segment_closed")].count(camera["camera_id"])
            if found + self.unproven + len(gone) < camera["segments"]:
                place = f"leaves.jsonl: camera {camera['camera_id']}"
                self.say(ORDER, place, f"{found} segments, but {camera['segments']} stated at the close")

    def check_footage(self) -> None:
        exported = (self.bodies("export") or [self.manifest])[-1]
        self.wanted |= {item["name"]: (item["sha256"], item["size_bytes"]) for item in exported["files"]}
        locks = {(body["camera_id"], body["sequence"]): body for body in self.bodies("segment_stored")}
        segments = {(body["camera_id"], body["sequence"]): body for body in self.bodies("segment_closed")}
        ends = dict[str, datetime]()
        for (camera, number), body in sorted(segments.items()):
            place, begins = f"camera {camera} segment {number}", datetime.fromisoformat(body["starts_at"])
            if begins < ends.get(camera, begins) - TOLERANCE:
                self.say(ORDER, place, "begins before the one before it ends: a clock went back")
            ends[camera] = datetime.fromisoformat(body["ends_at"])
            self.check_lock(place, locks.get((camera, number), {}), body["sha256"])
            folder, file = quote(camera, safe="").replace(".", "%2E"), f"{number:06d}-{body['sha256']}.mp4"
            if exported["footage"] == "included":
                self.wanted[f"footage/{folder}/{file}"] = body["sha256"], body["size_bytes"]
        for body in self.bodies("original_stored"):
            self.check_lock(f"original of {body['camera_id']} {body['sequence']}", body, body["sha256"])

    def check_lock(self, place: str, stored: Json, sha256: str) -> None:
        needed, until = self.closing.get("retain_until", "0"), stored.get("retain_until") or "never"
        locked = stored.get("sha256") == sha256 and stored["lock_mode"] in ("GOVERNANCE", "COMPLIANCE")
        if not (locked and needed <= until < "never"):
            self.say(UNLOCKED, place, f"lock: {stored.get('lock_mode')}, until {until}; needed: {needed}")

    def check_clock(self) -> None:
        moments = [(size - 0.5, at, Json()) for size, _, at in self.states]
        moments += [(leaf["seq"], leaf["now"], leaf) for leaf in self.leaves]
        end = max((leaf["seq"] for leaf in self.mine if leaf["kind"] == "lesson_closed"), default=0)
        latest = passed = long_ago = datetime.min.replace(tzinfo=UTC) + TOLERANCE
        for position, at, leaf in sorted(moments, key=lambda moment: moment[0]):
            if leaf.get("clock_stepped_back_s"):
                latest, passed = at, at + timedelta(seconds=leaf["clock_stepped_back_s"])
            of_lesson = leaf.get("lesson_id") == self.lesson and position <= end
            if at < latest - TOLERANCE or (of_lesson and at < passed - TOLERANCE):
                place = f"leaf {position}" if leaf else f"checkpoint of {position + 0.5:.0f} leaves"
                self.say(ORDER, place, f"the clock went back to {at} from {max(latest, passed)}")
                latest, passed = at, long_ago
            latest = max(latest, at)

    def digest(self, name: str) -> tuple[str, int]:
        with self.files[name]("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest(), source.tell()

    def check_files(self) -> None:
        told = {finding.place.partition(": ")[0] for finding in self.findings}
        have = {name: self.attempt(ALTERED, name, "cannot be read", self.digest, name) for name in self.files}
        strays = {name for name in have if name.split("/")[-1] not in IGNORED} - set(self.wanted) - told
        owners = {sha256: name for name, (sha256, _) in self.wanted.items()}
        for name, (sha256, size) in sorted(self.wanted.items()):
            if name not in have:
                found = next((stray for stray in sorted(strays) if have[stray] == (sha256, size)), "")
                self.say(ORDER if found else MISSING, name, f"lies under {found}" if found else "is missing")
                strays.discard(found)
            elif have[name] and name not in told and have[name] != (sha256, size):
                other, cut = owners.get(have[name][0]), name.startswith("footage/") and have[name][1] < size
                code = SIGNATURE if name.startswith(("keys/", "checkpoints/")) else ALTERED
                message = f"holds the bytes of {other}" if other else "is cut short" if cut else "was changed"
                self.say(ORDER if other or cut else code, name, f"{message}: {have[name][1]} of {size} bytes")
        for name in sorted(strays if self.manifest else ()):
            self.say(ALTERED, name, "belongs to neither the manifest nor the log")


def verify_bundle(path: Path, keys: Path | None = None) -> Report:
    """Check a bundle, trusting only ``keys`` where given; raises one of ``BAD`` for useless paths."""
    papers = [] if keys is None else [keys] if keys.is_file() else sorted(keys.glob("*.json"))
    trusted = [read_key(json.loads(paper.read_bytes())) for paper in papers]
    files = files_of(path)
    if not {"bundle.json", "bundle.sig", "leaves.jsonl"} & set(files) or (keys and not trusted):
        raise ValueError("no bundle, or no keys")
    return Report(files, trusted if keys else None).run()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check a Rollcall evidence bundle.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--keys", type=Path, help="trust only these public keys: a file or a folder")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    try:
        report = verify_bundle(asked.bundle, asked.keys)
    except BAD:
        print("this is no bundle, or these are no public keys: check both paths", file=sys.stderr)
        return USAGE
    code, findings = report.exit_code, [f"{WORDS[f.code]}: {f.place}: {f.message}" for f in report.findings]
    origin = "given" if asked.keys else "from the bundle itself: compare with the published fingerprint"
    keys = [f"{key.name} {sha(key.raw).hex()} ({origin})" for key in report.keys]
    if asked.json:
        found = [finding._asdict() for finding in report.findings]
        answer = {"exit_code": code, "verdict": WORDS[code], "lesson": report.lesson, "findings": found}
        print(json.dumps(answer | {"keys": keys}))
    for line in () if asked.json else (*findings, *keys, f"{code} {WORDS[code]}"):
        shown = "".join(character if character.isprintable() else "?" for character in line)
        encoding = sys.stdout.encoding or "ascii"
        print(shown.encode(encoding, "backslashreplace").decode(encoding))
    return code


if __name__ == "__main__":
    sys.exit(main())
