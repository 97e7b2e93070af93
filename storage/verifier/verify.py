"""Checks a Rollcall evidence bundle, a folder or a zip of one. One file: Python 3.11 and `cryptography`.

Exit: 0 whole, 10 altered, 11 missing, 12 reordered or truncated, 13 bad or unknown signature, 14 retention
lock missing, 2 usage. All findings are printed; the gravest decides: 13, 10, 12, 11, 14. Nothing is trusted,
nothing is written, big files are streamed, links are not followed. See docs/guides/evidence.md."""

import argparse
import hashlib
import json
import sys
import zipfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALTERED, MISSING, ORDER, SIGNATURE, UNLOCKED = 10, 11, 12, 13, 14
GRAVEST_FIRST, LIMIT = (SIGNATURE, ALTERED, ORDER, MISSING, UNLOCKED), 1 << 27
TOLERANCE, IGNORED = timedelta(seconds=2), {"bundle.json", "bundle.sig", ".DS_Store", "Thumbs.db"}
WORDS = {0: "whole 完整", 10: "altered 被改动", 11: "missing 缺失", 12: "reordered or truncated 错序或截断"}
WORDS |= {13: "bad or unknown signature 签名无效或密钥未知", 14: "retention lock missing 未锁定保存"}
MALFORMED = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError)
BAD = (*MALFORMED, OverflowError, MemoryError, zlib.error, zipfile.BadZipFile, InvalidSignature)
Json = dict[str, Any]
Finding = NamedTuple("Finding", [("code", int), ("place", str), ("message", str)])  # noqa: UP014
Key = tuple[str, bytes, bytes]  # name, 4-byte id, 32-byte Ed25519 public key


def files_of(path: Path) -> dict[str, Any]:
    """Names of a folder's or a zip's files and how to open each; ``None`` for links and devices."""
    if path.is_dir():
        items = [item for item in path.rglob("*") if item.is_symlink() or not item.is_dir()]
        plain = [item.open if item.is_file() and not item.is_symlink() else None for item in items]
        return dict(zip((item.relative_to(path).as_posix() for item in items), plain, strict=True))
    archive = zipfile.ZipFile(path)
    entries = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}
    if len(archive.namelist()) != len(set(archive.namelist())):
        raise ValueError("doubled entries: no two programs would see the same bundle")
    tops = {name.partition("/")[:2] for name in entries}
    skip = len("".join(*tops)) if len(tops) == 1 else 0  # somebody packed the folder, not what is in it
    return {name[skip:]: lambda _, entry=entry: archive.open(entry) for name, entry in entries.items()}


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def read_key(document: Any) -> Key:
    raw = b64decode(document["public_key"], validate=True)
    return document["name"], sha(document["name"].encode(), b"\n\x01", raw)[:4], raw


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
        for key in (key for key in keys if key[:2] == (signer, blob[:4])):
            Ed25519PublicKey.from_public_bytes(key[2]).verify(blob[4:], text.encode() + b"\n")
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


