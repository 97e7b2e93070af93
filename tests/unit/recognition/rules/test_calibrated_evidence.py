"""From distances to evidence: monotone, bounded, cautious where little is known; calibrations as files."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from recognition.calibration import Calibration, Spread
from recognition.calibration_fit import ENROLMENT, LabelledFace, calibrate, calibrate_faces
from recognition.calibration_store import (
    calibration_as_json,
    calibration_from_json,
    default_calibration,
    load_calibration,
    save_calibration,
)
from recognition.gallery import RosterShape

CALIBRATION = default_calibration()
Rows = npt.NDArray[np.float32]


def roster(size: int, spread: float = math.nan) -> RosterShape:
    return RosterShape(np.full(size, 0.7), spread)


def vector(seed: list[int], length: float) -> Rows:
    drawn = np.random.default_rng(seed).normal(size=128)
    return np.asarray(length * drawn / np.linalg.norm(drawn), dtype=np.float32)


def photos(people: int, each: int, *, noise: float = 0.2, seed: int = 0) -> dict[str, Rows]:
    return {
        f"P{person}": np.stack(
            [vector([seed, person], 0.5) + vector([seed, person, shot + 1], noise) for shot in range(each)]
        )
        for person in range(people)
    }


@settings(max_examples=60)
@given(st.floats(0.0, 1.2), st.floats(0.001, 0.4), st.floats(1, 24))
def test_evidence_falls_with_distance(distance: float, farther: float, frames: float) -> None:
    others = [0.7] * 19
    near, far = (
        CALIBRATION.evidence(np.array([d, *others]), roster(20), frames)[0]
        for d in (distance, distance + farther)
    )
    assert far <= near + 1e-9


@settings(max_examples=60)
@given(st.lists(st.floats(0, 2), min_size=1, max_size=40), st.floats(1, 30))
def test_evidence_is_bounded_and_a_number(distances: list[float], frames: float) -> None:
    evidence = CALIBRATION.evidence(np.array(distances), roster(len(distances)), frames)
    assert np.isfinite(evidence).all()
    assert (np.abs(evidence) <= CALIBRATION.bound).all()


def test_no_distances_no_evidence() -> None:
    assert CALIBRATION.evidence(np.empty(0), roster(0)).shape == (0,)


def test_a_face_near_everybody_is_evidence_for_nobody() -> None:
    """A blurred face lies closer to all; only the contrast counts."""
    sharp = CALIBRATION.evidence(np.array([0.45, *[0.72] * 19]), roster(20))[0]
    blurred = CALIBRATION.evidence(np.array([0.45, *[0.50] * 19]), roster(20))[0]
    assert sharp > 3.0
    assert blurred < 0.0


def test_what_is_far_from_everybody_makes_nobody_near() -> None:
    odd = CALIBRATION.evidence(np.array([0.65, *[1.3] * 19]), roster(20))[0]
    assert odd < math.log(10_000)


def test_a_small_roster_is_judged_with_more_doubt() -> None:
    contrast = np.array([-0.3])
    small = CALIBRATION.contrast_evidence(contrast, 1.0, 2, math.nan)[0]
    large = CALIBRATION.contrast_evidence(contrast, 1.0, 40, math.nan)[0]
    assert small < large


def test_a_roster_that_lies_wide_is_judged_with_more_doubt() -> None:
    distances = np.array([0.42, *[0.72] * 39])
    usual = CALIBRATION.evidence(distances, roster(40, CALIBRATION.roster_spread))[0]
    wide = CALIBRATION.evidence(distances, roster(40, 1.5 * CALIBRATION.roster_spread))[0]
    assert wide < usual


def test_a_trainee_who_resembles_everybody_needs_a_nearer_face() -> None:
    affinity = np.full(20, 0.72)
    affinity[0] = 0.60
    distances = np.array([0.42, *[0.70] * 19])
    plain = CALIBRATION.evidence(distances, roster(20))[0]
    common = CALIBRATION.evidence(distances, RosterShape(affinity, math.nan))[0]
    assert common < plain


@given(st.floats(0, 1.5), st.floats(0.3, 1.0), st.floats(1, 24))
def test_one_person_and_many_are_weighed_alike(distance: float, stranger: float, frames: float) -> None:
    alone = CALIBRATION.same_person(distance, stranger, frames)
    many = CALIBRATION.same_people(np.array([0.1, distance]), np.array([0.7, stranger]), frames)
    assert many[1] == pytest.approx(alone)
    assert CALIBRATION.same_person(distance + 0.1, stranger, frames) <= alone + 1e-9


def test_one_persons_frames_are_the_same_and_another_persons_are_not() -> None:
    assert CALIBRATION.same_person(0.25, 0.72, 4) > 6.0
    assert CALIBRATION.same_person(0.70, 0.72, 4) < -3.0


def test_a_spread_shrinks_with_frames_and_never_vanishes() -> None:
    spread = Spread(0.2, -0.5, mean_slope=0.1, sd_slope=0.1)
    assert spread.at(1)[0] == pytest.approx(0.3)
    assert spread.at(0.1) == spread.at(1)
    assert spread.at(100)[1] == 1e-3


def test_the_fingerprint_tells_calibrations_apart() -> None:
    other = replace(CALIBRATION, genuine=replace(CALIBRATION.genuine, sd=0.2))
    assert other.fingerprint != CALIBRATION.fingerprint
    assert replace(CALIBRATION, provenance="other words").fingerprint == CALIBRATION.fingerprint


def test_a_calibration_of_people_who_lie_apart_separates_them() -> None:
    made = calibrate(photos(20, 5), encoder="net", provenance="drawn points")
    assert (made.people, made.photos, made.encoder) == (20, 100, "net")
    assert made.genuine.mean < -0.2
    assert abs(made.impostor.mean) < 0.05
    rates = {(r.frames, r.llr): r for r in made.rates if r.group == "all"}
    assert rates[1, 0.0].false_match_rate < 0.01
    assert rates[4, 4.6].false_non_match_rate < 0.05


def test_the_same_photos_give_the_same_calibration() -> None:
    first = calibrate(photos(12, 4), encoder="net")
    assert calibration_as_json(first) == calibration_as_json(calibrate(photos(12, 4), encoder="net"))
    assert calibrate(photos(12, 4), encoder="net", seed=8) != first


def test_worse_photos_give_a_more_doubtful_calibration() -> None:
    sharp = calibrate(photos(15, 4, noise=0.15), encoder="net")
    poor = calibrate(photos(15, 4, noise=0.33), encoder="net")
    assert poor.session.mean > sharp.session.mean
    assert poor.genuine.mean > sharp.genuine.mean


@pytest.mark.parametrize(("people", "each"), [(0, 5), (9, 5), (30, 1)])
def test_too_few_people_with_two_photos_are_refused(people: int, each: int) -> None:
    with pytest.raises(InvalidInput, match="needs 10") as refused:
        calibrate(photos(people, each), encoder="net")
    assert refused.value.hint


def test_error_rates_are_told_for_each_group_of_people() -> None:
    faces = [
        LabelledFace(person, str(shot), ENROLMENT, row, group="older" if int(person[1:]) % 2 else "younger")
        for person, rows in photos(16, 4).items()
        for shot, row in enumerate(rows)
    ]
    made = calibrate_faces(faces, encoder="net")
    assert {rate.group for rate in made.rates} == {"all", "older", "younger"}
    of = {g: sum(r.genuine for r in made.rates if r.group == g) for g in ("all", "older", "younger")}
    assert of["older"] + of["younger"] == of["all"]


def test_probes_of_a_condition_are_never_the_enrolled_photo() -> None:
    """Renditions share their photo's name; with only one other photo there is one probe."""
    faces = []
    for person, rows in photos(12, 2).items():
        for shot, row in enumerate(rows):
            faces.append(LabelledFace(person, str(shot), ENROLMENT, row))
            faces.append(LabelledFace(person, str(shot), "40px", row))
    made = calibrate_faces(faces, encoder="net")
    assert {rate.frames for rate in made.rates} == {1}
    assert made.genuine.mean > -0.6


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    made = calibrate(photos(12, 4), encoder="net", provenance="点 drawn")
    path = tmp_path / "new" / "calibration.json"
    save_calibration(made, path)
    again = load_calibration(path)
    assert calibration_as_json(again) == path.read_text("utf-8") == calibration_as_json(made)
    assert again.provenance == "点 drawn"
    assert not list(path.parent.glob("*.part"))


