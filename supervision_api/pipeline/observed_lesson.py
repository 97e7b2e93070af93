"""Gathers what was observed of a lesson from the database, for judging it and for its reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from models.attendance import EvidenceLink, ManualEntry, Presence
from models.coverage import CLEAR, LensSpell, coverage_from_judgements, lens_spells
from models.flag_facts import Headcount
from models.footage import Gap
from models.frame import Resemblance, Sighting
from models.policy import Policy
from models.register import JudgedFrame, LessonRecord
from models.resemblance import LookAlike
from models.roster import Trainee
from models.timeline import Interval, union
from storage.repositories.sightings import SightingFilter
from storage.unit_of_work import UnitOfWork
from supervision_api.reports.lesson_outcome import UnknownPerson


@dataclass(frozen=True, slots=True)
class ObservedLesson:
    """A lesson's facts before anything is judged.

    ``sampling``: usual time between judged frames, as measured. ``recognisable``: codes of trainees with a
    template and consent; nobody else can be missed by a camera.
    """

    record: LessonRecord
    trainees: tuple[Trainee, ...]
    recognisable: frozenset[str]
    frames: tuple[JudgedFrame, ...]
    recorded: Mapping[str, tuple[Interval, ...]]
    presences: Mapping[str, tuple[Presence, ...]]
    unknown: Mapping[str, tuple[Sighting, ...]]
    headcounts: tuple[Headcount, ...]
    gaps: tuple[Gap, ...]
    manual: Mapping[str, tuple[ManualEntry, ...]]
    sampling: timedelta
    resemblances: tuple[Resemblance, ...] = ()

    @property
    def coverage(self) -> tuple[Interval, ...]:
        """When some camera of the room recorded and was judged with a clear view."""
        return coverage_from_judgements(self.frames, self.sampling, recorded=self.recorded)

    @property
    def spells(self) -> tuple[LensSpell, ...]:
        return lens_spells(self.frames, self.sampling)

    def coverage_by_camera(self) -> dict[str, tuple[Interval, ...]]:
        """The same for each camera by itself."""
        by_camera: dict[str, list[JudgedFrame]] = defaultdict(list)
        for frame in self.frames:
            by_camera[frame.camera_id].append(frame)
        return {
            camera: coverage_from_judgements(frames, self.sampling, recorded=self.recorded)
            for camera, frames in sorted(by_camera.items())
        }

    def unknown_presences(self) -> dict[str, tuple[Presence, ...]]:
        return {
            key: tuple(Presence(s.at, s.camera_id, s.quality) for s in seen)
            for key, seen in self.unknown.items()
        }

    def look_alikes(self, trainee: str) -> tuple[LookAlike, ...]:
        """Unknown people who resemble a trainee most; nobody resembles a trainee without a template."""
        if trainee not in self.recognisable:
            return ()
        seen = self.unknown_presences()
        return tuple(
            LookAlike(one, seen[one.unknown_person])
            for one in self.resemblances
            if one.trainee == trainee and one.unknown_person in seen
        )

    def model(self) -> str:
        """Fingerprint of the recognition that judged the lesson; several, if it changed meanwhile."""
        return ", ".join(sorted({frame.model for frame in self.frames})) or "none"


def observe_lesson(work: UnitOfWork, lesson_id: str) -> ObservedLesson:
    """Reads everything that the rules look at.

    Raises:
        NotFound: no such lesson.
    """
    record = work.lessons.get(lesson_id)
    frames = tuple(work.sightings.judged_frames(lesson_id))
    unknown, named = _sightings(work, lesson_id)
    segments = work.footage.segments(lesson_id)
    recorded: dict[str, list[Interval]] = defaultdict(list)
    for segment in segments:
        recorded[segment.camera_id].append(segment.interval)
    class_code = record.lesson.class_code
    return ObservedLesson(
        record=record,
        trainees=work.roster.trainees(class_code),
        recognisable=frozenset(t.trainee for t in work.faces.templates(class_code)),
        frames=frames,
        recorded={camera: union(pieces) for camera, pieces in recorded.items()},
        presences=work.sightings.presences(lesson_id),
        unknown=unknown,
        headcounts=_headcounts(frames, named),
        gaps=work.footage.gaps(lesson_id),
        manual=work.verdicts.manual(lesson_id),
        sampling=usual_sampling(frames, record.policy),
        resemblances=work.resemblances.of_lesson(lesson_id),
    )


def _sightings(
    work: UnitOfWork, lesson_id: str
) -> tuple[dict[str, tuple[Sighting, ...]], dict[tuple[str, datetime], int]]:
    """Unknown people's sightings by key, and how many named faces each frame has; one pass."""
    unknown: dict[str, list[Sighting]] = defaultdict(list)
    named: dict[tuple[str, datetime], int] = defaultdict(int)
    for sighting in work.sightings.of_lesson(lesson_id, SightingFilter()):
        if sighting.trainee is not None:
            named[sighting.camera_id, sighting.at] += 1
        elif sighting.unknown_person is not None:
            unknown[sighting.unknown_person].append(sighting)
    return {key: tuple(seen) for key, seen in sorted(unknown.items())}, named


def _headcounts(
    frames: Iterable[JudgedFrame], named: Mapping[tuple[str, datetime], int]
) -> tuple[Headcount, ...]:
    return tuple(
        Headcount(f.at, f.camera_id, f.faces_found, named.get((f.camera_id, f.at), 0))
        for f in frames
        if f.lens == CLEAR
    )


def usual_sampling(frames: Sequence[JudgedFrame], policy: Policy) -> timedelta:
    """Time between judged frames that nine in ten keep, within what the policy plans.

    A room that is settled is looked at less often on purpose, and a camera with rare keyframes cannot be
    looked at more often; neither is an outage.
    """
    wanted = policy.recognition
    spacings: list[timedelta] = []
    last: dict[str, datetime] = {}
    for frame in sorted(frames, key=lambda f: (f.camera_id, f.at)):
        if frame.camera_id in last:
            spacings.append(frame.at - last[frame.camera_id])
        last[frame.camera_id] = frame.at
    longest = max(wanted.settled_every, policy.recording.max_keyframe_interval)
    if not spacings:
        return wanted.sample_every
    spacings.sort()
    usual = spacings[min(len(spacings) - 1, len(spacings) * 9 // 10)]
    return min(max(usual, wanted.sample_every), max(longest, wanted.sample_every))


def unknown_people(observed: ObservedLesson) -> tuple[UnknownPerson, ...]:
    """Unnamed people with their stays: sightings closer than the policy's presence gap are one stay."""
    bridge = observed.record.policy.attendance.presence_gap
    people = []
    for key, shots in observed.unknown.items():
        best = max(shots, key=lambda s: (s.quality, -s.at.timestamp()))
        links = (("first_seen", shots[0]), ("best", best), ("last_seen", shots[-1]))
        evidence = tuple(EvidenceLink(what, s.at, s.camera_id, s.quality) for what, s in links)
        people.append(UnknownPerson(key, _stays([s.at for s in shots], observed.sampling, bridge), evidence))
    return tuple(people)


def _stays(instants: Sequence[datetime], sampling: timedelta, bridge: timedelta) -> tuple[Interval, ...]:
    half = sampling / 2
    pieces = [Interval(at - half, at + half) for at in instants]
    pieces += [
        Interval(before, after)
        for before, after in pairwise(instants)
        if timedelta() < after - before <= bridge
    ]
    return union(pieces)
