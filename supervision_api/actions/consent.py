"""Consent to face recognition: given, refused, withdrawn; faces go with it, and a leaf proves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.errors import Conflict, InvalidInput
from models.evidence import JsonValue, Leaf, LeafKind
from models.register import ConsentState, TraineeEntry
from storage.unit_of_work import UnitOfWork

ANSWERS = (ConsentState.GIVEN, ConsentState.REFUSED, ConsentState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Erasure:
    """Whose act an erasure is, and its cause: a stable code."""

    actor: str
    cause: str


def record_consent(
    work: UnitOfWork, class_code: str, code: str, state: str, actor: str, now: datetime
) -> TraineeEntry:
    """A trainee's answer and its leaf; without consent no photo and no template stays (domain.md, privacy).

    The attendance record and lawfully kept footage stay.

    Raises:
        NotFound: no such class or trainee.
        InvalidInput: no such answer, or a withdrawal of what was never given.
        Conflict: it is so already.
    """
    if state not in ANSWERS:
        raise InvalidInput(f"no answer {state!r}", place="state", hint=f"one of {', '.join(ANSWERS)}")
    answer = ConsentState(state)
    before = work.roster.entry(class_code, code)
    if before.consent is answer:
        raise Conflict(f"the consent is {answer} already", hint="load the class again")
    if answer is ConsentState.WITHDRAWN and before.consent is not ConsentState.GIVEN:
        raise InvalidInput("no consent was given", place="state", hint="record it as refused")
    entry = work.roster.set_consent(class_code, code, answer, now)
    body: dict[str, JsonValue] = {
        "class_code": class_code,
        "actor": actor,
        "state": answer.value,
        "trainees": [code],
    }
    work.evidence.append(Leaf(LeafKind.CONSENT, now, None, body))
    if answer is not ConsentState.GIVEN:
        erase_faces(work, class_code, code, Erasure(actor, f"consent_{answer.value}"), now)
        entry = work.roster.entry(class_code, code)
    return entry


def erase_faces(work: UnitOfWork, class_code: str, code: str, erasure: Erasure, now: datetime) -> None:
    """All photos and templates of a trainee, who is then resembled by nobody, and the leaf that proves it;
    nothing where there are none."""
    erased = work.faces.erase(class_code, code)
    work.resemblances.forget(class_code, code)
    if not erased.photo_sha256 and not erased.templates:
        return
    body: dict[str, JsonValue] = {
        "class_code": class_code,
        "trainee": code,
        "actor": erasure.actor,
        "cause": erasure.cause,
        "photos_sha256": [*erased.photo_sha256],
        "templates": erased.templates,
    }
    work.evidence.append(Leaf(LeafKind.ERASURE, now, None, body))
