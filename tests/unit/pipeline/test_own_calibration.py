"""An institution's own calibration is taken by a setting, and only when it fits the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import InvalidInput
from recognition.calibration_store import default_calibration, save_calibration
from supervision_api.pipeline.faces import FaceSetup, face_setup, open_faces
from supervision_api.settings import Settings


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> FaceSetup:
    return FaceSetup((), tmp_path_factory.mktemp("networks"), "hog", 1)


def test_without_a_file_the_supplied_calibration_is_taken(setup: FaceSetup) -> None:
    assert open_faces(setup).calibration == default_calibration()


def test_the_setting_s_file_takes_its_place(setup: FaceSetup, tmp_path: Path) -> None:
    own = replace(default_calibration(), provenance="our own consented photos", people=12)
    save_calibration(own, tmp_path / "own.json")
    settings = Settings(data_dir=tmp_path / "data", calibration_file=tmp_path / "own.json")
    assert face_setup(settings).calibration_file == tmp_path / "own.json"
    calibration = open_faces(replace(setup, calibration_file=tmp_path / "own.json")).calibration
    assert (calibration.provenance, calibration.people) == ("our own consented photos", 12)


def test_a_calibration_of_another_network_stops_the_start(setup: FaceSetup, tmp_path: Path) -> None:
    save_calibration(replace(default_calibration(), encoder="arcface@1"), tmp_path / "foreign.json")
    with pytest.raises(InvalidInput, match="arcface@1") as refused:
        open_faces(replace(setup, calibration_file=tmp_path / "foreign.json"))
    assert refused.value.place == str(tmp_path / "foreign.json")
    assert "rollcall calibrate" in refused.value.hint


@pytest.mark.parametrize("text", ["", "{}", '{"format": "rollcall-calibration-1"}'])
def test_a_damaged_calibration_stops_the_start(setup: FaceSetup, tmp_path: Path, text: str) -> None:
    (tmp_path / "damaged.json").write_text(text)
    with pytest.raises(InvalidInput, match="not a calibration"):
        open_faces(replace(setup, calibration_file=tmp_path / "damaged.json"))


def test_a_missing_calibration_stops_the_start(setup: FaceSetup, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        open_faces(replace(setup, calibration_file=tmp_path / "gone.json"))
