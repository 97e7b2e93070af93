"""``make real-people``: ``rollcall attend`` on lessons of real people, beside what is true.

    python -m tests.benchmarks.real_attend [--material ../shared] [--seeds 2] [--detector yunet hog] [--json]

For each seed a lesson is made in a temporary folder (``real_lesson``), the command runs on it once
per detector, its bundle is checked with ``rollcall verify``, and what it says is compared with the truth:
statuses, marks, false names, seconds until a name, strangers noticed. Then the same on a clip of a stage
(``real_clip``). Prints a table, or one JSON document. Nothing is asserted, nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.real_clip import clip_report
from tests.benchmarks.real_hints import Hints, hints_of
from tests.benchmarks.real_lesson import STARTS_AT, Room, lesson_toml, write_lesson

ROOT = Path(__file__).resolve().parents[2]
SETTLE_S = 4.0
"""Two samples: about a seat that has just changed hands a picture says nothing yet."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """One lesson, one detector. Shares are 0 to 1; times in seconds.

    ``false_names``: strangers or trainees named as somebody else; ``false_sightings``: their sightings.
    ``named_s``: from a trainee's first picture to the frame at which the name was given.
    ``strangers_noticed``: of those over the policy's time, how many were kept apart as an unknown person.
    """

    seed: int
    detector: str
    trainees: int
    enrolled: int
    right_status: float
    right_marks: float
    wrong: tuple[str, ...]
    named: float
    named_within_30_s: float
    median_named_s: float
    worst_named_s: float
    false_names: tuple[str, ...]
    false_sightings: int
    named_sightings: int
    strangers: int
    strangers_noticed: int
    strangers_said: int
    verified: bool
    hints: Hints


def attend(folder: Path, out: Path, detector: str, material: Path) -> None:
    """The real command, in a process of its own; names are written down as they are given.

    Raises:
        RuntimeError: the command failed; with what it said.
    """
    scratch = out.parent / f"{out.name}-data"
    environment = os.environ | {
        "ROLLCALL_DATA_DIR": str(scratch),
        "ROLLCALL_CACHE_DIR": str(ROOT / ".cache"),
        "ROLLCALL_DETECTOR": detector,
        "ROLLCALL_WEIGHTS_DIR": str(material / "models"),
        "ROLLCALL_LOG_LEVEL": "error",
        "ROLLCALL_TEST_NAMINGS": str(out.with_suffix(".namings")),
        "OMP_NUM_THREADS": "1",
    }
    inputs = [
        "--roster",
        folder / "roster",
        "--video",
        folder / "lesson.mp4",
        "--lesson",
        folder / "lesson.toml",
    ]
    command = [sys.executable, "-m", "tests.benchmarks.told_names", "attend", *map(str, inputs)]
    done = subprocess.run(
        [*command, "--out", str(out), "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"rollcall attend: {done.returncode}: {done.stderr[-2000:]}")


def verified(out: Path) -> bool:
    """Whether ``rollcall verify`` finds the bundle whole."""
    command = [sys.executable, "-m", "supervision_api.cli", "verify", str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def figures(folder: Path, out: Path, seed: int, detector: str) -> Figures:
    """What the bundle says, against the truth."""
    truth: list[Row] = json.loads((folder / "truth.json").read_text("utf-8"))
    said = json.loads((out / "attendance.json").read_text("utf-8"))
    sightings = _rows(out / "sightings.jsonl")
    by_code = {row["code"]: row for row in said["trainees"]}
    trainees = [p for p in truth if p["code"]]
    wrong = [text for p in trainees for text in _differences(p, by_code[p["code"]])]
    false = list(_false_sightings(sightings, truth))
    waits = _waits(trainees, _rows(out.with_suffix(".namings")))
    coming = [p for p in trainees if p["stays"]]
    strangers = [p for p in truth if not p["code"]]
    staying = [p for p in strangers if _length(p) > 120]
    return Figures(
        seed=seed,
        detector=detector,
        trainees=len(trainees),
        enrolled=len(trainees) - sum(1 for p in trainees if by_code[p["code"]].get("faceless")),
        right_status=_share(p["status"] == by_code[p["code"]]["status"] for p in trainees),
        right_marks=_share(p["marks"] == sorted(by_code[p["code"]]["marks"]) for p in trainees),
        wrong=tuple(wrong),
        named=len(waits) / len(coming),
        named_within_30_s=sum(wait <= 30 for wait in waits.values()) / len(coming),
        median_named_s=statistics.median(waits.values()) if waits else math.inf,
        worst_named_s=max(waits.values(), default=math.inf),
        false_names=tuple(sorted({f"{who} as {name}" for who, name in false})),
        false_sightings=len(false),
        named_sightings=sum(1 for s in sightings if s["trainee"]),
        strangers=len(strangers),
        strangers_noticed=sum(_noticed(p, sightings, truth) for p in staying),
        strangers_said=len(said["unknown_people"]),
        verified=verified(out),
        hints=hints_of(trainees, said, sightings, lambda sighting: who_sat_there(sighting, truth)),
    )


def _rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _share(found: Iterable[bool]) -> float:
    values = list(found)
    return sum(values) / len(values)


def _differences(person: Row, said: Row) -> list[str]:
    what = f"{person['code']} ({person['role']}, {person['person']}"
    what += f", {person['stays'][0]['px']:.0f} px)" if person["stays"] else ")"
    found = []
    if person["status"] != said["status"]:
        found.append(f"{what}: {said['status']}, {said['present_minutes']:.1f} min, truth {person['status']}")
    if person["marks"] != sorted(said["marks"]):
        found.append(f"{what}: marks {sorted(said['marks'])}, truth {person['marks']}")
    return found


def _length(person: Row) -> float:
    return sum(stay["to_s"] - stay["from_s"] for stay in person["stays"])


def who_sat_there(sighting: Row, truth: Sequence[Row]) -> Row | None:
    """Whose seat a sighting covers; ``None`` where nobody sits or the seat has just changed hands."""
    x, y, width, height = sighting["box"]
    at_s = sighting["frame_pts_s"]
    centre = (x + width / 2, y + height / 2)
    for person in truth:
        for stay in person["stays"]:
            near = math.dist(centre, (stay["x"], stay["y"])) < 0.6 * stay["px"]
            if near and stay["from_s"] <= at_s < stay["to_s"]:
                fresh = at_s - stay["from_s"] < SETTLE_S and stay["from_s"] > 0
                return None if fresh else person
    return None


def _false_sightings(sightings: Sequence[Row], truth: Sequence[Row]) -> Iterable[tuple[str, str]]:
    for sighting in sightings:
        if sighting["trainee"]:
            person = who_sat_there(sighting, truth)
            if person is not None and person["code"] != sighting["trainee"]:
                yield f"{person['code'] or 'stranger'} {person['person']}", sighting["trainee"]


def _waits(trainees: Sequence[Row], namings: Sequence[Row]) -> dict[str, float]:
    """Seconds from a trainee's first picture to the first frame at which the name stood."""
    waits: dict[str, float] = {}
    for naming in namings:
        at_s = (datetime.fromisoformat(naming["at"]) - STARTS_AT).total_seconds()
        for person in trainees:
            if person["code"] == naming["trainee"] and person["stays"]:
                waits.setdefault(person["code"], max(0.0, at_s - person["stays"][0]["from_s"]))
    return waits


