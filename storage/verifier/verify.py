"""Checks a Rollcall bundle of a lesson, case or class: a folder or zip. Python 3.11 and `cryptography`.

Exit: 0 whole, 10 altered, 11 missing, 12 reordered or truncated, 13 bad or unknown signature, 14 not locked,
2 usage; the gravest finding decides. Nothing is trusted, written or followed. See docs/guides/evidence.md."""

import argparse
import hashlib
import json
import sys
import zipfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALTERED, MISSING, ORDER, SIGNATURE, UNLOCKED = 10, 11, 12, 13, 14
WORDS = {13: "bad or unknown signature 签名无效或密钥未知", 10: "altered 被改动"}  # the gravest first
WORDS |= {12: "reordered or truncated 错序或截断", 11: "missing 缺失", 14: "no lock 未锁定", 0: "whole 完整"}
LIMIT, SLACK, SKIP = 1 << 27, timedelta(seconds=2), {"bundle.json", "bundle.sig", ".DS_Store", "Thumbs.db"}
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
    name, raw = document["name"], b64decode(document["public_key"], validate=True)
    return name, sha(name.encode(), b"\n\x04" if "/" in document["algorithm"] else b"\n\x01", raw)[:4], raw


def open_note(note: bytes, keys: Sequence[Key]) -> tuple[list[str], set[Key]]:
    """Lines and signers of a note (c2sp.org/signed-note); unknown keys say nothing, bad signatures raise."""
    text, _, block = note.decode().rpartition("\n\n")
    (*lines, end), signers = block.split("\n"), set[Key]()
    for dash, signer, encoded in (line.split(" ") for line in lines):
        blob = b64decode(encoded, validate=True)
        if dash != "—" or end or len(blob) not in (68, 76) or b64encode(blob).decode() != encoded:
            raise ValueError("not a signature line")  # 76: c2sp.org/tlog-cosignature, with its time
        when = f"cosignature/v1\ntime {int.from_bytes(blob[4:-64])}\n" * (len(blob) == 76)
        for key in (key for key in keys if key[:2] == (signer, blob[:4])):
            Ed25519PublicKey.from_public_bytes(key[2]).verify(blob[-64:], f"{when}{text}\n".encode())
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
    """One bundle's check, done when made: ``findings``, ``exit_code``, ``keys``, ``lessons``, ``wanted``."""

    def __init__(self, files: dict[str, Any], trusted: list[Key] | None) -> None:
        self.files, self.trusted, self.keys = files, trusted, list(trusted or ())
        self.findings, self.cosigned, self.segments = list[Finding](), list[str](), 0
        self.size, self.root, self.states = 0, b"", list[tuple[int, bytes, datetime]]()  # size, root, time
        self.leaves, self.lessons = list[Json](), dict[str, list[Json]]()  # proven; those of each lesson
        self.manifest, self.export, self.closings = Json(), Json(), dict[str, Json]()  # of each lesson
        self.wanted = dict.fromkeys({"bundle.json", "bundle.sig"} - set(files), ("", 0))  # hash and size
        steps = (self.read_signed, self.check_growth, self.read_leaves, self.count, self.check_footage)
        for step in (*steps, self.check_clock, self.check_files):
            self.attempt(ALTERED, step.__name__.replace("_", " "), "something cannot be interpreted", step)
        self.exit_code = next((c for c in WORDS if c in [f.code for f in self.findings]), 0)

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

    def bodies(self, lesson: str, kind: str) -> list[Json]:
        return [leaf["body"] for leaf in self.lessons[lesson] if leaf["kind"] == kind]

    def read_signed(self) -> None:
        readers = {"keys": self.add_key, "cosigners": self.add_key, "timestamps": self.add_token}
        for top in (*readers, "bundle.sig", "checkpoints"):
            for name in sorted(name for name in self.files if name.partition("/")[0] == top):
                self.attempt(SIGNATURE, name, "is damaged or forged", readers.get(top, self.add_note), name)

    def add_key(self, name: str) -> None:
        document = json.loads(self.read(name))
        pair = [*self.keys[-1:] * name.startswith("keys"), read_key(document)] if self.trusted is None else []
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
            self.cosigned += [f"{lines[1]} leaves co-signed by {k[0]}" for k in signers if k[0] != lines[0]]
        elif "bundle.json" in self.files and lines[2:] == ["sha256 " + sha(self.read("bundle.json")).hex()]:
            self.manifest = json.loads(self.read("bundle.json"))
        elif "bundle.json" in self.files:
            self.say(ALTERED, "bundle.json", "is not what was signed; the log alone is believed")

    def add_token(self, name: str) -> None:  # over one of the notes; by whom: rollcall verify --tsa-ca
        min(note for note in self.files if note[-5:] == ".note" and sha(self.read(note)) in self.read(name))

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

    def add_leaf(self, line: bytes) -> None:
        entry = json.loads(line)
        record, index = json.loads(entry["record"]), entry["index"]
        leaf, path = sha(b"\0", entry["record"].encode()), [bytes.fromhex(item) for item in entry["proof"]]
        proven = record["seq"] == index < self.size and fold(index, self.size - 1, leaf, path)[1] == self.root
        if self.root and not proven:
            self.say(ALTERED, f"leaves.jsonl: leaf {index}", "was changed: the signed log has another one")
        else:
            self.leaves.append(record)
            if max(leaf["seq"] for leaf in self.leaves[-2:]) > index:
                self.say(ORDER, f"leaves.jsonl: leaf {index}", "stands after a later one")

    def count(self) -> None:
        last = ([leaf for leaf in self.leaves if leaf["kind"] == "export"] or self.leaves or [Json()])[-1]
        self.export, seqs = self.manifest or last["body"], [leaf["seq"] for leaf in self.leaves]
        code = ORDER if "leaves.jsonl" in self.files and max([-1, *seqs]) < self.size - 1 else MISSING
        if len(seqs) < self.manifest.get("leaves", 0) or code == ORDER:  # the export itself is the last leaf
            self.say(code, "leaves.jsonl", f"{len(seqs)} leaves up to number {max([-1, *seqs])} are proven")
        for lesson in self.export.get("lessons") or [self.export.get("lesson_id") or last["lesson_id"]]:
            mine = self.lessons[lesson] = [leaf for leaf in self.leaves if leaf["lesson_id"] == lesson]
            closing = self.closings[lesson] = (self.bodies(lesson, "lesson_closed") or [{}])[0]
            numbers = {leaf["lesson_seq"] for leaf in mine}
            gone = sorted({*range(1, min(max({closing.get("leaves", 0), *numbers}), 10**6) + 1)} - numbers)
            if gone or not closing:
                self.say(code, "leaves.jsonl", f"{lesson} lacks {gone[:9] or 'its closing leaf'}")
            cameras = [body["camera_id"] for body in self.bodies(lesson, "segment_closed")]
            for name, number in [(it["camera_id"], it["segments"]) for it in closing.get("cameras", ())]:
                if cameras.count(name) + len(gone) < number:
                    self.say(ORDER, f"segments of camera {name}", f"{cameras.count(name)} of {number}")

    def check_footage(self) -> None:
        exports = [body for lesson in self.lessons for body in self.bodies(lesson, "export")[-1:]]
        for item in (file for source in (self.manifest, *exports) for file in source.get("files", ())):
            self.wanted[item["name"]] = item["sha256"], item["size_bytes"]
        for lesson in self.lessons:
            stored = {(it["camera_id"], it["sha256"]): it for it in self.bodies(lesson, "segment_stored")}
            locks = [(body, body) for body in self.bodies(lesson, "original_stored")]
            for body in self.bodies(lesson, "segment_closed"):
                locks.append((body, stored.get((body["camera_id"], body["sha256"]), {})))
                self.segments += 1
                if self.export["footage"] == "included" or body["sha256"] in self.export.get("segments", ()):
                    parts = [lesson, body["camera_id"]][self.export.get("scope", "lesson") == "lesson" :]
                    folder = "/".join(quote(part, safe="").replace(".", "%2E") for part in parts)
                    name = f"footage/{folder}/{body['sequence']:06d}-{body['sha256']}.mp4"
                    self.wanted[name] = body["sha256"], body["size_bytes"]
            needed = self.closings[lesson].get("retain_until", "0")
            for body, lock in locks:
                mode, until = lock.get("lock_mode"), lock.get("retain_until") or "never"
                if mode not in ("GOVERNANCE", "COMPLIANCE") or not needed <= until < "never":
                    place = f"camera {body['camera_id']} segment {body['sequence']}"
                    self.say(UNLOCKED, place, f"lock: {mode}, until {until}; needed: {needed}")

    def check_clock(self) -> None:
        moments = [(size - 0.5, at, Json()) for size, _, at in self.states]
        moments += [(it["seq"], datetime.fromisoformat(it["clock"]["now"]), it) for it in self.leaves]
        latest, floors, running = datetime.min.replace(tzinfo=UTC) + SLACK, Json(), set[str]()
        for position, at, leaf in sorted(moments, key=lambda moment: moment[0]):
            lesson, number = leaf.get("lesson_id") or "", leaf.get("lesson_seq") or 0
            end = self.closings.get(lesson, {}).get("leaves", 0)  # the closing leaf counts itself
            if step := leaf.get("clock_stepped_back_s"):  # told: that clears the log, not a running lesson
                latest, floors = at, floors | dict.fromkeys(running, at + timedelta(seconds=step))
            floor = max(latest, floors.get(lesson, latest) if number <= end else latest)
            if at < floor - SLACK:
                self.say(ORDER, f"leaf {position:g}", f"the clock went back to {at} from {floor}")
                latest, floors = at, Json()
            latest, running = max(latest, at), running | {lesson} if number < end else running - {lesson}

    def digest(self, name: str) -> tuple[str, int]:
        with self.files[name]("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest(), source.tell()

    def check_files(self) -> None:
        told = {finding.place.partition(": ")[0] for finding in self.findings}
        with ThreadPoolExecutor(4) as pool:
            given = ((ALTERED, name, "cannot be read", self.digest, name) for name in self.files)
            have = dict(zip(self.files, pool.map(lambda it: self.attempt(*it), given), strict=True))
        strays = {name for name in have if name.split("/")[-1] not in SKIP} - set(self.wanted) - told
        owners = {sha256: name for name, (sha256, _) in self.wanted.items()}
        for name, (sha256, size) in sorted(self.wanted.items()):
            if name not in have:
                moved = next((stray for stray in sorted(strays) if have[stray] == (sha256, size)), "")
                self.say(ORDER if moved else MISSING, name, f"lies under {moved}" if moved else "is missing")
                strays.discard(moved)
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
    return Report(files, trusted if keys else None)


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
    keys = [f"key of {k[0]}, fingerprint {sha(k[2]).hex()} ({origin})" for k in report.keys] + report.cosigned
    lines = [f"{WORDS[f.code]}: {f.place}: {f.message}" for f in report.findings]
    here, known = sum(name.startswith("footage/") for name in report.wanted), report.segments
    lines += [*keys, f"footage: {here} of {known} segments, others by hash", WORDS[report.exit_code]]
    if asked.json:
        told = {"lesson": ", ".join(report.lessons), "keys": keys, "footage": {"here": here, "of": known}}
        found = [finding._asdict() for finding in report.findings]
        lines = [json.dumps(told | {"exit_code": report.exit_code, "findings": found})]
    for line in lines:
        shown, encoding = "".join(c if c.isprintable() else "?" for c in line), sys.stdout.encoding or "ascii"
        print(shown.encode(encoding, "backslashreplace").decode(encoding))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
