"""Every way to tamper with a bundle must be caught, named, and given its exact exit code.

The codes per kind of tampering are those of docs/guides/evidence.md.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.signing import Ed25519Signer, sign_note
from storage.verifier.verify import main, verify_bundle

ROUNDS = 208
"""For each of the three kinds of bundle: eight times every kind of tampering."""


@dataclass(frozen=True)
class Tampering:
    """What was done, to which place, and the code it must give."""

    name: str
    place: str
    code: int


def files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def is_signing_material(path: Path) -> bool:
    return path.parent.name in ("keys", "checkpoints") or path.name == "bundle.sig"


def flip_one_bit(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice([path for path in folder.rglob("*") if path.is_file()])
    raw = bytearray(target.read_bytes())
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    target.write_bytes(bytes(raw))
    return Tampering("flip", relative(folder, target), 13 if is_signing_material(target) else 10)


def flip_footage(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice(files(folder, "footage/**/*.mp4"))
    raw = bytearray(target.read_bytes())
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    target.write_bytes(bytes(raw))
    return Tampering("flip footage", relative(folder, target), 10)


def drop_a_file(folder: Path, chance: random.Random) -> Tampering:
    kept = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "keys"]
    target = chance.choice(kept)
    target.unlink()
    return Tampering("drop", relative(folder, target), 11)


def drop_a_key(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice(files(folder, "keys/*"))
    target.unlink()
    return Tampering("drop key", relative(folder, target), 13)


def swap_segments(folder: Path, chance: random.Random) -> Tampering:
    one, other = chance.sample(files(folder, "footage/**/*.mp4"), 2)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return Tampering("swap", relative(folder, one), 12)


def overwrite_segment_by_another(folder: Path, chance: random.Random) -> Tampering:
    one, other = chance.sample(files(folder, "footage/**/*.mp4"), 2)
    shutil.copyfile(one, other)
    return Tampering("overwrite", relative(folder, other), 12)


def rename_segment(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice(files(folder, "footage/**/*.mp4"))
    target.rename(target.with_name("000009-" + target.name.partition("-")[2]))
    return Tampering("rename", relative(folder, target), 12)


def truncate_segment(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice(files(folder, "footage/**/*.mp4"))
    raw = target.read_bytes()
    target.write_bytes(raw[: chance.randrange(len(raw))])
    return Tampering("truncate", relative(folder, target), 12)


def lengthen_segment(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice(files(folder, "footage/**/*.mp4"))
    target.write_bytes(target.read_bytes() + b"\0")
    return Tampering("lengthen", relative(folder, target), 10)


def drop_a_leaf(folder: Path, chance: random.Random) -> Tampering:
    path = folder / "leaves.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[chance.randrange(len(lines) - 1)]
    path.write_bytes(b"".join(lines))
    return Tampering("drop leaf", "leaves.jsonl", 11)


def drop_the_last_leaves(folder: Path, chance: random.Random) -> Tampering:
    path = folder / "leaves.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: -chance.randrange(1, 6)]))
    return Tampering("cut leaves", "leaves.jsonl", 12)


def swap_leaves(folder: Path, chance: random.Random) -> Tampering:
    path = folder / "leaves.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    one, other = chance.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    path.write_bytes(b"".join(lines))
    return Tampering("swap leaves", "leaves.jsonl", 12)


def cut_leaves_in_a_line(folder: Path, chance: random.Random) -> Tampering:
    path = folder / "leaves.jsonl"
    raw = path.read_bytes()
    last = raw.rfind(b"\n", 0, -1)
    path.write_bytes(raw[: chance.randrange(last + 2, len(raw) - 1)])
    return Tampering("cut line", "leaves.jsonl", 12)


def edit_attendance(folder: Path, chance: random.Random) -> Tampering:
    path = chance.choice(files(folder, "**/attendance.json"))
    path.write_bytes(path.read_bytes().replace(b"present", chance.choice([b"absent", b"not_observable"])))
    return Tampering("edit", relative(folder, path), 10)


def edit_a_record(folder: Path, chance: random.Random) -> Tampering:
    path = folder / "leaves.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    entry = chance.choice(lines)
    entry["record"] = entry["record"].replace('"v":1', '"v":2')
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return Tampering("edit record", f"leaves.jsonl: leaf {entry['index']}", 10)


def add_a_file(folder: Path, chance: random.Random) -> Tampering:
    beside = chance.choice(files(folder, "footage/**/*.mp4"))
    path = beside.with_name(f"{chance.randrange(4, 999):06d}-{'0' * 64}.mp4")
    path.write_bytes(b"staged")
    return Tampering("add", relative(folder, path), 10)


def sign_again(folder: Path, name: str, number: int) -> None:
    """Replace a note's signatures by one of a key that is not the log's, under the log's name."""
    note = folder / name
    text = note.read_text(encoding="utf-8").rpartition("\n\n")[0] + "\n"
    origin = json.loads((folder / "bundle.json").read_bytes())["origin"]
    note.write_bytes(sign_note(text, Ed25519Signer(origin, bytes([number]) * 32)).encode())


