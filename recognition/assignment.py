"""One picture, one place: an assignment in which nobody appears twice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

_FORBIDDEN = -1e6
"""Stands for minus infinity, which the solver cannot take."""


def assign(
    gains: npt.NDArray[np.float64], nothing: float | npt.NDArray[np.float64] = 0.0
) -> tuple[int | None, ...]:
    """The assignment of rows to columns with the greatest total gain; each column at most once.

    Args:
        gains: (rows, columns); ``-inf`` forbids a pair.
        nothing: gain of a row that gets no column, one for all or ``(rows,)``.

    Returns:
        For each row its column, or ``None`` where nothing is better.
    """
    rows, columns = gains.shape
    if rows == 0:
        return ()
    none_gains = np.broadcast_to(np.asarray(nothing, dtype=np.float64), (rows,))
    # Every row has a column of its own that stands for "nothing".
    table = np.full((rows, columns + rows), _FORBIDDEN)
    table[:, :columns] = np.maximum(gains, _FORBIDDEN)
    table[np.arange(rows), columns + np.arange(rows)] = none_gains
    chosen_rows, chosen_columns = linear_sum_assignment(table, maximize=True)
    chosen = dict(zip(chosen_rows.tolist(), chosen_columns.tolist(), strict=True))
    return tuple(_column(gains, row, chosen[row]) for row in range(rows))


def _column(gains: npt.NDArray[np.float64], row: int, column: int) -> int | None:
    if column >= gains.shape[1] or gains[row, column] <= _FORBIDDEN:
        return None
    return int(column)
