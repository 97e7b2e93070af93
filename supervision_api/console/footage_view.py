"""What the footage pages show: tracks with segments and gaps, and the moment beside its claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.attendance import EvidenceLink
from models.attendance_evidence import Shows
from models.errors import NotFound
from models.footage import Gap, Segment
from models.register import LessonRecord
from models.timeline import Interval
from storage.repositories import SightingFilter
from storage.unit_of_work import UnitOfWork
from supervision_api.actions import footage
from supervision_api.actions.attendance import find_entry
from supervision_api.console import phrases
from supervision_api.console.i18n import Language
from supervision_api.console.lesson_view import Instant, instants, moment_link, reason_lines, sheet_row
from supervision_api.console.player_view import film_link
from supervision_api.routes.answers import segment_url

WIDTH = 1000.0
_TICKS = 5
# recognition judges a frame every few seconds: the nearest sighting shows where the face was.
_NEAR = timedelta(seconds=1.5)


@dataclass(frozen=True, slots=True)
class SegmentBar:
    """A segment on the timeline, in units of a 1000 wide drawing."""

    sequence: int
    starts_at: datetime
    ends_at: datetime
    x: float
    width: float
    link: str
    codec: str
    picture: str
    size_bytes: int
    sha256: str
    stored: bool


@dataclass(frozen=True, slots=True)
class GapBar:
    starts_at: datetime
    ends_at: datetime
    x: float
    width: float
    cause: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Track:
    """One camera's recorded time."""

    name: str
    segments: tuple[SegmentBar, ...]
    gaps: tuple[GapBar, ...]
    ticks: tuple[datetime, ...]
    size_bytes: int
    missing_s: float
    camera_id: str = ""

    @property
    def ticks_in_seconds(self) -> bool:
        """Whether minutes alone would write the same time twice."""
        return self.ticks[1] - self.ticks[0] < timedelta(minutes=1)


def tracks_of(work: UnitOfWork, record: LessonRecord) -> tuple[Track, ...]:
    """One track per camera that recorded, or should have."""
    lesson_id = record.lesson.lesson_id
    segments, gaps = work.footage.segments(lesson_id), work.footage.gaps(lesson_id)
    stored = footage.stored_segments(work, lesson_id)
    cameras = dict.fromkeys((*record.lesson.cameras, *(s.camera_id for s in segments)))
    return tuple(
        _track(
            camera_id,
            camera_name(work, camera_id),
            record.lesson.interval,
            [one for one in segments if one.camera_id == camera_id],
            [one for one in gaps if one.camera_id == camera_id],
            stored,
        )
        for camera_id in cameras
        if any(one.camera_id == camera_id for one in segments) or any(g.camera_id == camera_id for g in gaps)
    )


def camera_name(work: UnitOfWork, camera_id: str) -> str:
    camera = work.cameras.find(camera_id)
    return camera.display_name if camera and camera.display_name else camera_id


def _track(
    camera_id: str,
    name: str,
    lesson: Interval,
    segments: Sequence[Segment],
    gaps: Sequence[Gap],
    stored: frozenset[str],
) -> Track:
    spans = [lesson, *(one.interval for one in segments), *(one.interval for one in gaps)]
    begin, end = min(one.starts_at for one in spans), max(one.ends_at for one in spans)
    scale = _Scale(begin, end)
    bars = tuple(_segment_bar(one, scale, stored=one.segment_id in stored) for one in segments)
    holes = tuple(_gap_bar(one, scale) for one in gaps)
    missing_s = sum(hole.seconds for hole in holes)
    size_bytes = sum(one.size_bytes for one in segments)
    return Track(name, bars, holes, scale.ticks(), size_bytes, missing_s, camera_id)


def _segment_bar(segment: Segment, scale: _Scale, *, stored: bool) -> SegmentBar:
    return SegmentBar(
        sequence=segment.sequence,
        starts_at=segment.starts_at,
        ends_at=segment.ends_at,
        x=scale.x(segment.starts_at),
        width=scale.width(segment.interval),
        link=moment_link(segment.lesson_id, EvidenceLink("", segment.starts_at, segment.camera_id, 0.0)),
        codec=segment.codec,
        picture=f"{segment.width}×{segment.height}",
        size_bytes=segment.size_bytes,
        sha256=segment.sha256,
        stored=stored,
    )


