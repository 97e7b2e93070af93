"""Trainees. Identity numbers and phones are encrypted; lists show masked numbers only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from models.errors import Conflict, NotFound
from models.identity import masked
from models.register import ConsentState, Page, TraineeEntry
from models.roster import Enrolled, Trainee
from storage.paging import checked_limit, decode_cursor, encode_cursor, page
from storage.repositories.writing import insert, new_id
from storage.tables import PhotoRow, TemplateRow, TraineeRow
from storage.vault import Field, Purpose, Vault


class RosterRepository:
    """Trainees by class and code."""

    def __init__(self, session: Session, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    def add(
        self,
        class_code: str,
        trainees: Sequence[Trainee],
        at: datetime,
        consent: ConsentState = ConsentState.UNKNOWN,
    ) -> None:
        """All of them or none.

        Raises:
            Conflict: a code or identity number is in the class already, or twice among these.
        """
        hashes = [self._hash(trainee.id_number) for trainee in trainees]
        self._refuse_known(class_code, trainees, hashes)
        rows = [
            self._row_of(class_code, trainee, id_hash, at, consent)
            for trainee, id_hash in zip(trainees, hashes, strict=True)
        ]
        insert(self._session, *rows)

    def count(self, class_code: str) -> int:
        query = select(func.count()).select_from(TraineeRow).where(TraineeRow.class_code == class_code)
        return self._session.scalar(query) or 0

    def trainees(self, class_code: str) -> tuple[Trainee, ...]:
        """The roster by code, identity numbers **masked**, without phones: for naming, judging, sheets."""
        return tuple(
            Trainee(row.code, row.name, masked(self._id_number(row)))
            for row in self._session.scalars(_of_class(class_code))
        )

    def reveal(self, class_code: str, code: str) -> Trainee:
        """One trainee with the full identity number and phone.

        The caller appends a ``VIEW`` leaf in the same unit of work (domain.md: seeing a full number is an
        act that is recorded). Raises ``NotFound``.
        """
        row = self._row(class_code, code)
        phone = "" if row.phone is None else self._vault.decrypt(row.phone, _place("phone", row)).decode()
        return Trainee(row.code, row.name, self._id_number(row), phone)

    def entry(self, class_code: str, code: str) -> TraineeEntry:
        """Raises ``NotFound``."""
        return self._entries([self._row(class_code, code)])[0]

    def page(self, class_code: str, cursor: str | None = None, limit: int = 100) -> Page[TraineeEntry]:
        """Trainees by code."""
        query = _of_class(class_code).limit(checked_limit(limit) + 1)
        if cursor:
            query = query.where(TraineeRow.code > decode_cursor(cursor, 1)[0])
        entries = self._entries(self._session.scalars(query).all())
        return page([(entry, encode_cursor(entry.code)) for entry in entries], limit)

    def enrolled(self, class_code: str, *, renewing: bool = False) -> Enrolled:
        """Codes and identity numbers of the class as they stand now; numbers are compared by keyed hash."""
        query = select(TraineeRow.id_hash, TraineeRow.code).where(TraineeRow.class_code == class_code)
        by_hash = {row.id_hash: row.code for row in self._session.execute(query)}
        return Enrolled(frozenset(by_hash.values()), lambda number: by_hash.get(self._hash(number)), renewing)

    def same_identity(self, id_number: str) -> tuple[tuple[str, str], ...]:
        """(class code, trainee code) of everyone enrolled under this identity number."""
        query = (
            select(TraineeRow.class_code, TraineeRow.code)
            .where(TraineeRow.id_hash == self._hash(id_number))
            .order_by(TraineeRow.class_code, TraineeRow.code)
        )
        return tuple((class_code, code) for class_code, code in self._session.execute(query))

    def set_consent(self, class_code: str, code: str, state: ConsentState, at: datetime) -> TraineeEntry:
        """Record a consent or its withdrawal; the caller appends the leaf, and erases faces on withdrawal."""
        row = self._row(class_code, code)
        row.consent, row.consent_at = state, at
        self._session.flush()
        return self._entries([row])[0]

    def _row(self, class_code: str, code: str) -> TraineeRow:
        return trainee_row(self._session, class_code, code)

    def _hash(self, id_number: str) -> str:
        return self._vault.lookup_hash(id_number)

    def _id_number(self, row: TraineeRow) -> str:
        return self._vault.decrypt(row.id_number, _place("id_number", row)).decode()

    def _row_of(
        self, class_code: str, trainee: Trainee, id_hash: str, at: datetime, consent: ConsentState
    ) -> TraineeRow:
        row = TraineeRow(
            trainee_id=new_id(),
            class_code=class_code,
            code=trainee.code,
            name=trainee.name,
            id_hash=id_hash,
            consent=consent,
            consent_at=None if consent is ConsentState.UNKNOWN else at,
            created_at=at,
        )
        row.id_number = self._vault.encrypt(trainee.id_number.encode(), _place("id_number", row))
        if trainee.phone:
            row.phone = self._vault.encrypt(trainee.phone.encode(), _place("phone", row))
        return row

    def _refuse_known(self, class_code: str, trainees: Sequence[Trainee], hashes: Sequence[str]) -> None:
        query = select(TraineeRow.code, TraineeRow.id_hash).where(TraineeRow.class_code == class_code)
        known_codes: Counter[str] = Counter()
        known_hashes: Counter[str] = Counter()
        for code, id_hash in self._session.execute(query):
            known_codes[code] += 1
            known_hashes[id_hash] += 1
        known_codes.update(trainee.code for trainee in trainees)
        known_hashes.update(hashes)
        twice = [
            trainee.code
            for trainee, id_hash in zip(trainees, hashes, strict=True)
            if known_codes[trainee.code] > 1 or known_hashes[id_hash] > 1
        ]
        if twice:
            raise Conflict(
                f"already enrolled by code or identity number: {', '.join(twice[:5])}",
                place=f"class {class_code}",
                hint="take these rows out, or change the trainee instead",
            )

    def _entries(self, rows: Sequence[TraineeRow]) -> list[TraineeEntry]:
        ids = [row.trainee_id for row in rows]
        photos = self._counts(
            select(PhotoRow.trainee_id, func.count())
            .where(PhotoRow.trainee_id.in_(ids))
            .group_by(PhotoRow.trainee_id)
        )
        templates = self._counts(
            select(TemplateRow.trainee_id, func.count())
            .where(TemplateRow.trainee_id.in_(ids))
            .group_by(TemplateRow.trainee_id)
        )
        return [
            TraineeEntry(
                code=row.code,
                name=row.name,
                masked_id_number=masked(self._id_number(row)),
                consent=row.consent,
                consent_at=row.consent_at,
                photos=photos.get(row.trainee_id, 0),
                templates=templates.get(row.trainee_id, 0),
                revision=row.revision,
            )
            for row in rows
        ]

    def _counts(self, query: Select[str, int]) -> dict[str, int]:
        return {trainee_id: count for trainee_id, count in self._session.execute(query)}  # noqa: C416


def trainee_row(session: Session, class_code: str, code: str) -> TraineeRow:
    """Raises ``NotFound``."""
    query = select(TraineeRow).where(TraineeRow.class_code == class_code, TraineeRow.code == code)
    row = session.scalar(query)
    if row is None:
        raise NotFound(f"no trainee {code} in class {class_code}", hint="check class and code")
    return row


def _of_class(class_code: str) -> Select[TraineeRow]:
    return select(TraineeRow).where(TraineeRow.class_code == class_code).order_by(TraineeRow.code)


def _place(column: str, row: TraineeRow) -> Field:
    return Field(Purpose.IDENTITY, "trainees", column, row.trainee_id)