def sign_the_manifest_with_another_key(folder: Path, chance: random.Random) -> Tampering:
    """Attendance edited, the manifest made to agree, and signed by somebody else."""
    manifest = json.loads((folder / "bundle.json").read_bytes())
    path = chance.choice(files(folder, "**/attendance.json"))
    edited = path.read_bytes().replace(b"present", b"absent ")
    path.write_bytes(edited)
    for entry in manifest["files"]:
        if entry["name"] == relative(folder, path):
            entry["sha256"] = hashlib.sha256(edited).hexdigest()
    raw = json.dumps(manifest, ensure_ascii=False).encode()
    (folder / "bundle.json").write_bytes(raw)
    lines = ["rollcall-bundle/1", manifest["origin"], f"sha256 {hashlib.sha256(raw).hexdigest()}", "", ""]
    (folder / "bundle.sig").write_text("\n".join(lines), encoding="utf-8")
    sign_again(folder, "bundle.sig", chance.randrange(3, 250))
    return Tampering("sign manifest", "bundle.sig", 13)


def sign_a_checkpoint_with_another_key(folder: Path, chance: random.Random) -> Tampering:
    name = relative(folder, chance.choice(files(folder, "checkpoints/*")))
    sign_again(folder, name, chance.randrange(3, 250))
    return Tampering("sign checkpoint", name, 13)


