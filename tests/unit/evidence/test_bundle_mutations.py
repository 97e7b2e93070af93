"""Every way to tamper with a bundle must be caught, named, and given its exact exit code.

The codes per kind of tampering are those of docs/guides/evidence.md.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.verifier.verify import verify_bundle

ROUNDS = 320


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
    target = chance.choice(files(folder, "footage/*/*"))
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
    one, other = chance.sample(files(folder, "footage/*/*"), 2)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return Tampering("swap", relative(folder, one), 12)


def overwrite_segment_by_another(folder: Path, chance: random.Random) -> Tampering:
    one, other = chance.sample(files(folder, "footage/*/*"), 2)
    shutil.copyfile(one, other)
    return Tampering("overwrite", relative(folder, other), 12)


def rename_segment(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice(files(folder, "footage/*/*"))
    target.rename(target.with_name("000009-" + target.name.partition("-")[2]))
    return Tampering("rename", relative(folder, target), 12)


def truncate_segment(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice(files(folder, "footage/*/*"))
    raw = target.read_bytes()
    target.write_bytes(raw[: chance.randrange(len(raw))])
    return Tampering("truncate", relative(folder, target), 12)


def lengthen_segment(folder: Path, chance: random.Random) -> Tampering:
    target = chance.choice(files(folder, "footage/*/*"))
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
    path = folder / "attendance.json"
    path.write_bytes(path.read_bytes().replace(b"present", chance.choice([b"absent", b"not_observable"])))
    return Tampering("edit", "attendance.json", 10)


def edit_a_record(folder: Path, chance: random.Random) -> Tampering:
    path = folder / "leaves.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    entry = chance.choice(lines)
    entry["record"] = entry["record"].replace('"v":1', '"v":2')
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return Tampering("edit record", f"leaves.jsonl: leaf {entry['index']}", 10)


def add_a_file(folder: Path, chance: random.Random) -> Tampering:
    name = f"footage/front/{chance.randrange(4, 999):06d}-{'0' * 64}.mp4"
    (folder / name).write_bytes(b"staged")
    return Tampering("add", name, 10)


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


def test_the_untouched_bundle_is_whole(whole_bundle: Path) -> None:
    report = verify_bundle(whole_bundle)
    assert (report.exit_code, report.findings) == (0, [])


def test_no_seeded_mutation_goes_unseen_or_misnamed(whole_bundle: Path, tmp_path: Path) -> None:
    wrong = []
    for seed, done, folder in tampered(whole_bundle, tmp_path, ROUNDS):
        report = verify_bundle(folder)
        named = any(finding.place.startswith(done.place) for finding in report.findings)
        if report.exit_code != done.code or not named:
            wrong.append((seed, done, report.exit_code, report.findings[:4]))
    assert wrong == []


@pytest.mark.parametrize("kind", sorted(set(TAMPERINGS), key=lambda kind: kind.__name__))
def test_each_kind_of_tampering_has_its_code(
    kind: Callable[[Path, random.Random], Tampering], bundle_copy: Path
) -> None:
    done = kind(bundle_copy, random.Random(4711))
    assert verify_bundle(bundle_copy).exit_code == done.code, done
