"""Login sessions and the brake on failed log-ins."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from models.register import LoginSession, LoginThrottle
from storage.repositories.writing import insert
from storage.tables import LoginSessionRow, LoginThrottleRow


class LoginRepository:
    """Sessions by token hash, throttles by subject."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, login: LoginSession) -> None:
        insert(
            self._session,
            LoginSessionRow(
                token_hash=login.token_hash,
                csrf_hash=login.csrf_hash,
                user_id=login.user_id,
                created_at=login.created_at,
                expires_at=login.expires_at,
            ),
        )

    def find(self, token_hash: str, now: datetime) -> LoginSession | None:
        """The session, unless it has expired."""
        row = self._session.get(LoginSessionRow, token_hash)
        if row is None or row.expires_at <= now:
            return None
        return LoginSession(row.token_hash, row.csrf_hash, row.user_id, row.created_at, row.expires_at)

    def close(self, token_hash: str) -> None:
        self._session.execute(delete(LoginSessionRow).where(LoginSessionRow.token_hash == token_hash))

    def close_all(self, user_id: str) -> None:
        """After a change of password or role."""
        self._session.execute(delete(LoginSessionRow).where(LoginSessionRow.user_id == user_id))

    def forget_expired(self, now: datetime) -> None:
        self._session.execute(delete(LoginSessionRow).where(LoginSessionRow.expires_at <= now))

    def throttle(self, subject: str) -> LoginThrottle | None:
        row = self._session.get(LoginThrottleRow, subject)
        return None if row is None else _throttle(row)

    def note_failure(self, subject: str, at: datetime, window: timedelta) -> LoginThrottle:
        """Count a failed log-in; failures older than the window start a new count."""
        row = self._session.get(LoginThrottleRow, subject)
        if row is None:
            row = LoginThrottleRow(subject=subject, failures=0, first_at=at, last_at=at)
            self._session.add(row)
        elif at - row.first_at > window:
            row.failures, row.first_at = 0, at
        row.failures += 1
        row.last_at = at
        self._session.flush()
        return _throttle(row)

    def block(self, subject: str, until: datetime) -> None:
        row = self._session.get(LoginThrottleRow, subject)
        if row is not None:
            row.blocked_until = until
            self._session.flush()

    def forgive(self, subject: str, failures: int) -> None:
        """Take back so many counted failures and any block; the subject goes when none is left."""
        row = self._session.get(LoginThrottleRow, subject)
        if row is None:
            return
        row.failures -= failures
        row.blocked_until = None
        if row.failures <= 0:
            self._session.delete(row)
        self._session.flush()

    def clear_throttle(self, subject: str) -> None:
        """After a successful log-in."""
        self._session.execute(delete(LoginThrottleRow).where(LoginThrottleRow.subject == subject))


def _throttle(row: LoginThrottleRow) -> LoginThrottle:
    return LoginThrottle(row.subject, row.failures, row.first_at, row.last_at, row.blocked_until)
