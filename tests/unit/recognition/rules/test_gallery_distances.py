"""The lesson's gallery: exact distances, checks at the door, the shape of a roster."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from recognition.gallery import (
    EMBEDDING_SIZE,
    Template,
    build_gallery,
    pairwise_distances,
    with_template,
)

NET = "net-1"


def vector(seed: int, length: float = 0.5) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    drawn = np.random.default_rng(seed).normal(size=EMBEDDING_SIZE)
    return np.asarray(length * drawn / np.linalg.norm(drawn), dtype=np.float32)


def template(trainee: str, seed: int) -> Template:
    return Template(trainee, vector(seed), NET)


@settings(max_examples=40)
@given(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=12), st.integers(0, 99))
def test_a_distance_is_that_to_the_nearest_template_of_the_trainee(
    owners: list[str], probe_seed: int
) -> None:
    gallery = build_gallery([template(owner, seed) for seed, owner in enumerate(owners)], NET)
    probe = vector(1000 + probe_seed)
    distances = gallery.distances(probe)
    for index, trainee in enumerate(gallery.trainees):
        own = [vector(seed) for seed, owner in enumerate(owners) if owner == trainee]
        assert distances[index] == pytest.approx(min(np.linalg.norm(one - probe) for one in own), abs=1e-5)


def test_trainees_stand_in_order_of_first_mention() -> None:
    gallery = build_gallery([template("B", 1), template("A", 2), template("B", 3)], NET)
    assert gallery.trainees == ("B", "A")
    assert gallery.size == 2
    assert gallery.position("A") == 1
    assert gallery.matrix.shape == (3, EMBEDDING_SIZE)


def test_somebody_who_is_not_in_the_gallery_has_no_position() -> None:
    with pytest.raises(ValueError, match="not in"):
        build_gallery([template("A", 1)], NET).position("B")


def test_an_empty_gallery_has_no_distances() -> None:
    gallery = build_gallery([], NET)
    assert gallery.distances(vector(1)).shape == (0,)
    assert np.isnan(gallery.shape.mean)


def test_one_more_photo_never_makes_anybody_farther() -> None:
    gallery = build_gallery([template(name, seed) for seed, name in enumerate("ABCD")], NET)
    grown = with_template(gallery, template("B", 50))
    assert grown.trainees == gallery.trainees
    for seed in range(200, 220):
        assert (grown.distances(vector(seed)) <= gallery.distances(vector(seed)) + 1e-9).all()


def test_a_new_trainee_joins_at_the_end() -> None:
    gallery = with_template(build_gallery([template("A", 1)], NET), template("Z", 2))
    assert gallery.trainees == ("A", "Z")
    assert gallery.distances(vector(2))[1] == pytest.approx(0.0, abs=1e-5)


def test_a_template_of_another_network_is_refused_by_name() -> None:
    foreign = Template("A", vector(1), "net-2")
    with pytest.raises(InvalidInput, match="net-2") as refused:
        build_gallery([foreign], NET)
    assert refused.value.place == "A"
    assert "again" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "embedding",
    [
        np.zeros(127, np.float32),
        np.zeros((1, 128), np.float32),
        np.full(128, np.nan, np.float32),
        np.full(128, np.inf, np.float32),
    ],
)
def test_what_is_no_embedding_is_refused(
    embedding: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    with pytest.raises(InvalidInput, match="not an embedding"):
        build_gallery([Template("A", embedding, NET)], NET)


def test_affinity_is_the_mean_distance_to_the_others_templates() -> None:
    gallery = build_gallery([template(name, seed) for seed, name in enumerate("ABC")], NET)
    others = [np.linalg.norm(vector(0) - vector(seed)) for seed in (1, 2)]
    assert gallery.shape.affinity[0] == pytest.approx(np.mean(others), abs=1e-5)


@pytest.mark.parametrize(("trainees", "known"), [(1, False), (2, False), (7, False), (8, True), (20, True)])
def test_the_spread_of_a_roster_is_told_from_eight_trainees_on(trainees: int, known: bool) -> None:
    gallery = build_gallery([template(f"T{n}", n) for n in range(trainees)], NET)
    assert np.isfinite(gallery.shape.spread) == known
    assert np.isfinite(gallery.shape.affinity).all() == (trainees > 1)


def test_a_look_alike_widens_the_spread() -> None:
    apart = build_gallery([template(f"T{n}", n) for n in range(12)], NET)
    near = Template("T12", vector(0) * 0.98, NET)
    assert with_template(apart, near).shape.spread > apart.shape.spread


def test_a_roster_without_one_trainee_keeps_the_others() -> None:
    shape = build_gallery([template(f"T{n}", n) for n in range(9)], NET).shape
    rest = shape.without(3)
    assert len(rest.affinity) == 8
    assert rest.affinity[3] == shape.affinity[4]
    assert rest.spread == shape.spread


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5))
def test_pairwise_distances_are_euclidean(seed: int, left: int, right: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(left, 128)), random.normal(size=(right, 128))
    expected = np.linalg.norm(a[:, None] - b[None], axis=-1)
    assert np.allclose(pairwise_distances(a, b), expected, atol=1e-6)
    assert np.allclose(np.diag(pairwise_distances(a, a)), 0.0, atol=1e-6)


def test_the_templates_come_back_as_they_went_in() -> None:
    given_ = [template("A", 1), template("B", 2), template("A", 3)]
    back = build_gallery(given_, NET).templates()
    assert [t.trainee for t in back] == ["A", "B", "A"]
    assert all(np.array_equal(one.embedding, two.embedding) for one, two in zip(given_, back, strict=True))
