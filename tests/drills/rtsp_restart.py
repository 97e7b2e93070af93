"""``make drill``: a real RTSP server is killed and frozen while a lesson is recorded from it.

    python -m tests.drills.rtsp_restart [--minutes 3] [--outages 6] [--transport tcp] [--seed 1]

GStreamer's server streams a clip; a recorder with the ordinary time-outs records it. At random moments the
server is killed, or frozen with its connections open, and comes back after a random while. At the end every
second of wall time must be in footage or in a declared gap, what is declared as footage must play as long,
and the ordinary attendance rules must call nobody absent who sat there all the time. Prints a line per outage
and the account; exit 1 when anything is off by more than a second.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.retry import RetryWaits
from models.attendance import Status
from models.footage import CameraState
from models.policy import Policy, RecordingPolicy
from tests.rtsp.gst_process import GstServer, gst_missing, long_clip
from tests.rtsp.judged_run import gap_intervals, verdict_on
from tests.rtsp.live_stage import LiveStage
from tests.unit.ingest.fakes import encode_clip

TOLERANCE_S = 1.0
# Where most of a lesson was lost, nobody can say.
_HARMLESS = (Status.PRESENT, Status.NOT_OBSERVABLE)
# The clip outlasts every run.
SPARE_S = 60.0
# A camera that is silent for less than the policy's time-out has lost nothing: it sends what it had in store.
STALL_S = RecordingPolicy().stall_after.total_seconds()


@dataclass(frozen=True, slots=True)
class Outage:
    """What was done to the server, and how long it stayed so."""

    at: datetime
    kind: str
    lasted_s: float


def _cause_outage(server: GstServer, rng: random.Random) -> Outage:
    kind = rng.choice(("killed", "killed", "frozen"))
    lasted_s = rng.uniform(1.0, 25.0) if kind == "killed" else rng.uniform(3.0, 15.0)
    at = datetime.now(UTC)
    end: Callable[[], None]
    if kind == "killed":
        server.kill()
        end = server.start
    else:
        server.freeze()
        end = server.thaw
    time.sleep(lasted_s)
    end()
    return Outage(at, kind, lasted_s)


def drill(minutes: float, outages: int, transport: str, rng: random.Random, folder: Path) -> int:
    """One drill; the number of findings."""
    print(f"encoding a clip, then recording for {minutes:g} min over {transport} …", flush=True)
    clip = encode_clip(seconds=2, rate=15, gop=15, size=(640, 360))
    server = GstServer(long_clip(folder / "clip.mp4", clip, minutes * 60 + SPARE_S))
    policy = Policy(recording=RecordingPolicy(segment=timedelta(seconds=20)))
    stage = LiveStage(
        folder / "spool", server.url(transport=transport), policy=policy.recording, waits=RetryWaits()
    )
    done: list[Outage] = []
    try:
        with stage:
            stage.reach(CameraState.RECORDING)
            for _ in range(outages):
                time.sleep(max(2.0, rng.uniform(0.6, 1.4) * (minutes * 60 / outages - 15)))
                done.append(_cause_outage(server, rng))
                print(f"  {done[-1].at:%H:%M:%S} {done[-1].kind} for {done[-1].lasted_s:5.1f} s", flush=True)
            left_s = minutes * 60 - (datetime.now(UTC) - stage.began_at).total_seconds()
            time.sleep(max(15.0, left_s))
    finally:
        server.kill()
    return report(stage, policy, done)


def report(stage: LiveStage, policy: Policy, outages: list[Outage]) -> int:
    """Print the account; the number of findings."""
    for gap in stage.sink.gaps:
        print(f"  gap {gap.starts_at:%H:%M:%S} {gap.interval.duration.total_seconds():6.2f} s  {gap.cause}")
    account = stage.account()
    gaps_s = sum(account.gaps_s.values())
    seated = verdict_on(stage, lambda _at: True, policy)
    print(f"wall time        {account.wall_s:8.2f} s")
    print(f"footage declared {account.footage_s:8.2f} s in {len(stage.sink.segments)} segments")
    print(f"footage playable {account.played_s:8.2f} s")
    print(f"gaps declared    {gaps_s:8.2f} s in {len(stage.sink.gaps)} rows")
    print(f"difference       {account.off_s:+8.2f} s (allowed: {TOLERANCE_S:g} s)")
    print(f"who sat there all the time is {seated.status}, marks {[str(mark) for mark in seated.marks]}")
    undeclared = [outage for outage in outages if _must_show(outage) and not _declared(stage, outage)]
    findings = [
        ("footage and gaps do not tile the run", not account.whole),
        ("footage plus gaps is not wall time", abs(account.off_s) > TOLERANCE_S),
        (
            "footage does not play as long as declared",
            abs(account.played_s - account.footage_s) > TOLERANCE_S,
        ),
        ("a gap is held against someone", seated.status not in _HARMLESS or bool(seated.marks)),
        (f"outages without a gap: {undeclared}", bool(undeclared)),
    ]
    for sentence, wrong in findings:
        if wrong:
            print(f"FOUND: {sentence}")
    return sum(wrong for _, wrong in findings)


def _must_show(outage: Outage) -> bool:
    return outage.lasted_s > (2.0 if outage.kind == "killed" else STALL_S + 2.0)


def _declared(stage: LiveStage, outage: Outage) -> bool:
    middle = outage.at + timedelta(seconds=outage.lasted_s / 2)
    return any(gap.contains(middle) for gap in gap_intervals(stage))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--outages", type=int, default=6)
    parser.add_argument("--transport", choices=["tcp", "udp"], default="tcp")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    missing = gst_missing()
    if missing:
        print(missing)
        return 2
    with tempfile.TemporaryDirectory(prefix="rollcall-drill-") as name:
        found = drill(asked.minutes, asked.outages, asked.transport, random.Random(asked.seed), Path(name))
    # A recorder alone: what it writes is booked by nobody and goes into no store.
    print(f"no store: {'all seconds accounted for' if not found else f'{found} findings'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
