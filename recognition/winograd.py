"""Convolutions with fewer multiplications: Winograd's minimal filtering, F(m×m, 3×3).

A convolution is a product of polynomials, and a product is known from its values at enough points (Toom,
Cook). Turned round, it filters: ``y = A·((G·g) ∘ (B·d))`` gives ``m`` outputs of a kernel ``g`` of ``r``
taps from ``m + r - 1`` inputs ``d`` with as many multiplications; the plain way needs ``m·r``. In two
dimensions it is applied along columns and rows: a 3×3 kernel then takes 2.25 (m=2), 4 (m=4) or 5.1 (m=6)
times fewer (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016).

The matrices are made exactly, in fractions. Points of small numbers keep rounding in float32 low.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Row = list[Fraction]

POINTS: tuple[Fraction, ...] = tuple(
    Fraction(*pair) for pair in ((0, 1), (1, 1), (-1, 1), (1, 2), (-2, 1), (2, 1), (-1, 2))
)
"""Where polynomials are evaluated, in this order; infinity is always the last."""
AT_ONE = POINTS.index(Fraction(1))
"""What is added at this point, in both directions, is added to every output."""


@dataclass(frozen=True, slots=True)
class Filtering:
    """F(outputs, taps) along one line; ``points`` is outputs + taps - 1.

    ``data``: B, ``(points, points)``. ``kernel``: G, ``(points, taps)``.
    ``result``: A, ``(outputs, points)``.
    """

    data: Matrix
    kernel: Matrix
    result: Matrix

    @property
    def outputs(self) -> int:
        return int(self.result.shape[0])

    @property
    def points(self) -> int:
        return int(self.result.shape[1])


def filtering(outputs: int, taps: int = 3) -> Filtering:
    """The matrices of F(outputs, taps).

    Raises:
        ValueError: more points are needed than there are.
    """
    count = outputs + taps - 1
    if count > len(POINTS) + 1:
        raise ValueError(f"F({outputs}, {taps}) needs {count} points, there are {len(POINTS) + 1}")
    return Filtering(
        data=_floats(_inverse(_values(count, count))).T,
        kernel=_floats(_values(count, taps)),
        result=_floats(_values(count, outputs)).T,
    )


def line_matrices(size: int, one: Filtering, *, out_size: int = 0) -> tuple[Matrix, Matrix]:
    """The way of a whole line of pixels into the points of its tiles, and back.

    The line is convolved with zeros beyond its ends, as with a padding of 1.

    Args:
        size: pixels of the line.
        one: filtering of a tile; the tiles lie side by side, the last may reach beyond the end.
        out_size: length of the result; what is beyond ``size`` comes out as zero. 0: as long as the line.

    Returns:
        ``(tiles·points, size)`` and ``(out_size, tiles·points)``.
    """
    tiles = -(-size // one.outputs)
    into = np.zeros((tiles, one.points, size))
    back = np.zeros((out_size or size, tiles, one.points))
    for tile in range(tiles):
        first = tile * one.outputs
        for point in range(one.points):
            pixel = first - 1 + point
            if 0 <= pixel < size:
                into[tile, :, pixel] = one.data[:, point]
        for pixel in range(first, min(first + one.outputs, size)):
            back[pixel, tile] = one.result[pixel - first]
    return into.reshape(-1, size), back.reshape(out_size or size, -1)


def kernel_values(weights: npt.NDArray[np.float32], one: Filtering) -> Matrix:
    """Kernels ``(out, in, 3, 3)`` at the points of rows and columns: ``(points, points, out, in)``."""
    values = np.einsum("ai,bj,ocij->aboc", one.kernel, one.kernel, weights.astype(np.float64), optimize=True)
    return np.asarray(values)


def _values(points: int, coefficients: int) -> list[Row]:
    """Powers of each point; of infinity only the highest coefficient counts."""
    finite = [[point**power for power in range(coefficients)] for point in POINTS[: points - 1]]
    return [*finite, [Fraction(0)] * (coefficients - 1) + [Fraction(1)]]


def _inverse(matrix: list[Row]) -> list[Row]:
    """Gauss and Jordan, exact."""
    size = len(matrix)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(i for i in range(column, size) if rows[i][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for i, row in enumerate(rows):
            if i != column:
                rows[i] = [value - row[column] * own for value, own in zip(row, rows[column], strict=True)]
    return [row[size:] for row in rows]


def _floats(rows: list[Row]) -> Matrix:
    return np.array([[float(value) for value in row] for row in rows])
