"""The circuit breaker's rules, with time as a number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.objects.breaker import (
    FAILURES_TO_OPEN,
    FIRST_REST_S,
    LONGEST_REST_S,
    Breaker,
    Circuit,
)


def opened(at_s: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        breaker = breaker.failed(at_s)
    return breaker


def test_a_few_failures_leave_it_closed_and_a_success_forgets_them() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker = breaker.failed(0.0)
    assert breaker.circuit is Circuit.CLOSED
    assert breaker.succeeded().failed(0.0).circuit is Circuit.CLOSED
    assert breaker.failed(0.0).circuit is Circuit.OPEN


def test_while_open_no_call_passes_and_the_wait_is_told() -> None:
    breaker = opened(100.0)
    assert breaker.admit(100.0 + FIRST_REST_S - 0.1, 60.0) is None
    assert breaker.wait_s(100.0 + 1) == FIRST_REST_S - 1


def test_after_the_rest_a_single_call_tries() -> None:
    trying = opened().admit(FIRST_REST_S, 60.0)
    assert trying is not None
    assert trying.circuit is Circuit.TRYING
    assert trying.admit(FIRST_REST_S + 1, 60.0) is None, "the others wait for it"
    assert trying.succeeded() == Breaker()


def test_a_try_that_never_comes_back_does_not_block_for_ever() -> None:
    trying = opened().admit(FIRST_REST_S, 60.0)
    assert trying is not None
    assert trying.admit(FIRST_REST_S + 60.0, 60.0) is not None


def test_each_failed_try_doubles_the_rest_up_to_the_longest() -> None:
    breaker, now_s, rests = opened(), 0.0, []
    for _ in range(10):
        now_s = breaker.until_s
        tried = breaker.admit(now_s, 60.0)
        assert tried is not None
        breaker = tried.failed(now_s)
        rests.append(breaker.until_s - now_s)
    assert rests[:3] == [FIRST_REST_S * 2, FIRST_REST_S * 4, FIRST_REST_S * 8]
    assert rests[-1] == LONGEST_REST_S


def test_calls_from_before_it_opened_do_not_prolong_the_rest() -> None:
    breaker = opened(0.0)
    assert breaker.failed(3.0) == breaker


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 300)), max_size=60))
def test_whatever_happens_a_call_passes_within_the_longest_rest_and_call(
    steps: list[tuple[bool, float]],
) -> None:
    breaker, now_s = Breaker(), 0.0
    for well, later_s in steps:
        now_s += later_s
        admitted = breaker.admit(now_s, 60.0)
        if admitted is not None:
            breaker = admitted.succeeded() if well else admitted.failed(now_s)
    assert breaker.admit(now_s + max(LONGEST_REST_S, 60.0), 60.0) is not None
