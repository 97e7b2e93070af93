"""Log-in waits, passwords and rights as plain rules, without a server."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.register import LoginThrottle, Role
from supervision_api.auth_passwords import MAX_LENGTH, MIN_LENGTH, PasswordCost, Passwords
from supervision_api.auth_permissions import PERMISSIONS, Permission, may
from supervision_api.auth_throttle import (
    ACCOUNT_RULE,
    ADDRESS_RULE,
    FORGET_AFTER,
    LONGEST_WAIT,
    Throttle,
    WaitRule,
    subject_of,
)
from supervision_api.problems import TooManyAttempts

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CHEAP = PasswordCost(time_cost=1, memory_kib=8, parallelism=1)
RULE = WaitRule(free=3, first=timedelta(seconds=2), longest=timedelta(minutes=1))


@dataclass
class Counts:
    """The table of failures, in memory."""

    rows: dict[str, LoginThrottle] = field(default_factory=dict)

    def throttle(self, subject: str) -> LoginThrottle | None:
        return self.rows.get(subject)

    def note_failure(self, subject: str, at: datetime, window: timedelta) -> LoginThrottle:
        known = self.rows.get(subject)
        if known is None or at - known.last_at > window:
            known = LoginThrottle(subject, 0, at, at)
        self.rows[subject] = replace(known, failures=known.failures + 1, last_at=at)
        return self.rows[subject]

    def block(self, subject: str, until: datetime) -> None:
        self.rows[subject] = replace(self.rows[subject], blocked_until=until)

    def forgive(self, subject: str, failures: int) -> None:
        known = self.rows.get(subject)
        if known is not None:
            left = max(0, known.failures - failures)
            self.rows[subject] = replace(known, failures=left, blocked_until=None)


@dataclass
class Door:
    """Somebody who tries at instants of a clock set by hand."""

    counts: Counts = field(default_factory=Counts)
    at: datetime = AT

    def try_(self, account: str = "li", address: str = "192.0.2.1") -> int:
        """0 where the attempt was listened to, else the seconds to wait."""
        try:
            Throttle.of(account, address).admit(self.counts, self.at)
        except TooManyAttempts as refused:
            return refused.retry_after_s
        return 0

    def succeed(self, account: str = "li", address: str = "192.0.2.1") -> None:
        assert self.try_(account, address) == 0
        Throttle.of(account, address).forgive(self.counts)


@pytest.mark.parametrize(
    ("failures", "wait_s"),
    [(0, 0), (1, 0), (3, 0), (4, 2), (5, 4), (6, 8), (7, 16), (8, 32), (9, 60), (99, 60)],
)
def test_some_failures_are_free_then_the_wait_doubles_up_to_the_longest(failures: int, wait_s: int) -> None:
    assert RULE.wait_after(failures) == timedelta(seconds=wait_s)


@given(st.integers(0, 10**9))
def test_no_number_of_failures_waits_longer_than_the_longest(failures: int) -> None:
    assert timedelta(0) <= ACCOUNT_RULE.wait_after(failures) <= LONGEST_WAIT
    assert ADDRESS_RULE.wait_after(failures) <= ACCOUNT_RULE.wait_after(failures)


@given(st.integers(0, 200))
def test_one_more_failure_never_shortens_the_wait(failures: int) -> None:
    assert RULE.wait_after(failures) <= RULE.wait_after(failures + 1)


def test_honest_slips_cost_nothing() -> None:
    door = Door()
    assert [door.try_() for _ in range(ACCOUNT_RULE.free + 1)] == [0] * (ACCOUNT_RULE.free + 1)


def test_after_the_free_ones_the_account_waits_and_the_wait_passes() -> None:
    door = Door()
    for _ in range(ACCOUNT_RULE.free + 1):
        door.try_()
    assert door.try_() == 3
    door.at += timedelta(seconds=2)
    assert door.try_() == 0
    assert door.try_() == 5


def test_a_refused_attempt_is_not_counted() -> None:
    door = Door()
    for _ in range(ACCOUNT_RULE.free + 1):
        door.try_()
    before = door.counts.rows[subject_of("account", "li")]
    for _ in range(20):
        assert door.try_() > 0
    assert door.counts.rows[subject_of("account", "li")] == before


def test_many_attempts_at_once_count_as_many() -> None:
    """Counted when they start: guesses side by side do not slip through before one has failed."""
    door = Door()
    assert sum(door.try_() == 0 for _ in range(100)) == ACCOUNT_RULE.free + 1


def test_another_spelling_of_the_account_is_the_same_account() -> None:
    door = Door()
    for name in ("li", "LI", " li ", "Li", "lI"):
        assert door.try_(name) == 0
    assert door.try_("li\t") > 0


def test_an_address_that_tries_many_accounts_waits_and_a_school_does_not() -> None:
    door = Door()
    assert [door.try_(f"teacher{n}") for n in range(ADDRESS_RULE.free + 1)] == [0] * (ADDRESS_RULE.free + 1)
    assert door.try_("one-more") > 0
    assert door.try_("one-more", "192.0.2.2") == 0


def test_a_waiting_account_waits_from_everywhere() -> None:
    door = Door()
    for _ in range(ACCOUNT_RULE.free + 1):
        door.try_()
    assert door.try_("li", "192.0.2.99") > 0
    assert door.try_("wang", "192.0.2.99") == 0


def test_a_success_starts_the_account_afresh() -> None:
    door = Door()
    for _ in range(ACCOUNT_RULE.free):
        door.try_()
    door.succeed()
    assert [door.try_() for _ in range(ACCOUNT_RULE.free + 1)] == [0] * (ACCOUNT_RULE.free + 1)


def test_a_success_gives_the_address_back_only_its_own_attempt() -> None:
    door = Door()
    for number in range(10):
        door.try_(f"victim{number}")
    door.succeed("attacker")
    assert door.counts.rows[subject_of("address", "192.0.2.1")].failures == 10


def test_a_clock_that_stepped_back_locks_nobody_out_for_days() -> None:
    door = Door(at=AT + timedelta(days=30))
    for _ in range(ACCOUNT_RULE.free + 1):
        door.try_()
    door.at = AT
    assert 0 < door.try_() <= LONGEST_WAIT.total_seconds() + 1


def test_failures_are_forgotten_after_the_window() -> None:
    door = Door()
    for _ in range(ACCOUNT_RULE.free + 1):
        door.try_()
    door.at += FORGET_AFTER + timedelta(seconds=1)
    assert [door.try_() for _ in range(3)] == [0, 0, 0]


def test_the_table_does_not_say_who_was_tried_from_where() -> None:
    door = Door()
    door.try_("zhang.san", "192.0.2.77")
    assert all(len(subject) == 64 and subject.isalnum() for subject in door.counts.rows)
    assert "zhang" not in str(door.counts.rows)
    assert "192.0.2" not in str(door.counts.rows)


def test_an_account_named_like_an_address_is_another_subject() -> None:
    assert subject_of("account", "192.0.2.1") != subject_of("address", "192.0.2.1")


@pytest.mark.parametrize("length", [MIN_LENGTH, MAX_LENGTH])
def test_a_password_at_the_border_is_taken(length: int) -> None:
    assert Passwords(CHEAP).hash("长" * length).startswith("$argon2id$")


@pytest.mark.parametrize("length", [0, MIN_LENGTH - 1, MAX_LENGTH + 1])
def test_a_password_beyond_the_border_is_refused_without_repeating_it(length: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        Passwords(CHEAP).hash("Q" * length)
    assert refused.value.hint
    assert "QQ" not in str(refused.value)


def test_only_the_password_itself_matches() -> None:
    passwords = Passwords(CHEAP)
    kept = passwords.hash("correct horse battery")
    assert passwords.matches(kept, "correct horse battery")
    for wrong in ("correct horse batterx", "Correct horse battery", "correct horse battery ", ""):
        assert not passwords.matches(kept, wrong)


def test_equal_passwords_are_kept_differently() -> None:
    passwords = Passwords(CHEAP)
    assert passwords.hash("correct horse battery") != passwords.hash("correct horse battery")


@pytest.mark.parametrize("kept", [None, "", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$bad"])
def test_nobody_and_a_damaged_hash_match_nothing(kept: str | None) -> None:
    assert not Passwords(CHEAP).matches(kept, "correct horse battery")


def test_one_flipped_character_of_the_hash_matches_nothing() -> None:
    passwords = Passwords(CHEAP)
    kept = passwords.hash("correct horse battery")
    last = "A" if kept[-2] != "A" else "B"
    assert not passwords.matches(f"{kept[:-2]}{last}{kept[-1]}", "correct horse battery")


def test_a_hash_of_another_cost_is_renewed_and_one_of_this_cost_is_not() -> None:
    old, new = Passwords(CHEAP), Passwords(PasswordCost(time_cost=2, memory_kib=16, parallelism=1))
    kept = old.hash("correct horse battery")
    renewed = new.renewed(kept, "correct horse battery")
    assert renewed is not None
    assert new.matches(renewed, "correct horse battery")
    assert new.renewed(renewed, "correct horse battery") is None


RIGHTS: dict[Role, str] = {
    # classes, edit, attendance, enter, correct, approve,
    # flags, footage, cameras, edit, evidence, export, hold, storage
    Role.OPERATOR: "yy yyyn yyyyyy ny",
    Role.INSTRUCTOR: "yn yyyn nnnnnn nn",
    Role.SUPERVISOR: "yn ynyy yyynyy yy",
    Role.CHIEF: "yn ynyy yyynyy yy",
    Role.INSPECTOR: "yn ynnn yyynyn ny",
    Role.AUDITOR: "yn ynnn yyynyy yy",
    Role.ADMINISTRATOR: "yn nnnn nnyynn ny",
    Role.PLATFORM: "nn nnnn nnnnnn nn",
}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_what_its_row_says_and_no_more(role: Role) -> None:
    row = RIGHTS[role].replace(" ", "")
    assert len(row) == len(Permission)
    assert "".join("y" if may(role, one) else "n" for one in Permission) == row


def test_raising_hours_needs_a_role_outside_the_institution() -> None:
    approving = {role for role in Role if may(role, Permission.APPROVE_HOURS)}
    assert approving == {Role.SUPERVISOR, Role.CHIEF}


def test_who_only_reads_changes_nothing() -> None:
    writing = {Permission.EDIT_CLASSES, Permission.ENTER_ATTENDANCE, Permission.CORRECT_ATTENDANCE}
    writing |= {Permission.EDIT_CAMERAS, Permission.APPROVE_HOURS}
    for role in (Role.INSPECTOR, Role.AUDITOR, Role.PLATFORM):
        assert not PERMISSIONS[role] & writing


def test_who_runs_the_machines_sees_no_footage() -> None:
    assert not may(Role.ADMINISTRATOR, Permission.VIEW_FOOTAGE)
    assert not may(Role.ADMINISTRATOR, Permission.READ_ATTENDANCE)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 100)), max_size=30))
def test_whatever_the_pace_an_account_never_gets_more_tries_than_its_waits_allow(
    tries: list[tuple[int, int]],
) -> None:
    door, heard = Door(), 0
    for _, pause_s in tries:
        heard += door.try_() == 0
        door.at += timedelta(seconds=pause_s)
    spent = sum(pause for _, pause in tries)
    needed = sum(ACCOUNT_RULE.wait_after(n).total_seconds() for n in range(heard))
    assert needed <= spent
