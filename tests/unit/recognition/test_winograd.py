"""Winograd's filtering gives what the plain convolution gives, for every tile and every length of a line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognition.winograd import AT_ONE, Matrix, filtering, kernel_values, line_matrices

TILES = (1, 2, 3, 4, 5, 6)


def plain(line: Matrix, kernel: Matrix) -> Matrix:
    """Each output from its own neighbourhood, zeros beyond the ends."""
    beyond = np.pad(line, 1)
    return np.array([beyond[at : at + 3] @ kernel for at in range(len(line))])


@pytest.mark.parametrize("outputs", TILES)
def test_a_tile_gives_the_plain_outputs(outputs: int) -> None:
    one = filtering(outputs)
    generator = np.random.default_rng(outputs)
    inputs, kernel = generator.normal(size=one.points), generator.normal(size=3)
    filtered = one.result @ ((one.kernel @ kernel) * (one.data @ inputs))
    expected = [inputs[at : at + 3] @ kernel for at in range(outputs)]
    np.testing.assert_allclose(filtered, expected, atol=1e-12)


@pytest.mark.parametrize("outputs", TILES)
def test_as_many_points_as_outputs_and_taps_need(outputs: int) -> None:
    one = filtering(outputs)
    assert one.outputs == outputs
    assert one.points == outputs + 2
    assert one.data.shape == (one.points, one.points)
    assert one.kernel.shape == (one.points, 3)


def test_more_points_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 9 points"):
        filtering(7)


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 40), outputs=st.sampled_from(TILES), seed=st.integers(0, 1000))
def test_a_line_of_any_length_is_filtered_whole(size: int, outputs: int, seed: int) -> None:
    one = filtering(outputs)
    into, back = line_matrices(size, one)
    generator = np.random.default_rng(seed)
    line, kernel = generator.normal(size=size), generator.normal(size=3)
    tiles = len(into) // one.points
    filtered = back @ (np.tile(one.kernel @ kernel, tiles) * (into @ line))
    np.testing.assert_allclose(filtered, plain(line, kernel), atol=1e-10)


def test_a_longer_result_ends_in_zeros() -> None:
    one = filtering(3)
    into, back = line_matrices(3, one, out_size=4)
    assert back.shape == (4, 5)
    filtered = back @ ((one.kernel @ np.ones(3)) * (into @ np.array([1.0, 2.0, 3.0])))
    np.testing.assert_allclose(filtered, [3, 6, 5, 0], atol=1e-12)


@pytest.mark.parametrize("outputs", TILES)
def test_what_is_added_at_the_point_one_is_added_to_every_output(outputs: int) -> None:
    one = filtering(outputs)
    added = np.zeros((one.points, one.points))
    added[AT_ONE, AT_ONE] = 0.75
    np.testing.assert_allclose(one.result @ added @ one.result.T, np.full((outputs, outputs), 0.75))


@pytest.mark.parametrize(("size", "outputs"), [(17, 6), (8, 4), (4, 4), (3, 3)])
def test_planes_are_filtered_along_rows_and_columns(size: int, outputs: int) -> None:
    """The sizes and tiles of the face network, summed over channels, against the plain sum in float64."""
    generator = np.random.default_rng(3)
    planes = generator.normal(size=(5, size, size))
    weights = generator.normal(size=(2, 5, 3, 3)).astype(np.float32)
    one = filtering(outputs)
    into, back = line_matrices(size, one)
    tiles = len(into) // one.points
    values = np.tile(kernel_values(weights, one), (tiles, tiles, 1, 1))
    points = np.einsum("py,qx,cyx->pqc", into, into, planes)
    filtered = np.einsum("yp,xq,pqoc,pqc->oyx", back, back, values, points, optimize=True)
    beyond = np.pad(planes, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(beyond, (3, 3), axis=(1, 2))
    np.testing.assert_allclose(filtered, np.einsum("ocij,cyxij->oyx", weights, windows), atol=1e-9)
