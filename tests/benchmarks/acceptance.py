"""A drawn lesson through ``rollcall attend``, beside its ground truth.

    python -m tests.benchmarks.acceptance [--scenario acceptance] [--detector yunet|hog] [--out DIR]
    python -m tests.benchmarks.acceptance --folder DIR     a scenario written before by ingest.synthetic

Runs the command as a user would, compares status, marks, hours and flags of everybody with the truth, looks
for names on people who sit elsewhere or are not there, and verifies the bundle. Exit code 1 where anything
differs.
``--naming-times`` watches the video once more and says how long each trainee sat unnamed.
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
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.file_run import FileJob, record_file
from ingest.synthetic.folder import write_scenario
from ingest.synthetic.scenarios import SCENARIOS, scenario
from ingest.synthetic.script import WALK_S
from models.footage import CameraReport, Gap, Segment
from models.frame import FrameJudgement
from models.policy import RecognitionPolicy, RecordingPolicy
from recognition.worker import RecognitionWorker
from supervision_api.pipeline.faces import face_setup, open_faces
from supervision_api.pipeline.roster_enrolment import examine_roster
from supervision_api.roster_files import read_roster
from supervision_api.settings import Settings

_PLACE_REACH = 0.6
"""A face belongs to a seat within this share of the seat's face width."""

