"""Passwords: argon2id, and the same work for an account that does not exist."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.errors import InvalidInput

MIN_LENGTH = 10
MAX_LENGTH = 256


@dataclass(frozen=True, slots=True)
class PasswordCost:
    """Argon2id cost; the default is RFC 9106's second recommendation scaled to a small server."""

    time_cost: int = 3
    memory_kib: int = 64 * 1024
    parallelism: int = 2


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, cost: PasswordCost | None = None) -> None:
        cost = cost or PasswordCost()
        self._hasher = PasswordHasher(cost.time_cost, cost.memory_kib, cost.parallelism)

    def hash(self, password: str) -> str:
        """Argon2 text for the database.

        Raises:
            InvalidInput: shorter than ``MIN_LENGTH`` or longer than ``MAX_LENGTH`` characters.
        """
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise InvalidInput(
                f"a password needs {MIN_LENGTH} to {MAX_LENGTH} characters", hint="choose a longer sentence"
            )
        return self._hasher.hash(password)

    def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits. ``None`` (no such account): the same work, always false."""
        # made before it is known whether it is needed: the first answer must not take longer for a stranger.
        nobody = self._nobody
        try:
            self._hasher.verify(password_hash or nobody, password[:MAX_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    @cached_property
    def _nobody(self) -> str:
        """Verified against when the account is unknown, so that both answers take the same time."""
        return self._hasher.hash(secrets.token_hex(16))

    def renewed(self, password_hash: str, password: str) -> str | None:
        """A new hash of a right password where the old one was made at another cost, else ``None``."""
        return self._hasher.hash(password) if self._hasher.check_needs_rehash(password_hash) else None
