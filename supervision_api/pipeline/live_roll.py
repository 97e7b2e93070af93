"""What the live page of a lesson shows, kept from judgement to judgement."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.attendance import Mark
from models.coverage import CLEAR
from models.frame import FrameJudgement, Sighting
from supervision_api import live_events
from supervision_api.live import LiveBox, LiveHub
from supervision_api.live_events import RollState

_AWAY_SHARE = 0.5
"""A trainee not seen for half the presence gap is shown as away: a hint on a page, never a verdict."""

_REFRESH = timedelta(seconds=10)


@dataclass(slots=True)
class _Entry:
    first_seen: datetime
    last_seen: datetime
    camera_id: str
    state: RollState = RollState.HERE
    told_at: datetime | None = None
    watched: timedelta = timedelta()
    marks: tuple[Mark, ...] = ()


@dataclass(slots=True)
class LiveRoll:
    """One running lesson. Marks shown here are hints by the policy's times; the verdict decides."""

    hub: LiveHub
    lesson_id: str
    starts_at: datetime
    presence_gap: timedelta
    late_after: timedelta
    _entries: dict[str, _Entry] = field(default_factory=dict)
    _unknown: dict[str, _Entry] = field(default_factory=dict)
    _tracks: dict[str, datetime] = field(default_factory=dict)
    _watched: timedelta = timedelta()
    _last_clear: dict[str, datetime] = field(default_factory=dict)

    def judged(self, judgement: FrameJudgement, jpeg: bytes | None) -> None:
        """Publishes what a judged frame changes."""
        if jpeg is not None:
            boxes = [self._box(s, judgement) for s in judgement.sightings]
            self.hub.set_picture(self.lesson_id, judgement.camera_id, jpeg, boxes, judgement.at)
        for sighting in judgement.sightings:
            self._tracks.setdefault(sighting.track_id, sighting.at)
            self._see(sighting)
        for naming in judgement.namings:
            since = self._tracks.get(naming.track_id, naming.since)
            if naming.trainee in self._entries:
                entry = self._entries[naming.trainee]
                entry.first_seen = min(entry.first_seen, max(since, naming.since))
                if entry.first_seen <= self.starts_at + self.late_after:
                    entry.marks = tuple(mark for mark in entry.marks if mark is not Mark.LATE)
        self._tell(judgement.at)
        self._cover(judgement)

    def _see(self, s: Sighting) -> None:
        if s.trainee is not None:
            book, key = self._entries, s.trainee
        elif s.unknown_person is not None:
            book, key = self._unknown, s.unknown_person
        else:
            return
        entry = book.get(key)
        if entry is None:
            first_seen = self._tracks.get(s.track_id, s.at)
            entry = book[key] = _Entry(first_seen, s.at, s.camera_id, marks=self._late(first_seen))
        elif self._watched - entry.watched > self.presence_gap and Mark.ABSENT_IN_MIDDLE not in entry.marks:
            entry.marks += (Mark.ABSENT_IN_MIDDLE,)
        entry.watched = self._watched
        entry.last_seen, entry.camera_id = max(entry.last_seen, s.at), s.camera_id

    def _late(self, first_seen: datetime) -> tuple[Mark, ...]:
        """Late only where the room was watched while the trainee was not there."""
        late = first_seen > self.starts_at + self.late_after and self._watched > self.late_after
        return (Mark.LATE,) if late else ()

    def _tell(self, at: datetime) -> None:
        for code, entry in self._entries.items():
            away = at - entry.last_seen > self.presence_gap * _AWAY_SHARE
            state = RollState.AWAY if away else RollState.HERE
            fresh = entry.told_at is not None and state is entry.state and at - entry.told_at < _REFRESH
            if fresh:
                continue
            entry.state, entry.told_at = state, at
            event = live_events.roll_entry(
                at,
                code,
                state,
                first_seen=entry.first_seen,
                last_seen=entry.last_seen,
                camera_id=entry.camera_id,
                marks=entry.marks,
            )
            self.hub.publish(self.lesson_id, event)
        for key, entry in self._unknown.items():
            if entry.last_seen != at or (entry.told_at is not None and at - entry.told_at < _REFRESH):
                continue
            entry.told_at = at
            event = live_events.unknown_person(at, key, entry.camera_id, entry.first_seen, entry.last_seen)
            self.hub.publish(self.lesson_id, event)

    def _cover(self, judgement: FrameJudgement) -> None:
        at, camera = judgement.at, judgement.camera_id
        if judgement.lens == CLEAR:
            last = max(self._last_clear.values(), default=None)
            if last is not None and self.starts_at <= last < at and at - last < timedelta(seconds=30):
                self._watched += at - last
            self._last_clear[camera] = at
        elapsed = (at - self.starts_at).total_seconds() / 60
        if elapsed > 0:
            minutes = self._watched.total_seconds() / 60
            self.hub.publish(self.lesson_id, live_events.coverage(at, minutes, elapsed))

    def _box(self, s: Sighting, judgement: FrameJudgement) -> LiveBox:
        width, height = judgement.width or 1, judgement.height or 1
        return LiveBox(
            s.box.x / width,
            s.box.y / height,
            s.box.width / width,
            s.box.height / height,
            s.trainee,
            s.unknown_person,
            s.score,
        )