class Report:
    """One bundle's check. After ``run``: ``findings``, ``exit_code``, ``keys``, ``lesson``, ``leaves``."""

    def __init__(self, files: dict[str, Any], trusted: list[Key] | None) -> None:
        self.files, self.trusted, self.keys = files, trusted, list(trusted or ())
        self.findings, self.lesson, self.unproven, self.size, self.root = list[Finding](), "", 0, 0, b""
        self.manifest, self.states = Json(), list[tuple[int, bytes, datetime]]()  # size, root, time
        self.leaves, self.mine, self.closing = list[Json](), list[Json](), Json()  # proven; of the lesson
        self.wanted, self.exit_code = dict[str, tuple[str, int]](), 0  # what each file must be: hash, size

    def run(self) -> "Report":
        steps = (self.read_signed, self.check_growth, self.read_leaves, self.count, self.check_footage)
        for step in (*steps, self.check_clock, self.check_files):
            self.attempt(ALTERED, step.__name__.replace("_", " "), "something cannot be interpreted", step)
        self.exit_code = next((c for c in GRAVEST_FIRST if c in [f.code for f in self.findings]), 0)
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

    def read_signed(self) -> None:
        for name in {"bundle.json", "bundle.sig"} - set(self.files):
            self.say(MISSING, name, "is missing")
        readers = {"keys": self.add_key, "bundle.sig": self.add_note, "checkpoints": self.add_note}
        for top, add in readers.items():
            for name in sorted(name for name in self.files if name.partition("/")[0] == top):
                self.attempt(SIGNATURE, name, "is damaged, or its signature does not hold", add, name)

    def add_key(self, name: str) -> None:
        document = json.loads(self.read(name))
        pair = [*self.keys[-1:], read_key(document)] if self.trusted is None else []
        if len(pair) == 2:  # a later key must be introduced by the one before it, and prove itself
            lines, signers = open_note(document["rotation"].encode(), pair)
            if signers != set(pair) or lines[3] != f"{pair[1][1].hex()} {document['public_key']}":
                raise ValueError("not introduced")
        self.keys += pair[-1:]

    def add_note(self, name: str) -> None:
        lines, signers = open_note(self.read(name), self.keys)
        if lines[name == "bundle.sig"] not in [key[0] for key in signers]:
            self.say(SIGNATURE, name, "is not signed by a trusted key")
        if name != "bundle.sig":
            self.states.append((int(lines[1]), b64decode(lines[2]), datetime.fromisoformat(lines[3][5:])))
        elif "bundle.json" in self.files:
            if lines[2:] == ["sha256 " + sha(raw := self.read("bundle.json")).hex()]:
                self.manifest = json.loads(raw)
            else:
                self.say(ALTERED, "bundle.json", "is not what was signed; the log alone is believed")

    def check_growth(self) -> None:
        self.size = self.manifest["checkpoint"]["size"] if self.manifest else max(self.states)[0]
        self.root = next((root for size, root, _ in self.states if size == self.size), b"")
        if not self.root:
            self.say(MISSING, f"checkpoint of {self.size} leaves", "without it nothing proves the leaves")
        elif "consistency.json" in self.files:
            proofs, wrong = json.loads(self.read("consistency.json")), "no proof that the log only grew since"
            for size, root, _ in self.states:
                self.attempt(ALTERED, f"consistency.json: {size}", wrong, self.check_step, size, root, proofs)

    def check_step(self, size: int, root: bytes, proofs: Json) -> None:
        if size and (size, root) != (self.size, self.root):
            shift = (size & -size).bit_length() - 1  # the old tree's last perfect part stands for one leaf
            nodes = [root] * (size.bit_count() == 1) + [bytes.fromhex(item) for item in proofs[str(size)]]
            roots = fold(size - 1 >> shift, self.size - 1 >> shift, nodes[0], nodes[1:])
            if not 0 < size < self.size or roots != (root, self.root):
                raise ValueError("rewritten")

    def read_leaves(self) -> None:
        *lines, rest = self.read("leaves.jsonl").split(b"\n") if "leaves.jsonl" in self.files else [b""]
        if rest:
            self.say(ORDER, "leaves.jsonl: last line", "is cut off")
        for number, line in enumerate(lines, 1):
            self.attempt(ALTERED, f"leaves.jsonl: line {number}", "cannot be read", self.add_leaf, line)
        for before, after in zip(self.leaves, self.leaves[1:], strict=False):
            if after["seq"] <= before["seq"]:
                self.say(ORDER, f"leaves.jsonl: leaf {after['seq']}", f"stands after leaf {before['seq']}")
        self.unproven = len(lines) + bool(rest) - len(self.leaves)  # lines that may be what seems missing

    def add_leaf(self, line: bytes) -> None:
        entry = json.loads(line)
        record, index = json.loads(entry["record"]), entry["index"]
        leaf, path = sha(b"\0", entry["record"].encode()), [bytes.fromhex(item) for item in entry["proof"]]
        record["now"] = datetime.fromisoformat(record["clock"]["now"])
        proven = record["seq"] == index < self.size and fold(index, self.size - 1, leaf, path)[1] == self.root
        if self.root and not proven:
            self.say(ALTERED, f"leaves.jsonl: leaf {index}", "was changed: the signed log has another one")
        else:
            self.leaves.append(record)

    def count(self) -> None:
        self.lesson = self.manifest.get("lesson_id") or self.leaves[-1]["lesson_id"]  # that of the export
        self.mine = [leaf for leaf in self.leaves if leaf["lesson_id"] == self.lesson]
        self.closing = (self.bodies("lesson_closed") or [{}])[0]
        have = {leaf["lesson_seq"] for leaf in self.mine}
        stated = max({self.manifest.get("lesson_leaves", 0), self.closing.get("leaves", 0), *have})
        gone = set(range(1, min(stated, 1_000_000) + 1)) - have
        if len(gone) > self.unproven:
            cut = "leaves.jsonl" in self.files and max(gone) > max(have, default=0)
            self.say(ORDER if cut else MISSING, "leaves.jsonl", f"lacks {sorted(gone)[:9]} of {stated}")
        short = len(self.leaves) + self.unproven + len(gone) < self.manifest.get("leaves", 0)
        if short or not (self.closing or self.unproven or gone):
            self.say(MISSING, "leaves.jsonl", "its own leaves or the lesson's closing leaf are missing")
        cameras = [body["camera_id"] for body in self.bodies("segment_closed")]
        for camera in self.closing.get("cameras", ()):
            name, stated = camera["camera_id"], camera["segments"]
            if cameras.count(name) + self.unproven + len(gone) < stated:
                self.say(ORDER, f"segments of camera {name}", f"{cameras.count(name)} of {stated}")

    def check_footage(self) -> None:
        exported = (self.bodies("export") or [self.manifest])[-1]
        for item in (*self.manifest.get("files", ()), *exported["files"]):
            self.wanted[item["name"]] = item["sha256"], item["size_bytes"]
        stored = {(body["camera_id"], body["sha256"]): body for body in self.bodies("segment_stored")}
        locks = [(body, body) for body in self.bodies("original_stored")]
        for body in self.bodies("segment_closed"):
            camera, sha256 = body["camera_id"], body["sha256"]
            locks.append((body, stored.get((camera, sha256), {})))
            if exported["footage"] == "included":
                folder = quote(camera, safe="").replace(".", "%2E")
                name = f"footage/{folder}/{body['sequence']:06d}-{sha256}.mp4"
                self.wanted[name] = sha256, body["size_bytes"]
        needed = self.closing.get("retain_until", "0")
        for body, lock in locks:
            mode, until = lock.get("lock_mode"), lock.get("retain_until") or "never"
            if mode not in ("GOVERNANCE", "COMPLIANCE") or not needed <= until < "never":
                place = f"camera {body['camera_id']} segment {body['sequence']}"
                self.say(UNLOCKED, place, f"lock: {mode}, until {until}; needed: {needed}")

    def check_clock(self) -> None:
        moments = [(size - 0.5, at, Json()) for size, _, at in self.states]
        moments += [(leaf["seq"], leaf["now"], leaf) for leaf in self.leaves]
        latest = passed = datetime.min.replace(tzinfo=UTC) + TOLERANCE
        end = self.closing.get("leaves", 0)  # the closing leaf counts itself, so this is its number
        for position, at, leaf in sorted(moments, key=lambda moment: moment[0]):
            if leaf.get("clock_stepped_back_s"):
                latest, passed = at, at + timedelta(seconds=leaf["clock_stepped_back_s"])
            of_lesson = leaf.get("lesson_id") == self.lesson and leaf["lesson_seq"] <= end
            if at < latest - TOLERANCE or (of_lesson and at < passed - TOLERANCE):
                place = f"leaf {position}" if leaf else f"checkpoint after leaf {position - 0.5:.0f}"
                self.say(ORDER, place, f"the clock went back to {at} from {max(latest, passed)}")
                latest = passed = at
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
    if not {"bundle.json", "leaves.jsonl"} & set(files := files_of(path)) or (keys and not trusted):
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
        parser.error("this is no bundle, or these are no public keys: check both paths")
    origin = "given" if asked.keys else "from the bundle itself: compare with the published fingerprint"
    keys = [f"key of {key[0]}, fingerprint {sha(key[2]).hex()} ({origin})" for key in report.keys]
    code, found = report.exit_code, [finding._asdict() for finding in report.findings]
    lines = [*(f"{WORDS[f.code]}: {f.place}: {f.message}" for f in report.findings), *keys, WORDS[code]]
    if asked.json:
        lines = [json.dumps({"exit_code": code, "lesson": report.lesson, "findings": found, "keys": keys})]
    for line in lines:
        shown, encoding = "".join(c if c.isprintable() else "?" for c in line), sys.stdout.encoding or "ascii"
        print(shown.encode(encoding, "backslashreplace").decode(encoding))
    return code


if __name__ == "__main__":
    sys.exit(main())
