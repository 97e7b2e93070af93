"""Log-in throttling: waits that grow with each failure, per account and per address.

An attempt is counted when it starts and forgiven when it succeeds, so many at once count as many. Names and
addresses are kept hashed: the table says that someone failed, not who was tried from where.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from models.register import LoginThrottle
from supervision_api.problems import TooManyAttempts

FORGET_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WaitRule:
    """``free`` failures cost nothing; then the wait doubles from ``first`` up to ``longest``."""

    free: int
    first: timedelta
    longest: timedelta

    def wait_after(self, failures: int) -> timedelta:
        """How long the next attempt must wait after so many failures."""
        beyond = failures - self.free
        if beyond <= 0:
            return timedelta()
        # 2**20 seconds passes any longest wait; a larger power only costs memory.
        doublings: int = 2 ** min(beyond - 1, 20)
        return min(self.first * doublings, self.longest)


LONGEST_WAIT = timedelta(minutes=15)
ACCOUNT_RULE = WaitRule(free=4, first=timedelta(seconds=2), longest=LONGEST_WAIT)
# a school sits behind one address: many more tries are honest there.
ADDRESS_RULE = WaitRule(free=30, first=timedelta(seconds=2), longest=LONGEST_WAIT)


class ThrottleStore(Protocol):
    """The part of the log-in repository that throttling uses."""

    def throttle(self, subject: str) -> LoginThrottle | None: ...

    def note_failure(self, subject: str, at: datetime, window: timedelta) -> LoginThrottle: ...

    def block(self, subject: str, until: datetime) -> None: ...

    def forgive(self, subject: str, failures: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Throttle:
    """The subjects of one attempt and their rules."""

    subjects: tuple[tuple[str, WaitRule], ...]

    @classmethod
    def of(cls, account: str, address: str) -> Throttle:
        return cls(
            (
                (subject_of("account", account.strip().casefold()), ACCOUNT_RULE),
                (subject_of("address", address), ADDRESS_RULE),
            )
        )

    def admit(self, store: ThrottleStore, now: datetime) -> None:
        """Let the attempt pass and count it as failed until it succeeds.

        Raises:
            TooManyAttempts: a subject must still wait; the attempt is not counted.
        """
        counted = [store.throttle(subject) for subject, _ in self.subjects]
        # a clock that stepped back must not turn a wait of minutes into one of days.
        waits = [min(one.blocked_until - now, LONGEST_WAIT) for one in counted if one and one.blocked_until]
        longest = max(waits, default=timedelta())
        if longest > timedelta():
            seconds = int(longest.total_seconds()) + 1
            raise TooManyAttempts(
                f"too many failed attempts; wait {seconds} s", retry_after_s=seconds, hint="wait, then retry"
            )
        for subject, rule in self.subjects:
            wait = rule.wait_after(store.note_failure(subject, now, FORGET_AFTER).failures)
            if wait:
                store.block(subject, now + wait)

    def forgive(self, store: ThrottleStore) -> None:
        """The attempt succeeded: the account starts afresh, the address gets this one attempt back.

        Not more: an attacker with one account of his own must not wash away his guesses at others.
        """
        (account, _), (address, _) = self.subjects
        counted = store.throttle(account)
        store.forgive(account, counted.failures if counted else 0)
        store.forgive(address, 1)


def subject_of(kind: str, value: str) -> str:
    """A throttled subject as it is kept."""
    return hashlib.sha256(f"{kind}\0{value}".encode()).hexdigest()