def test_the_calibration_that_comes_along_belongs_to_its_encoder() -> None:
    assert default_calibration(CALIBRATION.encoder) == CALIBRATION
    with pytest.raises(InvalidInput, match="not for other-net"):
        default_calibration("other-net")
    assert CALIBRATION.people >= 10
    assert CALIBRATION.provenance


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read") as refused:
        load_calibration(tmp_path / "none.json")
    assert refused.value.place == str(tmp_path / "none.json")


def damaged(**changes: object) -> str:
    document: dict[str, object] = json.loads(calibration_as_json(CALIBRATION))
    document.update(changes)
    return json.dumps({key: value for key, value in document.items() if value is not None})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        damaged(format=None),
        damaged(genuine=None),
        damaged(genuine={"mean": 0.1}),
        damaged(genuine={"mean": "much", "sd": 0.1}),
        damaged(impostor={"mean": 0.0, "sd": 0.0}),
        damaged(impostor={"mean": 0.0, "sd": -1.0}),
        damaged(rates=[{"group": "all"}]),
        damaged(extra=1),
    ],
)
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a calibration") as refused:
        calibration_from_json(text, place="here.json")
    assert refused.value.place == "here.json"


def test_another_format_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="rollcall-calibration-1"):
        calibration_from_json(damaged(format="rollcall-calibration-9"))


def test_the_duplicate_threshold_lies_below_nearly_all_pairs_of_different_people() -> None:
    strict: Calibration = CALIBRATION
    mean, sd = strict.stranger.at(1.0)
    assert 0.2 < strict.duplicate_threshold < mean - 4 * sd
