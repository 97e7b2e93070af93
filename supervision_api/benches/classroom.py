"""The whole classroom job beside a plain face_recognition script on the same clip."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import av
import numpy as np

from ingest.file_run import FileJob, record_file
from ingest.synthetic import scenarios
from ingest.synthetic.enrolment import write_roster
from ingest.synthetic.layout import lay_out
from ingest.synthetic.script import Role, Scenario
from ingest.synthetic.video import write_video
from models.footage import CameraReport, Gap, Segment
from models.frame import Box, FrameJudgement
from models.ports import Picture
from recognition.bench_encoder import face_encodings_of_package
from recognition.gallery import Template
from recognition.worker import RecognitionWorker
from supervision_api.pipeline.faces import FaceParts, FaceSetup, open_faces
from supervision_api.pipeline.roster_enrolment import examine_roster
from supervision_api.roster_files import read_roster

SAMPLE_EVERY = timedelta(seconds=2)
TOLERANCE = 0.6
"""face_recognition's default: a face is whoever is nearest, if nearer than this."""

Figures = dict[str, float | int | str]
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class NamedFace:
    """A face somebody named: when, where, as whom (``None``: nobody)."""

    pts_s: float
    box: Box
    name: str | None


class _NoSink:
    """Footage is recorded as in a lesson; nobody keeps the rows."""

    def segment_closed(self, segment: Segment) -> None: ...

    def gap_declared(self, gap: Gap) -> None: ...

    def camera_changed(self, report: CameraReport) -> None: ...


def bench_classroom(setup: FaceSetup, seconds: float, seats: int, progress: Progress) -> Figures:
    """Ours: record, sample, judge. Theirs: decode all, detect, encode and compare every sampled frame.

    Both use the same detector. Recall: share of the sampled (frame, trainee) pairs named rightly. False
    names: faces, in any sampled frame, under the name of somebody who does not sit there; one seat in twenty
    is a stranger's.
    """
    scenario = with_strangers(scenarios.load(seats, seconds))
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        progress(0.0, "drawing the clip")
        clip = folder / "clip.mp4"
        write_video(clip, scenario, progress=lambda done, whole: progress(0.4 * done / whole, "drawing"))
        write_roster(folder, scenario)
        faces = open_faces(setup)
        roster = examine_roster(
            read_roster(folder), scenario.starts_at.date(), faces, lambda *_: None, faceless_allowed=True
        )
        progress(0.45, "ours")
        ours, ours_s = _timed(lambda: _ours(clip, scenario, faces, roster.templates, folder))
        progress(0.55, "plain face_recognition")
        theirs, theirs_s = _timed(lambda: _theirs(clip, faces, roster.templates))
    return _figures(scenario, faces, (ours, ours_s), (theirs, theirs_s))


def with_strangers(scenario: Scenario) -> Scenario:
    """The last seat of every twenty taken by somebody who is not on the roster."""
    people = tuple(
        replace(person, code="", role=Role.STRANGER) if number % 20 == 19 else person
        for number, person in enumerate(scenario.people)
    )
    return replace(scenario, people=people)


def _timed(job: Callable[[], list[NamedFace]]) -> tuple[list[NamedFace], float]:
    began_s = time.process_time()
    found = job()
    return found, time.process_time() - began_s


def _ours(
    clip: Path, scenario: Scenario, faces: FaceParts, templates: tuple[Template, ...], folder: Path
) -> list[NamedFace]:
    worker = RecognitionWorker(faces.detector, faces.encoder, faces.calibration)
    worker.open_lesson(
        "bench", templates, policy=replace(scenario.policy.recognition, sample_every=SAMPLE_EVERY)
    )
    judgements: list[FrameJudgement] = []
    job = FileJob(clip, "bench", "camera", scenario.starts_at, SAMPLE_EVERY)
    spool = folder / "spool"
    for _ in record_file(
        job,
        policy=scenario.policy.recording,
        spool_dir=spool,
        sink=_NoSink(),
        on_frame=lambda frame: judgements.append(worker.judge(frame)),
    ):
        pass
    return _with_later_names(judgements)


