"""What the lesson's pages show: the roll of a running lesson, the sheet of a judged one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from models.attendance import EvidenceLink, Mark, Reason, Status, Verdict
from models.attendance_evidence import Shows
from models.evidence import JsonValue
from models.flags import FlagKind
from models.reason_texts import render_reason
from models.register import Correction, FlagRecord, LessonRecord, UnknownPerson
from models.resemblance import hint_in, person_number
from models.timeline import as_utc
from models.upload_flags import SUBJECT_PREFIX
from storage.unit_of_work import UnitOfWork
from supervision_api.actions.attendance import SheetEntry
from supervision_api.console import phrases
from supervision_api.console.i18n import Language
from supervision_api.live import LiveHub, LiveKind
from supervision_api.live_events import RollState

LiveState = Mapping[LiveKind, Mapping[str, Mapping[str, JsonValue]]]

# where to look for a mark: the instant that shows it best, then the next best.
_SHOWN_BY: Mapping[Mark, tuple[Shows, ...]] = {
    Mark.LATE: (Shows.FIRST_SEEN, Shows.NOT_SEEN),
    Mark.LEFT_EARLY: (Shows.LAST_SEEN, Shows.NOT_SEEN),
    Mark.ABSENT_IN_MIDDLE: (Shows.HOLE_BEGINS, Shows.NOT_SEEN, Shows.HOLE_ENDS),
}


@dataclass(frozen=True, slots=True)
class Seat:
    """One trainee on the live roll."""

    code: str
    name: str
    state: str
    first_seen: datetime | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CameraView:
    """A camera of the lesson as the live page shows it."""

    camera_id: str
    name: str
    state: str
    has_picture: bool


@dataclass(frozen=True, slots=True)
class Stranger:
    """An unknown person's stay. ``resembles``: the trainee whose verdict points at them."""

    key: str
    first_seen: datetime
    last_seen: datetime
    resembles: str = ""

    @property
    def number(self) -> str:
        """As notes call this person."""
        return person_number(self.key)


@dataclass(frozen=True, slots=True)
class Instant:
    """A footage instant with the link that plays it."""

    at: datetime
    shows: str
    link: str


@dataclass(frozen=True, slots=True)
class MarkView:
    code: str
    link: str


@dataclass(frozen=True, slots=True)
class HintView:
    """A note on an unknown person who resembles the trainee; ``unknown``: their key."""

    text: str
    unknown: str
    instant: Instant


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One trainee on the sheet; texts in the reader's language."""

    code: str
    name: str
    status: str
    machine_status: str
    marks: tuple[MarkView, ...]
    first_seen: datetime | None
    last_seen: datetime | None
    present_minutes: float
    required_minutes: float
    credited_hours: float
    reasons: tuple[str, ...]
    instants: tuple[Instant, ...]
    corrections: tuple[Correction, ...]
    pending: tuple[Correction, ...]
    cited: Mapping[str, Instant]
    policy_version: str
    hint: HintView | None = None

    @property
    def headline(self) -> str:
        told = [reason for reason in self.reasons if self.hint is None or reason != self.hint.text]
        return " · ".join(told[:2]) or self.policy_version

    @property
    def open_hint(self) -> HintView | None:
        """The note while it may still change somebody's mind: a correction to present has heeded it."""
        return self.hint if self.status in (Status.ABSENT, Status.PARTIAL) else None

    @property
    def corrected(self) -> bool:
        return bool(self.corrections)

    @property
    def notable(self) -> bool:
        """Whether someone should look: anything but a plain present."""
        return self.status != Status.PRESENT or bool(self.marks or self.corrections or self.pending)


@dataclass(frozen=True, slots=True)
class FlagView:
    """A flag as a line of a list."""

    flag_id: str
    kind: str
    state: str
    concerns: str
    lesson_id: str
    lesson_title: str
    reasons: tuple[str, ...]
    instants: tuple[Instant, ...]