def _noticed(stranger: Row, sightings: Sequence[Row], truth: Sequence[Row]) -> bool:
    """Seen as an unknown person in most of the stay."""
    own = [s for s in sightings if who_sat_there(s, truth) is stranger]
    return sum(1 for s in own if s["unknown_person"]) * 2.0 > _length(stranger) / 2


def table(results: Sequence[Figures]) -> str:
    """One line per lesson and detector, then what was wrong."""
    lines = ["detector  seed  status  marks  false  named  ≤30 s  median  worst  strangers  verified  hints"]
    for f in results:
        lines.append(
            f"{f.detector:8} {f.seed:5d} {f.right_status:7.1%} {f.right_marks:6.1%} {len(f.false_names):6d} "
            f"{f.named:6.1%} {f.named_within_30_s:6.1%} {f.median_named_s:6.0f}s {f.worst_named_s:5.0f}s "
            f"{f.strangers_noticed:4d}/{f.strangers:<4d}  {f.verified!s:8}  {f.hints}"
        )
        lines += [f"    {text}" for text in (*f.wrong, *(f"FALSE NAME: {name}" for name in f.false_names))]
        lines += [f"    {hint}" for hint in f.hints.given]
    every = [f.hints for f in results]
    lines.append(
        f"missed trainees {sum(len(h.missed) for h in every)}, rightly pointed at "
        f"{sum(len(h.found) for h in every)}; right hints {sum(h.right for h in every)}, "
        f"wrong hints {sum(h.wrong for h in every)}"
    )
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    beside = ROOT.parent / "shared"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--material", type=Path, default=Path(os.environ.get("ROLLCALL_TEST_DATA", beside)))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--detector", nargs="+", choices=("yunet", "hog"), default=["yunet", "hog"])
    parser.add_argument("--face-px", type=float, nargs=2, default=(55, 130), metavar=("BACK", "FRONT"))
    parser.add_argument("--people", type=int, nargs=2, default=(30, 10), metavar=("ENROLLED", "STRANGERS"))
    parser.add_argument("--floor", type=float, help="resemblance_floor of the lessons' policy")
    parser.add_argument("--no-clip", action="store_true", help="lessons only")
    parser.add_argument(
        "--keep", type=Path, help="folder for the made files; real faces: delete it afterwards"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if not (given.material / "faces" / "orl").is_dir():
        parser.exit(0, f"no material at {given.material}: nothing measured\n")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    given = _options(arguments)
    room = Room(
        smallest=given.face_px[0],
        largest=given.face_px[1],
        trainees=given.people[0],
        strangers=given.people[1],
    )
    results: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="real-people-") as scratch:
        base = given.keep or Path(scratch)
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            folder = base / f"lesson-{seed}"
            if (folder / "lesson.mp4").exists():
                (folder / "lesson.toml").write_text(lesson_toml(given.floor), "utf-8")
            else:
                write_lesson(folder, given.material, seed, room, floor=given.floor)
            for detector in given.detector:
                out = Path(scratch) / f"out-{seed}-{detector}"
                attend(folder, out, detector, given.material)
                results.append(figures(folder, out, seed, detector))
                if not given.json:
                    print(table(results[-1:]), flush=True)
        clips = (
            [] if given.no_clip else [clip_report(given.material, d, Path(scratch)) for d in given.detector]
        )
    if given.json:
        print(json.dumps({"lessons": [asdict(f) for f in results], "clip": clips}, ensure_ascii=False))
    else:
        print("\n".join([table(results), *(text for clip in clips for text in clip["lines"])]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
