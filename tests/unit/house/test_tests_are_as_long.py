"""CONTRIBUTING promises as many lines of test as of source: a promise that nobody counts is soon broken."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("models", "ingest", "recognition", "storage", "supervision_api")
GENERATED = ROOT / "storage" / "migrations" / "versions"


def filled_lines(files: Iterable[Path]) -> int:
    """Lines with something on them."""
    return sum(1 for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip())


def source_files() -> list[Path]:
    """What people wrote: a migration is mostly what the tables say already."""
    found = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return [path for path in found if GENERATED not in path.parents]


def test_there_is_at_least_as_much_test_as_source() -> None:
    tests, source = filled_lines((ROOT / "tests").rglob("*.py")), filled_lines(source_files())
    assert tests >= source, f"{source - tests} lines of test are missing"


def test_every_room_is_counted() -> None:
    counted = {path.relative_to(ROOT).parts[0] for path in source_files()}
    assert counted == set(ROOMS)
    assert all("versions" not in path.parts for path in source_files())


def test_blank_lines_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n\n   \n\t\n# cause\n")
    assert filled_lines([tmp_path / "a.py"]) == 2
