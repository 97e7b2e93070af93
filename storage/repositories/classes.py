"""Institutions and classes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errors import Conflict, NotFound
from models.policy import Policy
from models.register import Page, TrainingClass
from storage.documents import from_document, object_document
from storage.paging import checked_limit, decode_cursor, encode_cursor, page
from storage.repositories.writing import expect_revision, insert
from storage.tables import ClassRow, InstitutionRow


class ClassRepository:
    """Classes by their code."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ensure_institution(self, code: str, name: str, at: datetime) -> None:
        """Make the institution known, or leave it as it is."""
        if self._session.get(InstitutionRow, code) is None:
            insert(self._session, InstitutionRow(code=code, name=name, created_at=at))

    def institution_name(self, code: str) -> str:
        """Raises ``NotFound``."""
        row = self._session.get(InstitutionRow, code)
        if row is None:
            raise NotFound(f"no institution {code}")
        return row.name

    def add(self, training_class: TrainingClass, at: datetime) -> TrainingClass:
        """Raises ``Conflict`` when the code is taken."""
        if self.find(training_class.code) is not None:
            raise Conflict(f"class {training_class.code} exists already", hint="choose another code")
        row = ClassRow(code=training_class.code, created_at=at)
        _fill(row, training_class)
        insert(self._session, row)
        return _value(row)

    def change(self, training_class: TrainingClass) -> TrainingClass:
        """Raises ``Conflict`` when ``revision`` is no longer the stored one, ``NotFound``."""
        row = self._row(training_class.code)
        expect_revision(row, training_class.revision, f"class {training_class.code}")
        _fill(row, training_class)
        self._session.flush()
        return _value(row)

    def find(self, code: str) -> TrainingClass | None:
        row = self._session.get(ClassRow, code)
        return None if row is None else _value(row)

    def get(self, code: str) -> TrainingClass:
        """Raises ``NotFound``."""
        return _value(self._row(code))

    def page(self, cursor: str | None = None, limit: int = 50) -> Page[TrainingClass]:
        """Classes by code."""
        query = select(ClassRow).order_by(ClassRow.code).limit(checked_limit(limit) + 1)
        if cursor:
            query = query.where(ClassRow.code > decode_cursor(cursor, 1)[0])
        rows = self._session.scalars(query).all()
        return page([(_value(row), encode_cursor(row.code)) for row in rows], limit)

    def _row(self, code: str) -> ClassRow:
        row = self._session.get(ClassRow, code)
        if row is None:
            raise NotFound(f"no class {code}", hint="check the class code")
        return row


def _fill(row: ClassRow, training_class: TrainingClass) -> None:
    row.name = training_class.name
    row.institution_code = training_class.institution_code or None
    row.programme = training_class.programme
    row.starts_on = training_class.starts_on
    row.ends_on = training_class.ends_on
    row.policy = object_document(training_class.policy)
    row.policy_version = training_class.policy.version


def _value(row: ClassRow) -> TrainingClass:
    value = TrainingClass(
        code=row.code,
        name=row.name,
        institution_code=row.institution_code or "",
        programme=row.programme,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        policy=from_document(Policy, row.policy),
        created_at=row.created_at,
    )
    return replace(value, revision=row.revision)
