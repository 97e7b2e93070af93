"""Five years of twenty cameras, under a virtual clock: does anything grow that should not?

    python -m tests.benchmarks.five_years [--segments N] [--cameras 20] [--steps 4] [--folder F] [--json]

Writes the rows and leaves of that many one-minute segments (``five_years_world``; a million by default) and,
at growing sizes, opens a copy of the installation and measures it (``five_years_measures``). Prints one
column per size, and how each figure grew from the first size to the last. Needs about 3.5 KB of disk per
segment, and as much again for the copy. Nothing is asserted and nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import structlog

from tests.benchmarks.five_years_measures import Measures, measure
from tests.benchmarks.five_years_world import Scale, World

ROWS = (
    ("days", "days", 0),
    ("segments", "segments", 0),
    ("leaves", "leaves of the log", 0),
    ("database_bytes", "database, bytes", 0),
    ("bytes_per_segment", "index bytes per segment", 0),
    ("open_ms", "open the installation, ms", 0),
    ("reconcile_ms", "repair at start, ms", 0),
    ("log_check_ms", "quick check of the log, ms", 0),
    ("jobs_tick_ms", "one tick of the timers, ms", 1),
    ("day_ms", "list a day's lessons, ms", 1),
    ("lesson_ms", "list a lesson's footage, ms", 1),
    ("expiring_ms", "list what expires in a month, ms", 1),
    ("expired_ms", "find what is expired, ms", 1),
    ("holds_ms", "look for holds to set, ms", 1),
    ("forecast_ms", "forecast of the room, ms", 0),
    ("append_ms", "book and confirm a segment, ms", 1),
    ("proof_ms", "prove a leaf, ms", 1),
    ("bundle_ms", "gather a lesson's evidence, ms", 0),
)


def main(arguments: list[str] | None = None) -> int:
    """Runs it; returns the exit code."""
    asked = _parser().parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    per_day = asked.cameras * asked.minutes
    scale = Scale(asked.cameras, asked.minutes, asked.trainees, math.ceil(asked.segments / per_day))
    with tempfile.TemporaryDirectory(prefix="rollcall-five-years-", dir=asked.folder) as name:
        found = simulate(Path(name), scale, asked.steps)
    if asked.json:
        json.dump([asdict(one) for one in found], sys.stdout, indent=2)
    else:
        print("\n".join(table(found)))
    return 0


def simulate(folder: Path, scale: Scale, steps: int) -> list[Measures]:
    """Grow and measure, each size twice the one before it, the last one whole."""
    data = folder / "data"
    data.mkdir()
    world = World(data, scale, datetime.now(UTC))
    found = []
    for step in range(steps):
        began = time.perf_counter()
        world.write_days(max(1, scale.days >> (steps - 1 - step)))
        wrote_s = time.perf_counter() - began
        found.append(measure(world, folder / "copy"))
        told = f"{world.segments} segments: wrote {wrote_s:.0f} s, all {time.perf_counter() - began:.0f} s"
        print(told, *table(found[-1:]), sep="\n", file=sys.stderr, flush=True)
    return found


def table(found: list[Measures]) -> list[str]:
    """One line per figure; ``growth``: the last size's against the first's."""
    lines = []
    for name, label, digits in ROWS:
        values = [float(getattr(one, name)) for one in found]
        columns = "".join(f"{value:>16,.{digits}f}" for value in values)
        growth = f"× {values[-1] / values[0]:.2f}" if values[0] else ""
        lines.append(f"{label:<34}{columns}   {growth}")
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.five_years", description=__doc__)
    parser.add_argument("--segments", type=int, default=1_000_000, help="one-minute segments in all")
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=45, help="length of each lesson")
    parser.add_argument("--trainees", type=int, default=5, help="verdicts per lesson")
    parser.add_argument("--steps", type=int, default=4, help="sizes at which to measure")
    parser.add_argument("--folder", type=Path, default=None, help="where to work; default: the system's own")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
