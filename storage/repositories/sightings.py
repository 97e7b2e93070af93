"""Judged frames, sightings and the names of tracks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from models.attendance import Presence
from models.frame import Box, FrameJudgement, Sighting, TrackNaming
from models.register import JudgedFrame, UnknownPerson
from models.timeline import Interval
from storage.repositories.resemblances import ResemblanceRepository
from storage.tables import JudgedFrameRow, NamingRow, SightingRow, TrackRow

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class SightingFilter:
    """Which sightings of a lesson; all filled fields must match."""

    within: Interval | None = None
    camera_id: str | None = None
    trainee: str | None = None
    unknown_person: str | None = None


class SightingRepository:
    """Sightings by lesson and time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._resemblances = ResemblanceRepository(session)

    def add(self, judgements: Sequence[FrameJudgement]) -> int:
        """Keep judged frames in bulk, apply their namings and keep their resemblances; returns how many
        frames were new.

        A frame that is known already (delivered twice) changes nothing. A naming holds for the track's
        sightings from ``since`` to its frame, in this batch and in earlier ones; how frames are batched
        makes no difference.
        """
        fresh = self._unknown_frames(judgements)
        frame_ids = self._insert_frames(fresh)
        tracks = self._track_numbers(fresh)
        rows = [
            _sighting_row(frame_id, face, tracks[_track(judgement, sighting.track_id)], sighting)
            for frame_id, judgement in zip(frame_ids, fresh, strict=True)
            for face, sighting in enumerate(judgement.sightings)
        ]
        for start in range(0, len(rows), _BATCH):
            self._session.execute(insert(SightingRow), rows[start : start + _BATCH])
        for judgement in fresh:
            for naming in judgement.namings:
                self._apply(judgement, tracks[_track(judgement, naming.track_id)], naming)
        self._resemblances.add(fresh)
        return len(fresh)

    def of_lesson(self, lesson_id: str, wanted: SightingFilter | None = None) -> Iterator[Sighting]:
        """By time, camera and place in the frame, as a stream: a lesson may have tens of thousands."""
        query = (
            select(SightingRow, JudgedFrameRow.at, JudgedFrameRow.camera_id, JudgedFrameRow.pts_s)
            .add_columns(TrackRow.track_key)
            .join(JudgedFrameRow, JudgedFrameRow.frame_id == SightingRow.frame_id)
            .join(TrackRow, TrackRow.track_no == SightingRow.track_no)
            .where(*_conditions(lesson_id, wanted or SightingFilter()))
            .order_by(JudgedFrameRow.at, JudgedFrameRow.camera_id, SightingRow.frame_id, SightingRow.face)
            .execution_options(yield_per=_BATCH)
        )
        for row, at, camera_id, pts_s, track_key in self._session.execute(query):
            yield _sighting(row, at, camera_id, pts_s, track_key)

    def presences(self, lesson_id: str) -> Mapping[str, tuple[Presence, ...]]:
        """What attendance needs: named sightings by trainee, each by time."""
        query = (
            select(SightingRow.trainee, JudgedFrameRow.at, JudgedFrameRow.camera_id, SightingRow.score)
            .join(JudgedFrameRow, JudgedFrameRow.frame_id == SightingRow.frame_id)
            .where(JudgedFrameRow.lesson_id == lesson_id, SightingRow.trainee.is_not(None))
            .order_by(JudgedFrameRow.at, JudgedFrameRow.camera_id, SightingRow.face)
        )
        found: dict[str, list[Presence]] = {}
        for trainee, at, camera_id, score in self._session.execute(query):
            found.setdefault(str(trainee), []).append(Presence(at, camera_id, score))
        return {trainee: tuple(presences) for trainee, presences in sorted(found.items())}

    def unknown_people(self, lesson_id: str) -> tuple[UnknownPerson, ...]:
        """People whom no roster entry explains, by first sight; follows every renaming of tracks."""
        key = SightingRow.unknown_person
        first = func.min(JudgedFrameRow.at)
        query = (
            select(key, first, func.max(JudgedFrameRow.at), func.count(), func.max(SightingRow.quality))
            .join(JudgedFrameRow, JudgedFrameRow.frame_id == SightingRow.frame_id)
            .where(JudgedFrameRow.lesson_id == lesson_id, key.is_not(None), SightingRow.trainee.is_(None))
            .group_by(key)
            .order_by(first, key)
        )
        return tuple(
            UnknownPerson(lesson_id, str(name), first_seen, last_seen, count, quality)
            for name, first_seen, last_seen, count, quality in self._session.execute(query)
        )

    def judged_frames(self, lesson_id: str, camera_id: str | None = None) -> Iterator[JudgedFrame]:
        """Frames by time: what coverage is computed from."""
        query: Select[Any] = select(JudgedFrameRow).where(JudgedFrameRow.lesson_id == lesson_id)
        if camera_id is not None:
            query = query.where(JudgedFrameRow.camera_id == camera_id)
        query = query.order_by(JudgedFrameRow.at, JudgedFrameRow.camera_id, JudgedFrameRow.frame_id)
        for row in self._session.scalars(query.execution_options(yield_per=_BATCH)):
            yield JudgedFrame(
                lesson_id, row.camera_id, row.at, row.pts_s, row.lens, row.faces_found, row.model
            )

    def namings(self, lesson_id: str) -> tuple[TrackNaming, ...]:
        """Every naming of the lesson's tracks, in the order they were decided."""
        query = (
            select(NamingRow, TrackRow.track_key)
            .join(TrackRow, TrackRow.track_no == NamingRow.track_no)
            .where(TrackRow.lesson_id == lesson_id)
            .order_by(NamingRow.naming_id)
        )
        return tuple(
            TrackNaming(key, row.trainee, row.unknown_person, row.since, row.score, row.margin)
            for row, key in self._session.execute(query)
        )

    def _unknown_frames(self, judgements: Sequence[FrameJudgement]) -> list[FrameJudgement]:
        fresh = {_frame_key(judgement): judgement for judgement in judgements}
        by_lesson: dict[str, list[FrameJudgement]] = {}
        for judgement in fresh.values():
            by_lesson.setdefault(judgement.lesson_id, []).append(judgement)
        for lesson_id, members in by_lesson.items():
            query = select(JudgedFrameRow.camera_id, JudgedFrameRow.at, JudgedFrameRow.sequence).where(
                JudgedFrameRow.lesson_id == lesson_id,
                JudgedFrameRow.at >= min(member.at for member in members),
                JudgedFrameRow.at <= max(member.at for member in members),
            )
            for camera_id, at, sequence in self._session.execute(query):
                fresh.pop((lesson_id, camera_id, at, sequence), None)
        return list(fresh.values())

    def _insert_frames(self, judgements: Sequence[FrameJudgement]) -> Sequence[int]:
        if not judgements:
            return ()
        rows = [
            {
                "lesson_id": judgement.lesson_id,
                "camera_id": judgement.camera_id,
                "sequence": judgement.sequence,
                "at": judgement.at,
                "pts_s": judgement.pts_s,
                "width": judgement.width,
                "height": judgement.height,
                "lens": judgement.lens,
                "faces_found": judgement.faces_found,
                "model": judgement.model,
            }
            for judgement in judgements
        ]
        returning = insert(JudgedFrameRow).returning(JudgedFrameRow.frame_id, sort_by_parameter_order=True)
        return self._session.scalars(returning, rows).all()

    def _track_numbers(self, judgements: Sequence[FrameJudgement]) -> dict[tuple[str, str, str], int]:
        wanted = {
            _track(judgement, track_id) for judgement in judgements for track_id in _track_ids(judgement)
        }
        known: dict[tuple[str, str, str], int] = {}
        for lesson_id, camera_id in sorted({key[:2] for key in wanted}):
            query = select(TrackRow.track_key, TrackRow.track_no).where(
                TrackRow.lesson_id == lesson_id, TrackRow.camera_id == camera_id
            )
            for track_key, track_no in self._session.execute(query):
                known[lesson_id, camera_id, track_key] = track_no
        missing = sorted(wanted - known.keys())
        if missing:
            rows = [{"lesson_id": key[0], "camera_id": key[1], "track_key": key[2]} for key in missing]
            returning = insert(TrackRow).returning(TrackRow.track_no, sort_by_parameter_order=True)
            known.update(zip(missing, self._session.scalars(returning, rows), strict=True))
        return known

    def _apply(self, judgement: FrameJudgement, track_no: int, naming: TrackNaming) -> None:
        self._session.add(
            NamingRow(
                track_no=track_no,
                trainee=naming.trainee,
                unknown_person=naming.unknown_person,
                since=naming.since,
                decided_at=judgement.at,
                score=naming.score,
                margin=naming.margin,
            )
        )
        # Later frames of the same batch bring their own names: a naming must not reach over them.
        frames = select(JudgedFrameRow.frame_id).where(
            JudgedFrameRow.lesson_id == judgement.lesson_id,
            JudgedFrameRow.at >= naming.since,
            JudgedFrameRow.at <= judgement.at,
        )
        self._session.execute(
            update(SightingRow)
            .where(SightingRow.track_no == track_no, SightingRow.frame_id.in_(frames))
            .where(_named_otherwise(naming))
            .values(trainee=naming.trainee, unknown_person=naming.unknown_person)
            .execution_options(synchronize_session=False)
        )