def _gap_bar(gap: Gap, scale: _Scale) -> GapBar:
    return GapBar(
        starts_at=gap.starts_at,
        ends_at=gap.ends_at,
        x=scale.x(gap.starts_at),
        width=scale.width(gap.interval),
        cause=gap.cause.value,
        seconds=gap.interval.duration.total_seconds(),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        return WIDTH * ((at - self.begin) / (self.end - self.begin))

    def width(self, interval: Interval) -> float:
        # never thinner than one unit: a gap of a second must be seen.
        return max(1.0, self.x(interval.ends_at) - self.x(interval.starts_at))

    def ticks(self) -> tuple[datetime, ...]:
        """Evenly spread, from edge to edge."""
        step = (self.end - self.begin) / (_TICKS - 1)
        return tuple(self.begin + step * i for i in range(_TICKS))


@dataclass(frozen=True, slots=True)
class FaceBox:
    """Where the face was, in pixels of the picture; ``known``: whether it was named."""

    x: float
    y: float
    width: float
    height: float
    known: bool = True


@dataclass(frozen=True, slots=True)
class Claim:
    """Who or what an instant speaks for. ``resembled_by``: key of the unknown person a note points at."""

    heading: str
    status: str = ""
    marks: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    instants: tuple[Instant, ...] = ()
    trainee: str = ""
    resembled_by: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of footage with the claim it supports. ``film``: the page that plays the whole lesson."""

    claim: Claim
    at: datetime
    camera_name: str
    shows: str
    score: float | None
    source: str
    offset_s: float
    sequence: int
    sha256: str
    gap_cause: str
    picture: tuple[int, int]
    box: FaceBox | None
    film: str = ""

    @property
    def filename(self) -> str:
        """What a downloaded segment is called."""
        return f"{self.camera_name}-{self.sequence:06d}.mp4"


def claim_of_trainee(work: UnitOfWork, record: LessonRecord, code: str, language: Language) -> Claim:
    """Why the machine says so of a trainee; only the name before the lesson is judged."""
    try:
        row = sheet_row(find_entry(work, record, code), language)
    except NotFound:
        return Claim(work.roster.entry(record.lesson.class_code, code).name, trainee=code)
    marks = tuple(mark.code for mark in row.marks)
    alike = row.hint.unknown if row.hint is not None else ""
    return Claim(f"{row.name} {row.code}", row.status, marks, row.reasons, row.instants, code, alike)


def claim_of_flag(work: UnitOfWork, record: LessonRecord, flag_id: str, language: Language) -> Claim:
    """Why a flag was raised. Raises ``NotFound`` for a flag of another lesson."""
    found = work.flags.get(flag_id)
    if found.flag.lesson_id != record.lesson.lesson_id:
        raise NotFound("no such flag in this lesson", hint="open it from the list of flags")
    heading = phrases.say_label(language, "flag", found.flag.kind.value)
    links = instants(found.flag.lesson_id, found.flag.evidence, language, flag=flag_id)
    return Claim(heading, reasons=reason_lines(found.flag.reasons, language), instants=links)


def moment_of(
    work: UnitOfWork, record: LessonRecord, link: EvidenceLink, claim: Claim, language: Language
) -> Moment:
    """The instant's footage, its face box where the trainee was seen then, or the gap it falls into."""
    lesson_id = record.lesson.lesson_id
    place = footage.place_of(work, lesson_id, link.camera_id, link.at)
    segment = place.segment
    box, score = _face_at(work, lesson_id, link, claim) if claim.trainee else (None, None)
    return Moment(
        claim=claim,
        at=link.at,
        camera_name=camera_name(work, link.camera_id),
        shows=phrases.say_label(language, "shows", link.shows) if link.shows else "",
        score=score,
        source=segment_url(segment) if segment else "",
        offset_s=place.offset_s,
        sequence=segment.sequence if segment else 0,
        sha256=segment.sha256 if segment else "",
        gap_cause=place.gap.cause.value if place.gap else "",
        picture=(segment.width, segment.height) if segment else (0, 0),
        box=box if segment else None,
        film=film_link(lesson_id, link.camera_id, link.at) if segment else "",
    )


def _face_at(
    work: UnitOfWork, lesson_id: str, link: EvidenceLink, claim: Claim
) -> tuple[FaceBox | None, float | None]:
    """Where the face that the instant shows was. How sure a name is, is said of names only."""
    window = Interval(link.at - _NEAR, link.at + _NEAR)
    wanted = SightingFilter(within=window, camera_id=link.camera_id, trainee=claim.trainee)
    alike = bool(claim.resembled_by) and link.shows == Shows.RESEMBLES
    if alike:
        wanted = replace(wanted, trainee=None, unknown_person=claim.resembled_by)
    near = sorted(work.sightings.of_lesson(lesson_id, wanted), key=lambda one: abs(one.at - link.at))
    if not near:
        return None, None
    box = near[0].box
    where = FaceBox(box.x, box.y, box.width, box.height, known=not alike)
    return where, None if alike else near[0].score
