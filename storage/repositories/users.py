"""People who may log in."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.errors import Conflict, NotFound
from models.register import User
from storage.repositories.writing import insert, new_id
from storage.tables import UserRow


class UserRepository:
    """Users by id and by name (names are compared as written)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, user: User) -> User:
        """Keep a user, returned with the new id. Raises ``Conflict`` when the name is taken."""
        if self.by_name(user.name) is not None:
            raise Conflict(f"user {user.name} exists already", hint="choose another name")
        kept = replace(user, user_id=user.user_id or new_id())
        row = UserRow(user_id=kept.user_id, name=kept.name)
        _fill(row, kept)
        insert(self._session, row)
        return kept

    def change(self, user: User) -> User:
        """Everything but id and name. Raises ``NotFound``."""
        row = self._row(user.user_id)
        _fill(row, user)
        self._session.flush()
        return _value(row)

    def by_name(self, name: str) -> User | None:
        row = self._session.scalar(select(UserRow).where(UserRow.name == name))
        return None if row is None else _value(row)

    def get(self, user_id: str) -> User:
        """Raises ``NotFound``."""
        return _value(self._row(user_id))

    def all(self) -> tuple[User, ...]:
        """By name."""
        return tuple(_value(row) for row in self._session.scalars(select(UserRow).order_by(UserRow.name)))

    def count(self) -> int:
        return self._session.scalar(select(func.count()).select_from(UserRow)) or 0

    def _row(self, user_id: str) -> UserRow:
        row = self._session.get(UserRow, user_id)
        if row is None:
            raise NotFound("no such user")
        return row


def _fill(row: UserRow, user: User) -> None:
    row.password_hash = user.password_hash
    row.role = user.role
    row.display_name = user.display_name
    row.locale = user.locale
    row.enabled = user.enabled


def _value(row: UserRow) -> User:
    return User(
        name=row.name,
        password_hash=row.password_hash,
        role=row.role,
        display_name=row.display_name,
        locale=row.locale,
        enabled=row.enabled,
        user_id=row.user_id,
    )