def roll_of(work: UnitOfWork, live: LiveState, record: LessonRecord) -> tuple[Seat, ...]:
    """The roster with what is known of each, from the live hub or, after a restart, from the sightings."""
    entries = live.get(LiveKind.ROLL) or _roll_from_sightings(work, record)
    return tuple(
        _seat(trainee.code, trainee.name, entries.get(trainee.code))
        for trainee in work.roster.trainees(record.lesson.class_code)
    )


def _seat(code: str, name: str, entry: Mapping[str, Any] | None) -> Seat:
    if entry is None:
        return Seat(code, name, RollState.WAITING.value)
    return Seat(code, name, str(entry["state"]), _instant(entry.get("first_seen")), tuple(entry["marks"]))


def _roll_from_sightings(work: UnitOfWork, record: LessonRecord) -> dict[str, dict[str, Any]]:
    return {
        code: {"state": RollState.HERE.value, "first_seen": seen[0].at.isoformat(), "marks": []}
        for code, seen in work.sightings.presences(record.lesson.lesson_id).items()
    }


def cameras_of(
    work: UnitOfWork, hub: LiveHub, live: LiveState, record: LessonRecord
) -> tuple[CameraView, ...]:
    """The lesson's cameras with their state just now."""
    states = live.get(LiveKind.CAMERA, {})
    found = []
    for camera_id in record.lesson.cameras:
        camera = work.cameras.find(camera_id)
        name = camera.display_name if camera and camera.display_name else camera_id
        state = str(states.get(camera_id, {}).get("state", "stopped"))
        picture = hub.picture(record.lesson.lesson_id, camera_id)
        found.append(CameraView(camera_id, name, state, picture is not None))
    return tuple(found)


def strangers_of(
    work: UnitOfWork, live: LiveState, lesson_id: str, rows: Iterable[SheetRow] = ()
) -> tuple[Stranger, ...]:
    """Unknown people by first sight; ``rows``: of a judged lesson, whose notes point at some of them."""
    entries = live.get(LiveKind.UNKNOWN, {})
    known: Iterable[Stranger]
    if entries:
        known = (
            Stranger(key, _required(entry.get("first_seen")), _required(entry.get("last_seen")))
            for key, entry in entries.items()
        )
    else:
        hinted = [(row, row.open_hint) for row in rows]
        alike = {hint.unknown: f"{row.name} {row.code}" for row, hint in hinted if hint is not None}
        people = work.sightings.unknown_people(lesson_id)
        known = (_stranger(person, alike.get(person.key, "")) for person in people)
    return tuple(sorted(known, key=lambda one: (one.first_seen, one.key)))


def _stranger(person: UnknownPerson, resembles: str) -> Stranger:
    return Stranger(person.key, person.first_seen, person.last_seen, resembles)


def sheet_rows(entries: Iterable[SheetEntry], language: Language) -> tuple[SheetRow, ...]:
    """The sheet by trainee code."""
    return tuple(sheet_row(entry, language) for entry in entries)


def sheet_row(entry: SheetEntry, language: Language) -> SheetRow:
    standing, verdict = entry.standing, entry.standing.verdict
    return SheetRow(
        code=verdict.trainee,
        name=entry.trainee.name,
        status=standing.status.value,
        machine_status=verdict.status.value,
        marks=tuple(
            _mark(verdict.lesson_id, verdict.trainee, mark, verdict.evidence) for mark in standing.marks
        ),
        first_seen=verdict.first_seen,
        last_seen=verdict.last_seen,
        present_minutes=verdict.present_minutes,
        required_minutes=verdict.required_minutes,
        credited_hours=standing.credited_hours,
        reasons=reason_lines(verdict.reasons, language),
        instants=instants(verdict.lesson_id, verdict.evidence, language, trainee=verdict.trainee),
        corrections=standing.corrections,
        pending=entry.pending,
        cited=_cited((*standing.corrections, *entry.pending), language),
        policy_version=verdict.policy_version,
        hint=_hint(verdict, language),
    )