def put_another_key_in(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice(files(folder, "keys/*"))
    document = json.loads(target.read_bytes())
    other = Ed25519Signer(document["name"], bytes([chance.randrange(3, 250)]) * 32).public_key.document()
    target.write_text(json.dumps(document | other))
    return Tampering("put key in", "keys/", 13)


def take_signatures_off(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice([*files(folder, "checkpoints/*"), folder / "bundle.sig"])
    target.write_bytes(target.read_bytes().rpartition(b"\n\n")[0] + b"\n\n")
    return Tampering("unsign", relative(folder, target), 13)


def roll_back_to_an_earlier_checkpoint(folder: Path, chance: random.Random) -> Tampering:
    """The last signed state is made to look like one that was signed before."""
    *earlier, last = files(folder, "checkpoints/*")
    shutil.copyfile(chance.choice(earlier), last)
    return Tampering("roll back", relative(folder, last), 12)


def record_of(line: bytes) -> str:
    return str(json.loads(line)["record"])


def drop_a_segment_with_its_leaves(folder: Path, chance: random.Random) -> Tampering:
    """Footage, and every record that speaks of it, as if it had never been."""
    target = chance.choice(files(folder, "footage/**/*.mp4"))
    digest = target.stem.partition("-")[2].encode()
    path = folder / "leaves.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    # A case's export leaf names its segments too; without that one the end of the log would be cut off.
    kept = [line for line in lines if digest not in line or json.loads(record_of(line))["kind"] == "export"]
    path.write_bytes(b"".join(kept))
    target.unlink()
    return Tampering("drop segment and leaves", "leaves.jsonl", 11)


def swap_records_between_leaves(folder: Path, chance: random.Random) -> Tampering:
    """Two records change places, their proofs stay."""
    path = folder / "leaves.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    one, other = chance.sample(lines, 2)
    one["record"], other["record"] = other["record"], one["record"]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return Tampering("swap records", "leaves.jsonl: leaf", 10)


def flip_a_proof(folder: Path, chance: random.Random) -> Tampering:
    path = folder / "leaves.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    entry = chance.choice([line for line in lines if line["proof"]])
    node = bytearray.fromhex(entry["proof"][0])
    node[chance.randrange(32)] ^= 1 << chance.randrange(8)
    entry["proof"][0] = node.hex()
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return Tampering("flip proof", f"leaves.jsonl: leaf {entry['index']}", 10)


TAMPERINGS: tuple[Callable[[Path, random.Random], Tampering], ...] = (
    flip_one_bit,
    flip_one_bit,
    flip_one_bit,
    flip_footage,
    drop_a_file,
    drop_a_key,
    swap_segments,
    overwrite_segment_by_another,
    rename_segment,
    truncate_segment,
    lengthen_segment,
    drop_a_leaf,
    drop_the_last_leaves,
    swap_leaves,
    cut_leaves_in_a_line,
    edit_attendance,
    edit_a_record,
    add_a_file,
    sign_the_manifest_with_another_key,
    sign_a_checkpoint_with_another_key,
    put_another_key_in,
    take_signatures_off,
    roll_back_to_an_earlier_checkpoint,
    drop_a_segment_with_its_leaves,
    swap_records_between_leaves,
    flip_a_proof,
)


def relative(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def tampered(whole: Path, scratch: Path, rounds: int) -> Iterator[tuple[int, Tampering, Path]]:
    for seed in range(rounds):
        chance = random.Random(seed)
        folder = Path(shutil.copytree(whole, scratch / str(seed)))
        done = TAMPERINGS[seed % len(TAMPERINGS)](folder, chance)
        yield seed, done, folder
        shutil.rmtree(folder)


@pytest.fixture(params=["whole_bundle", "class_bundle", "case_bundle"])
def any_bundle(request: pytest.FixtureRequest) -> Path:
    """A bundle of each kind in turn; never changed."""
    found: Path = request.getfixturevalue(request.param)
    return found


def test_the_untouched_bundle_is_whole(any_bundle: Path) -> None:
    report = verify_bundle(any_bundle)
    assert (report.exit_code, report.findings) == (0, [])


def test_no_seeded_mutation_goes_unseen_or_misnamed(any_bundle: Path, tmp_path: Path) -> None:
    wrong = []
    for seed, done, folder in tampered(any_bundle, tmp_path, ROUNDS):
        report = verify_bundle(folder)
        named = any(finding.place.startswith(done.place) for finding in report.findings)
        if report.exit_code != done.code or not named:
            wrong.append((seed, done, report.exit_code, report.findings[:4]))
    assert wrong == []


def test_footage_that_a_case_does_not_name_cannot_be_slipped_in(case_bundle: Path, tmp_path: Path) -> None:
    """Even real footage of the same lesson: the export's leaf says which segments were taken out."""
    folder = Path(shutil.copytree(case_bundle, tmp_path / "case"))
    known = {path.name for path in files(folder, "footage/**/*.mp4")}
    entries = [
        json.loads(json.loads(line)["record"]) for line in (folder / "leaves.jsonl").read_bytes().splitlines()
    ]
    bodies = [entry["body"] for entry in entries if entry["kind"] == "segment_closed"]
    left_out = [body for body in bodies if f"{body['sequence']:06d}-{body['sha256']}.mp4" not in known]
    assert len(left_out) == 3
    target = files(folder, "footage/**/*.mp4")[0].with_name(f"000003-{left_out[0]['sha256']}.mp4")
    target.write_bytes(b"whatever it is")
    report = verify_bundle(folder)
    assert (report.exit_code, [finding.place for finding in report.findings]) == (
        10,
        [relative(folder, target)],
    )


def test_one_lesson_of_a_class_cannot_vanish_with_all_its_leaves(class_bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(class_bundle, tmp_path / "class"))
    path = folder / "leaves.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    others = [line for line in lines if json.loads(record_of(line))["lesson_id"] != "HZ-2026-014/4"]
    path.write_bytes(b"".join(others))
    assert verify_bundle(folder).exit_code == 11
    (folder / "bundle.json").unlink()
    (folder / "bundle.sig").unlink()
    assert verify_bundle(folder).exit_code == 11, "the other lessons' export leaves still name it"


def test_a_class_without_its_manifest_is_still_counted_by_its_leaves(
    class_bundle: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(class_bundle, tmp_path / "class"))
    for name in ("bundle.json", "bundle.sig"):
        (folder / name).unlink()
    chance = random.Random(5)
    flip_footage(folder, chance)
    report = verify_bundle(folder)
    assert {finding.code for finding in report.findings} == {10, 11}
    assert sorted(report.lessons) == ["HZ-2026-014/3", "HZ-2026-014/4", "HZ-2026-014/5"]


def test_partial_footage_is_said_to_be_partial(case_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(case_bundle)]) == 0
    assert "footage: 3 of 6 segments" in capsys.readouterr().out
    assert main([str(case_bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["footage"] == {"here": 3, "of": 6}


@pytest.mark.parametrize("kind", dict.fromkeys(TAMPERINGS))
def test_each_kind_of_tampering_has_its_code(
    kind: Callable[[Path, random.Random], Tampering], bundle_copy: Path
) -> None:
    done = kind(bundle_copy, random.Random(4711))
    assert verify_bundle(bundle_copy).exit_code == done.code, done
