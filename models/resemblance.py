"""When a verdict says that an unknown person resembles the trainee it calls absent.

Somebody who sat there and was never named looks like an absence beside an unknown person. The note points a
human at the footage; it changes no status, no mark and no hour, and below the policy's floor nothing is
said: a wrong note points at a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from models.attendance import EvidenceLink, Presence, Reason, Status, Verdict
from models.attendance_evidence import Shows
from models.frame import Resemblance
from models.presence import Room, attended, relevant
from models.reason_values import instant_value, minutes_value, number_value
from models.timeline import Interval, difference, total

NOTE = "unknown_resembles"

_LEAST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LookAlike:
    """An unknown person of the lesson and whom they resemble. ``seen``: their sightings by all cameras of the
    room, with the quality of the picture as score."""

    resemblance: Resemblance
    seen: tuple[Presence, ...]


@dataclass(frozen=True, slots=True)
class Hint:
    """What a verdict says of a look-alike, and the instant to look at."""

    reason: Reason
    link: EvidenceLink

    @property
    def unknown(self) -> str:
        """Key of the unknown person."""
        return dict(self.reason.values)["unknown"]

    @property
    def trainee(self) -> str:
        """Code of the trainee."""
        return dict(self.reason.values)["trainee"]


@dataclass(frozen=True, slots=True)
class Unseen:
    """A trainee's time in a room as far as it was not proven: ``present`` is what was, ``missing`` what the
    next better status lacks."""

    trainee: str
    status: Status
    present: tuple[Interval, ...]
    missing: timedelta


def hint_for(room: Room, unseen: Unseen, alike: Iterable[LookAlike], floor: float) -> Hint | None:
    """The note on the strongest look-alike who was there while the trainee was not seen.

    Only an ``ABSENT`` or ``PARTIAL`` trainee gets one. The look-alike's time counts where the trainee has
    none, and must reach ``min_stretch`` or, where less is missing, what the next better status lacks.
    """
    if unseen.status not in (Status.ABSENT, Status.PARTIAL):
        return None
    needed = max(min(room.policy.min_stretch, unseen.missing), _LEAST)
    fitting = [one for one in alike if one.resemblance.trainee == unseen.trainee]
    fitting = [one for one in fitting if one.resemblance.evidence >= floor]
    for one in sorted(fitting, key=_strongest_first):
        hint = _hint(room, unseen, one, needed)
        if hint is not None:
            return hint
    return None


def person_number(key: str) -> str:
    """What readers in any language call an unknown person: the number in the key."""
    return key.rpartition("-")[2]


def hint_in(verdict: Verdict) -> Hint | None:
    """The note that a verdict holds."""
    reason = next((one for one in verdict.reasons if one.code == NOTE), None)
    link = next((one for one in verdict.evidence if one.shows == Shows.RESEMBLES), None)
    return Hint(reason, link) if reason is not None and link is not None else None


def hints_by_person(verdicts: Iterable[Verdict]) -> dict[str, Hint]:
    """The notes of a lesson by the unknown person they speak of; each resembles one trainee only."""
    found = (hint_in(verdict) for verdict in verdicts)
    return {hint.unknown: hint for hint in found if hint is not None}


def _strongest_first(one: LookAlike) -> tuple[float, float, str]:
    return (-one.resemblance.evidence, -one.resemblance.lead, one.resemblance.unknown_person)


def _hint(room: Room, unseen: Unseen, one: LookAlike, needed: timedelta) -> Hint | None:
    seen = relevant(room, one.seen)
    alone = difference(attended(room, (sighting.at for sighting in seen)).present, unseen.present)
    shown = _within(alone, seen)
    if not shown or total(alone) < needed:
        return None
    best = max(shown, key=lambda sighting: (sighting.score, -sighting.at.timestamp(), sighting.camera_id))
    told = one.resemblance
    values = (
        ("unknown", told.unknown_person),
        ("number", person_number(told.unknown_person)),
        ("trainee", unseen.trainee),
        ("seen_at", instant_value(best.at)),
        ("present_minutes", minutes_value(total(alone))),
        ("evidence", number_value(told.evidence)),
        ("lead", number_value(told.lead)),
    )
    link = EvidenceLink(Shows.RESEMBLES.value, best.at, best.camera_id, told.evidence)
    return Hint(Reason(NOTE, values), link)


def _within(spans: Sequence[Interval], seen: Iterable[Presence]) -> list[Presence]:
    return [one for one in seen if any(span.contains(one.at) for span in spans)]
