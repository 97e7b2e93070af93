"""A store that is away: one asks, at growing intervals, and what failed together counts once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.store_watch import FAILED_FILES, FIRST_PAUSE_S, LONGEST_PAUSE_S, StoreWatch


def test_while_the_store_is_there_everybody_works() -> None:
    watch = StoreWatch().begun().begun()
    assert watch.may_work(0.0)
    assert not watch.trying


def test_workers_that_learn_it_together_make_one_pause_of_it() -> None:
    watch = StoreWatch().unreachable(10.0)
    assert watch.until_s == 10.0 + FIRST_PAUSE_S
    assert watch.unreachable(10.5) == watch


def test_when_the_pause_is_over_one_worker_asks_and_no_other() -> None:
    watch = StoreWatch().unreachable(10.0)
    assert not watch.may_work(10.9)
    assert watch.may_work(11.0)
    watch = watch.begun()
    assert not watch.may_work(11.0)


def test_pauses_double_up_to_a_minute() -> None:
    watch, now_s, waits = StoreWatch(), 0.0, []
    for _ in range(10):
        watch = watch.unreachable(now_s)
        waits.append(watch.until_s - now_s)
        now_s = watch.until_s
        watch = watch.begun()
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0] + [LONGEST_PAUSE_S] * 4


def test_one_answer_ends_the_pause_for_all() -> None:
    watch = StoreWatch().unreachable(0.0).begun().unreachable(1.0).begun().answered()
    assert watch == StoreWatch()
    assert watch.may_work(0.0)


def test_a_store_that_answers_and_takes_nothing_is_away_after_some_files() -> None:
    watch = StoreWatch()
    for _ in range(FAILED_FILES - 1):
        watch = watch.refused(5.0)
        assert not watch.away
    assert watch.refused(5.0).away
    assert not watch.answered().refused(5.0).away, "a success between them starts the count anew"


def test_a_file_refused_while_trying_lengthens_the_pause() -> None:
    watch = StoreWatch().unreachable(0.0).begun().refused(1.0)
    assert watch.until_s == 1.0 + 2 * FIRST_PAUSE_S
    assert not watch.trying


@given(st.lists(st.sampled_from(["begun", "answered", "unreachable", "refused"]), max_size=200))
def test_a_pause_always_ends(acts: list[str]) -> None:
    watch, now_s = StoreWatch(), 0.0
    for act in acts:
        step = getattr(watch, act)
        watch = step(now_s) if act in ("unreachable", "refused") else step()
        assert watch.until_s - now_s <= LONGEST_PAUSE_S
        assert watch.may_work(now_s + LONGEST_PAUSE_S) or watch.trying
        now_s += 1.0
