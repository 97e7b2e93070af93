"""``python -m ingest.synthetic --scenario small --out DIR``: write a scenario for development and drills."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from ingest.synthetic.folder import write_scenario
from ingest.synthetic.scenarios import SCENARIOS, scenario
from ingest.synthetic.video import Encoding
from models.errors import RollcallError


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 written, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        chosen = scenario(options.scenario)
        width, height = options.size or (chosen.width, chosen.height)
        chosen = replace(chosen, width=width, height=height, fps=options.fps or chosen.fps)
        encoding = Encoding(codec=options.codec, threads=options.threads)
        video = write_scenario(
            options.out, chosen, encoding=encoding, photos=options.photos, progress=_progress
        )
    except (RollcallError, OSError) as exc:
        print(f"failed: {exc}", file=sys.stderr)
        return 1
    print(video)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ingest.synthetic", description=__doc__)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="small")
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    parser.add_argument("--size", type=_size, help="for example 1920x1080")
    parser.add_argument("--fps", type=int)
    parser.add_argument("--codec", default="libx264", choices=("libx264", "libx265", "mjpeg"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--photos", type=int, default=1, choices=(1, 2, 3), help="portraits per trainee")
    return parser


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError("write WIDTHxHEIGHT")
    return int(width), int(height)


def _progress(done: int, frames: int) -> None:
    if sys.stderr.isatty() and (done % 15 == 0 or done == frames):
        print(f"\r{done}/{frames} frames", end="\n" if done == frames else "", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