def _with_later_names(judgements: list[FrameJudgement]) -> list[NamedFace]:
    """Sightings under the names their tracks got afterwards, as attendance takes them."""
    sightings = [(j.sequence, s) for j in judgements for s in j.sightings]
    named = {id(s): s.trainee for _, s in sightings}
    for judgement in judgements:
        for naming in judgement.namings:
            for sequence, s in sightings:
                if s.track_id == naming.track_id and s.at >= naming.since and sequence <= judgement.sequence:
                    named[id(s)] = naming.trainee
    return [NamedFace(s.frame_pts_s, s.box, named[id(s)]) for _, s in sightings]


def _theirs(clip: Path, faces: FaceParts, templates: tuple[Template, ...]) -> list[NamedFace]:
    face_encodings = face_encodings_of_package()
    known = np.stack([t.embedding for t in templates])
    found: list[NamedFace] = []
    for pts_s, picture in _sampled_pictures(clip):
        detections = faces.detector.detect(picture)
        rgb = np.ascontiguousarray(picture[:, :, ::-1])
        places = [_css(d.box) for d in detections]
        for detection, encoding in zip(detections, face_encodings(rgb, places), strict=True):
            distances = np.linalg.norm(known - encoding, axis=1)
            best = int(np.argmin(distances))
            name = templates[best].trainee if distances[best] <= TOLERANCE else None
            found.append(NamedFace(pts_s, detection.box, name))
    return found


def _sampled_pictures(clip: Path) -> Iterator[tuple[float, Picture]]:
    """Every picture is decoded, as the plain script does; one in two seconds is looked at."""
    due_s = 0.0
    with av.open(str(clip)) as container:
        container.streams.video[0].thread_count = 1
        for frame in container.decode(video=0):
            pts_s = float(frame.time or 0.0)
            if pts_s + 1e-6 >= due_s:
                due_s += SAMPLE_EVERY.total_seconds()
                yield pts_s, np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)


def _css(box: Box) -> tuple[int, int, int, int]:
    """(top, right, bottom, left), as face_recognition names places."""
    return (round(box.y), round(box.x + box.width), round(box.y + box.height), round(box.x))


def _score(scenario: Scenario, found: list[NamedFace]) -> tuple[float, int]:
    """Recall, and how many faces got somebody else's name. In this scenario everybody keeps their seat."""
    seats = lay_out(scenario.width, scenario.height, scenario.rows, scenario.columns)
    owner = {person.stays[0].seat: person.code for person in scenario.trainees}
    frames = {round(face.pts_s, 3) for face in found}
    right: set[tuple[float, str]] = set()
    false = 0
    for face in found:
        if face.name is None:
            continue
        index = _nearest([seat.face.centre for seat in seats], face.box.centre)
        if owner.get(index) == face.name:
            right.add((round(face.pts_s, 3), face.name))
        else:
            false += 1
    pairs = len(frames) * len(owner)
    return (len(right) / pairs if pairs else 0.0), false


def _nearest(places: list[tuple[float, float]], point: tuple[float, float]) -> int:
    return min(range(len(places)), key=lambda i: math.dist(places[i], point))


def _figures(
    scenario: Scenario,
    faces: FaceParts,
    ours: tuple[list[NamedFace], float],
    theirs: tuple[list[NamedFace], float],
) -> Figures:
    recall_ours, false_ours = _score(scenario, ours[0])
    recall_theirs, false_theirs = _score(scenario, theirs[0])
    return {
        "ratio": theirs[1] / ours[1],
        "recall_ours": recall_ours,
        "recall_baseline": recall_theirs,
        "false_names": false_ours,
        "false_names_baseline": false_theirs,
        "ours_cpu_s": ours[1],
        "baseline_cpu_s": theirs[1],
        "frames": len({face.pts_s for face in theirs[0]}),
        "people": len(scenario.trainees),
        "detector": faces.detector.fingerprint,
    }