def _hint(verdict: Verdict, language: Language) -> HintView | None:
    found = hint_in(verdict)
    if found is None:
        return None
    (instant,) = instants(verdict.lesson_id, [found.link], language, trainee=verdict.trainee)
    return HintView(render_reason(found.reason, language.locale), found.unknown, instant)


def _cited(corrections: Iterable[Correction], language: Language) -> dict[str, Instant]:
    """The footage that corrections cite, by correction."""
    found = {}
    for one in corrections:
        if one.evidence is not None and one.evidence.at is not None:
            link = EvidenceLink("", one.evidence.at, one.evidence.camera_id, 0.0)
            found[one.correction_id] = instants(one.lesson_id, [link], language, trainee=one.trainee)[0]
    return found


def _mark(lesson_id: str, trainee: str, mark: Mark, links: Iterable[EvidenceLink]) -> MarkView:
    by_shows = {link.shows: link for link in links}
    found = [by_shows[shows] for shows in _SHOWN_BY[mark] if shows in by_shows]
    return MarkView(mark.value, moment_link(lesson_id, found[0], trainee=trainee) if found else "")


def reason_lines(reasons: Iterable[Reason], language: Language) -> tuple[str, ...]:
    """Reasons as sentences."""
    return tuple(render_reason(reason, language.locale) for reason in reasons)


def instants(
    lesson_id: str, links: Iterable[EvidenceLink], language: Language, **subject: str
) -> tuple[Instant, ...]:
    """Evidence links that play, in the order of time."""
    return tuple(
        Instant(
            link.at,
            phrases.say_label(language, "shows", link.shows),
            moment_link(lesson_id, link, **subject),
        )
        for link in links
        if link.camera_id
    )


def moment_link(lesson_id: str, link: EvidenceLink, **subject: str) -> str:
    """The page that plays an instant; ``subject``: ``trainee`` or ``flag``."""
    query = urlencode({"camera": link.camera_id, "at": link.at.isoformat(), "shows": link.shows, **subject})
    return f"/console/lessons/{lesson_id}/moment?{query}"


def counts_of(rows: Iterable[SheetRow]) -> dict[str, float]:
    """Trainees by status, and all credited hours together."""
    listed = tuple(rows)
    by_status = Counter(row.status.lower() for row in listed)
    counts: dict[str, float] = {status.value.lower(): by_status[status.value.lower()] for status in Status}
    return {**counts, "hours": sum(row.credited_hours for row in listed)}


def flag_views(
    flags: Iterable[FlagRecord], names: Mapping[str, str], titles: Mapping[str, str], language: Language
) -> tuple[FlagView, ...]:
    """Flags as lines. ``names``: trainee code to name; ``titles``: lesson id to title, where it is shown."""
    return tuple(
        FlagView(
            record.flag_id,
            record.flag.kind.value,
            record.flag.state.value,
            _concerns(record, names, language),
            record.flag.lesson_id,
            titles.get(record.flag.lesson_id, ""),
            reason_lines(record.flag.reasons, language),
            instants(record.flag.lesson_id, _each_once(record.flag.evidence), language, flag=record.flag_id),
        )
        for record in flags
    )


def _each_once(links: Iterable[EvidenceLink]) -> list[EvidenceLink]:
    """A line does not say what its instants show, and one may show two things: the last said is played."""
    return list({(link.camera_id, link.at): link for link in links}.values())


def _concerns(record: FlagRecord, names: Mapping[str, str], language: Language) -> str:
    subject = record.flag.subject
    if not subject:
        return language.text("The whole lesson")
    subject = subject.removeprefix(SUBJECT_PREFIX)
    if record.flag.kind is FlagKind.STRANGER:
        return language.text("Unknown")
    return f"{names[subject]} {subject}" if subject in names else subject


def _instant(value: object) -> datetime | None:
    return as_utc(datetime.fromisoformat(value)) if isinstance(value, str) else None


def _required(value: object) -> datetime:
    return as_utc(datetime.fromisoformat(str(value)))