Truth = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was right. ``false_names``: sightings under the name of somebody who was elsewhere or away.
    ``named_after_s``: median and longest time in view before the name, where it was measured."""

    scenario: str
    detector: str
    trainees: int
    statuses_right: int
    marks_right: int
    hours_right: int
    flags_missing: tuple[str, ...]
    flags_extra: tuple[str, ...]
    false_names: int
    sightings: int
    verify_exit: int
    cpu_s: float
    wrong: tuple[str, ...]
    named_after_s: tuple[float, float] | None = None

    @property
    def holds(self) -> bool:
        whole = self.statuses_right == self.marks_right == self.hours_right == self.trainees
        flags = not self.flags_missing and not self.flags_extra
        return whole and flags and self.false_names == 0 and self.verify_exit == 0


def compare(
    truth: Truth, attendance: Truth, sightings: list[Truth], verify_exit: int, cpu_s: float
) -> Comparison:
    """Attendance as the command wrote it against what is true."""
    says = {row["code"]: row for row in attendance["trainees"]}
    wrong = [_difference(says[row["code"]], row) for row in truth["expected"]]
    expected = Counter(_flag(row["kind"], row["subject"]) for row in truth["expected_flags"])
    raised = Counter(_flag(row["kind"], row["subject"]) for row in attendance["flags"])
    return Comparison(
        scenario=truth["scenario"],
        detector=attendance["model"].split("|")[0],
        trainees=len(truth["expected"]),
        statuses_right=sum(says[row["code"]]["status"] == row["status"] for row in truth["expected"]),
        marks_right=sum(says[row["code"]]["marks"] == row["marks"] for row in truth["expected"]),
        hours_right=sum(
            says[row["code"]]["credited_hours"] == row["credited_hours"] for row in truth["expected"]
        ),
        flags_missing=tuple(sorted((expected - raised).elements())),
        flags_extra=tuple(sorted((raised - expected).elements())),
        false_names=sum(_is_false(truth, sighting) for sighting in sightings),
        sightings=len(sightings),
        verify_exit=verify_exit,
        cpu_s=round(cpu_s, 1),
        wrong=tuple(line for line in wrong if line),
    )


def _flag(kind: str, subject: str) -> str:
    """Flags about unknown people and cameras are compared by kind and number only."""
    return f"{kind} {subject}" if subject.startswith("T") else kind


def _difference(says: Truth, true: Truth) -> str:
    keys = ("status", "marks", "credited_hours")
    if all(says[key] == true[key] for key in keys):
        return ""
    return f"{true['code']}: " + ", ".join(f"{key} {says[key]} for {true[key]}" for key in keys)


def _is_false(truth: Truth, sighting: Truth) -> bool:
    """Whether a name stands where its owner is not. A walk to or from a seat may lead anywhere."""
    code, at_s = sighting["trainee"], sighting["frame_pts_s"]
    if code is None:
        return False
    stays = next(person["stays"] for person in truth["people"] if person["code"] == code)
    if any(abs(at_s - edge) <= WALK_S + 1.0 for stay in stays for edge in (stay["from_s"], stay["to_s"])):
        return False
    seated = [stay["seat"] for stay in stays if stay["from_s"] <= at_s <= stay["to_s"]]
    return not seated or not _fills(truth["seats"][seated[0]]["box"], sighting["box"])


def _fills(seat: list[float], face: list[float]) -> bool:
    off_x = face[0] + face[2] / 2 - seat[0] - seat[2] / 2
    off_y = face[1] + face[3] / 2 - seat[1] - seat[3] / 2
    return math.hypot(off_x, off_y) <= _PLACE_REACH * seat[2]


def run_attend(folder: Path, out: Path, detector: str) -> tuple[Truth, list[Truth], int, float]:
    """Attendance, sightings, the verifier's exit code and processor seconds.

    Raises:
        subprocess.CalledProcessError: the command failed; its words are on stderr.
    """
    command = [sys.executable, "-m", "supervision_api.cli"]
    environment = {**os.environ, "ROLLCALL_DETECTOR": detector}
    began_s = os.times()
    files = [
        "--roster",
        folder / "roster",
        "--video",
        folder / "lesson.mp4",
        "--lesson",
        folder / "lesson.toml",
    ]
    subprocess.run(
        [*command, "attend", "--json", *map(str, files), "--out", str(out)],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    ended_s = os.times()
    spent_s = (
        ended_s.children_user - began_s.children_user + ended_s.children_system - began_s.children_system
    )
    verified = subprocess.run([*command, "verify", str(out)], check=False, stdout=subprocess.DEVNULL)
    lines = (out / "sightings.jsonl").read_text("utf-8").splitlines()
    attendance: Truth = json.loads((out / "attendance.json").read_text("utf-8"))
    return attendance, [json.loads(line) for line in lines], verified.returncode, spent_s


class _NoSink:
    """Footage is not kept here."""

    def segment_closed(self, segment: Segment) -> None: ...

    def gap_declared(self, gap: Gap) -> None: ...

    def camera_changed(self, report: CameraReport) -> None: ...


def naming_times(folder: Path, truth: Truth, detector: str) -> tuple[float, float]:
    """Median and longest time that a trainee could be seen before the name was given, seconds."""
    setup = face_setup(Settings(detector=detector))  # type: ignore[arg-type]
    faces = open_faces(setup)
    begins = datetime.fromisoformat(truth["starts_at"])
    roster = examine_roster(
        read_roster(folder / "roster"), begins.date(), faces, lambda *_: None, faceless_allowed=True
    )
    worker = RecognitionWorker(faces.detector, faces.encoder, faces.calibration)
    worker.open_lesson("times", roster.templates)
    named: dict[str, float] = {}

    def note(judgement: FrameJudgement) -> None:
        for naming in judgement.namings:
            if naming.trainee is not None:
                named.setdefault(naming.trainee, judgement.pts_s)

    with tempfile.TemporaryDirectory() as spool:
        job = FileJob(folder / "lesson.mp4", "times", "camera", begins, RecognitionPolicy().sample_every)
        for _ in record_file(
            job,
            policy=RecordingPolicy(),
            spool_dir=Path(spool),
            sink=_NoSink(),
            on_frame=lambda frame: note(worker.judge(frame)),
        ):
            pass
    waits = [
        max(0.0, named.get(person["code"], truth["duration_s"]) - person["visible"][0][0])
        for person in truth["people"]
        if person["code"] and person["visible"]
    ]
    return round(statistics.median(waits), 1), round(max(waits), 1)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="acceptance")
    parser.add_argument("--folder", type=Path, help="a scenario that is there already")
    parser.add_argument("--detector", choices=("auto", "yunet", "hog"), default="auto")
    parser.add_argument("--out", type=Path, help="where the bundle goes; a temporary folder unless given")
    parser.add_argument("--naming-times", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="rollcall-acceptance-") as name:
        folder = options.folder or Path(name) / "scenario"
        if options.folder is None:
            write_scenario(folder, scenario(options.scenario))
        truth = json.loads((folder / "ground_truth.json").read_text("utf-8"))
        out = options.out or Path(name) / "bundle"
        found = asdict(compare(truth, *run_attend(folder, out, options.detector)))
        if options.naming_times:
            found["named_after_s"] = naming_times(folder, truth, options.detector)
    result = Comparison(**found)
    report(result, as_json=options.json)
    return 0 if result.holds else 1


def report(found: Comparison, *, as_json: bool) -> None:
    """The comparison, for people or for programs."""
    if as_json:
        print(json.dumps({**asdict(found), "holds": found.holds}, ensure_ascii=False))
        return
    print(f"{found.scenario} with {found.detector}: {'holds' if found.holds else 'DIFFERS'}")
    print(
        f"  status {found.statuses_right}, marks {found.marks_right}, hours {found.hours_right}"
        f" of {found.trainees} right; {found.false_names} false names in {found.sightings} sightings;"
        f" verify {found.verify_exit}; {found.cpu_s} s of processor time"
    )
    if found.named_after_s is not None:
        print(f"  named after {found.named_after_s[0]} s in the middle, {found.named_after_s[1]} s at most")
    for line in (*found.wrong, *(f"missing flag {f}" for f in found.flags_missing)):
        print(f"  {line}")
    for flag in found.flags_extra:
        print(f"  extra flag {flag}")


if __name__ == "__main__":
    sys.exit(main())