def _named_otherwise(naming: TrackNaming) -> ColumnElement[bool]:
    return or_(
        SightingRow.trainee.is_distinct_from(naming.trainee),
        SightingRow.unknown_person.is_distinct_from(naming.unknown_person),
    )


def _track_ids(judgement: FrameJudgement) -> list[str]:
    sighted = [sighting.track_id for sighting in judgement.sightings]
    return sighted + [naming.track_id for naming in judgement.namings]


def _conditions(lesson_id: str, wanted: SightingFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [JudgedFrameRow.lesson_id == lesson_id]
    if wanted.within is not None:
        inside = and_(JudgedFrameRow.at >= wanted.within.starts_at, JudgedFrameRow.at < wanted.within.ends_at)
        found.append(inside)
    if wanted.camera_id is not None:
        found.append(JudgedFrameRow.camera_id == wanted.camera_id)
    if wanted.trainee is not None:
        found.append(SightingRow.trainee == wanted.trainee)
    if wanted.unknown_person is not None:
        found.append(SightingRow.unknown_person == wanted.unknown_person)
    return found


def _track(judgement: FrameJudgement, track_id: str) -> tuple[str, str, str]:
    return (judgement.lesson_id, judgement.camera_id, track_id)


def _frame_key(judgement: FrameJudgement) -> tuple[str, str, datetime, int]:
    return (judgement.lesson_id, judgement.camera_id, judgement.at, judgement.sequence)


def _sighting_row(frame_id: int, face: int, track_no: int, sighting: Sighting) -> dict[str, Any]:
    return {
        "frame_id": frame_id,
        "face": face,
        "track_no": track_no,
        "trainee": sighting.trainee,
        "unknown_person": sighting.unknown_person,
        "x": sighting.box.x,
        "y": sighting.box.y,
        "width": sighting.box.width,
        "height": sighting.box.height,
        "score": sighting.score,
        "margin": sighting.margin,
        "quality": sighting.quality,
        "distance": sighting.distance,
    }


def _sighting(row: SightingRow, at: datetime, camera_id: str, pts_s: float, track_key: str) -> Sighting:
    return Sighting(
        at=at,
        camera_id=camera_id,
        frame_pts_s=pts_s,
        box=Box(row.x, row.y, row.width, row.height),
        track_id=track_key,
        trainee=row.trainee,
        score=row.score,
        margin=row.margin,
        quality=row.quality,
        unknown_person=row.unknown_person,
        distance=row.distance,
    )
