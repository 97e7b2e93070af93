"""One picture, one place: the assignment against every possible one."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition.assignment import assign

GAIN = st.one_of(st.just(-math.inf), st.floats(-20, 20, allow_nan=False))


def tables(rows: int, columns: int) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(GAIN, min_size=columns, max_size=columns), min_size=rows, max_size=rows)


def total(gains: np.ndarray[tuple[int, ...], np.dtype[np.float64]], chosen: tuple[int | None, ...]) -> float:
    return sum(float(gains[row, column]) for row, column in enumerate(chosen) if column is not None)


@given(st.integers(1, 3).flatmap(lambda r: st.integers(1, 3).flatmap(lambda c: tables(r, c))))
def test_no_other_assignment_gains_more(table: list[list[float]]) -> None:
    gains = np.array(table)
    rows, columns = gains.shape
    slots: list[int | None] = [*range(columns), *([None] * rows)]
    best = max(total(gains, chosen) for chosen in set(permutations(slots, rows)))
    assert total(gains, assign(gains)) == pytest.approx(best, abs=1e-6)


@given(st.integers(1, 6).flatmap(lambda r: st.integers(1, 6).flatmap(lambda c: tables(r, c))))
def test_a_column_goes_to_one_row_and_never_where_it_is_forbidden(table: list[list[float]]) -> None:
    gains = np.array(table)
    chosen = assign(gains)
    taken = [column for column in chosen if column is not None]
    assert len(chosen) == len(gains)
    assert len(taken) == len(set(taken))
    assert all(gains[row, column] > -math.inf for row, column in enumerate(chosen) if column is not None)


@given(st.integers(1, 5).flatmap(lambda r: st.integers(1, 5).flatmap(lambda c: tables(r, c))))
def test_a_row_with_nothing_to_gain_gets_nothing(table: list[list[float]]) -> None:
    gains = np.array(table)
    for row, column in enumerate(assign(gains)):
        assert column is None or gains[row, column] >= -1e-9


def test_the_whole_decides_not_the_first_row() -> None:
    """Row 0 alone would take column 0; together it is better off with column 1."""
    assert assign(np.array([[10.0, 9.0], [10.0, -math.inf]])) == (1, 0)


def test_what_nothing_is_worth_may_differ_by_row() -> None:
    gains = np.array([[2.0], [1.0]])
    assert assign(gains, np.array([5.0, 0.0])) == (None, 0)


def test_no_rows_and_no_columns() -> None:
    assert assign(np.empty((0, 3))) == ()
    assert assign(np.empty((2, 0))) == (None, None)
