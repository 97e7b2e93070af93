"""Classes: created, changed, listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from models.errors import InvalidInput
from models.plain_text import is_blank, plain_text
from models.policy_overrides import with_overrides
from models.register import TrainingClass
from storage.repositories.writing import checked_id
from storage.unit_of_work import UnitOfWork

INSTITUTION = "local"
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class ClassDraft:
    """What someone files for a class; ``policy``: overrides by field name, as in a lesson file."""

    code: str
    name: str
    programme: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    policy: Mapping[str, object] = field(default_factory=dict)


def create_class(work: UnitOfWork, draft: ClassDraft, institution_name: str, now: datetime) -> TrainingClass:
    """A new class of this installation's institution.

    Raises:
        Conflict: the code is taken.
        InvalidInput: names the field.
    """
    code = checked_id(draft.code.strip(), "code")
    made = _filled(TrainingClass(code=code, name="", institution_code=INSTITUTION), draft)
    work.classes.ensure_institution(INSTITUTION, institution_name, now)
    return work.classes.add(made, now)


def change_class(work: UnitOfWork, current: TrainingClass, draft: ClassDraft) -> TrainingClass:
    """The class with the draft's values; its code stays.

    Raises:
        Conflict: changed meanwhile.
        InvalidInput: names the field.
    """
    return work.classes.change(_filled(current, draft))


def _filled(base: TrainingClass, draft: ClassDraft) -> TrainingClass:
    name = plain_text(draft.name, "name")
    if is_blank(name) or len(name) > LONGEST_NAME:
        raise InvalidInput(
            f"a class needs a name of at most {LONGEST_NAME} characters", place="name", hint="type one"
        )
    if draft.starts_on and draft.ends_on and draft.ends_on < draft.starts_on:
        raise InvalidInput("the class ends before it starts", place="ends_on", hint="check both dates")
    return replace(
        base,
        name=name,
        programme=plain_text(draft.programme, "programme")[:LONGEST_NAME],
        starts_on=draft.starts_on,
        ends_on=draft.ends_on,
        policy=with_overrides(base.policy, draft.policy),
    )
