"""Known networks: what is there, what is not, and adding a file by its content."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from models.errors import DiskFull, InvalidInput, NotFound, StorageError, WeightsUnusable
from recognition.atomic_files import unwritable, written_atomically
from recognition.weights import (
    FACE_ENCODER,
    KNOWN_MODELS,
    YUNET,
    KnownModel,
    ModelState,
    add_model,
    installed_path,
    known_model,
    list_models,
    packaged_path,
    sha256_of,
)


def tiny_network() -> bytes:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "tiny", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def states(*folders: Path) -> dict[str, ModelState]:
    return {line.name: line.state for line in list_models(*folders)}


def test_every_known_model_is_pinned_and_explained() -> None:
    for model in KNOWN_MODELS:
        assert len(model.sha256) == 64
        assert model.size_bytes > 0
        assert model.use
        assert model.licence
        assert model.homepage.startswith("https://")


def test_packaged_files_are_the_pinned_ones() -> None:
    for model in KNOWN_MODELS:
        if model.package:
            path = packaged_path(model)
            assert sha256_of(path) == model.sha256
            assert path.stat().st_size == model.size_bytes


def test_a_package_that_is_not_installed_is_named() -> None:
    absent = KnownModel("x", "x.dat", "0" * 64, 1, "", "", "", package="package_that_is_not_installed")
    with pytest.raises(WeightsUnusable, match="package_that_is_not_installed"):
        packaged_path(absent)


def test_an_unknown_name_lists_the_known_ones() -> None:
    assert known_model("yunet") is YUNET
    with pytest.raises(NotFound, match="yunet"):
        known_model("yunnet")


def test_an_empty_folder_has_only_what_packages_bring(tmp_path: Path) -> None:
    assert states(tmp_path) == {
        "yunet": ModelState.MISSING,
        "face-encoder": ModelState.READY,
        "five-points": ModelState.READY,
    }
    assert states(tmp_path / "not there") == states(tmp_path) == states()


def test_a_file_with_other_content_counts_as_altered(tmp_path: Path) -> None:
    (tmp_path / YUNET.file_name).write_bytes(b"other")
    assert states(tmp_path)["yunet"] is ModelState.ALTERED
    with pytest.raises(WeightsUnusable, match="models pull yunet"):
        installed_path(tmp_path, YUNET)


def test_a_missing_file_is_no_error(tmp_path: Path) -> None:
    assert installed_path(tmp_path, YUNET) is None
    assert installed_path(tmp_path / "no folder", YUNET) is None


@pytest.mark.testdata
class TestAddingYuNet:
    @pytest.fixture
    def yunet_file(self, shared_material: Path) -> Path:
        return shared_material / "models" / YUNET.file_name

    def test_it_is_known_by_content_whatever_its_name(self, tmp_path: Path, yunet_file: Path) -> None:
        renamed = tmp_path / "download(1).bin"
        shutil.copy(yunet_file, renamed)
        line = add_model(tmp_path / "models", renamed)
        assert (line.name, line.state) == ("yunet", ModelState.READY)
        assert installed_path(tmp_path / "models", YUNET) == line.path

    def test_adding_twice_and_over_an_altered_file_works(self, tmp_path: Path, yunet_file: Path) -> None:
        (tmp_path / YUNET.file_name).write_bytes(b"damaged")
        add_model(tmp_path, yunet_file)
        add_model(tmp_path, yunet_file)
        assert states(tmp_path)["yunet"] is ModelState.READY
        assert [path.name for path in tmp_path.iterdir()] == [YUNET.file_name]

    def test_adding_a_file_onto_itself_keeps_it(self, tmp_path: Path, yunet_file: Path) -> None:
        line = add_model(tmp_path, yunet_file)
        add_model(tmp_path, line.path)
        assert sha256_of(line.path) == YUNET.sha256

    def test_the_first_folder_that_has_it_is_listed(self, tmp_path: Path, yunet_file: Path) -> None:
        line = next(line for line in list_models(tmp_path, yunet_file.parent) if line.name == "yunet")
        assert line.state is ModelState.READY
        assert line.path.parent == yunet_file.parent


class TestAddingOthers:
    def test_an_unknown_content_is_refused_with_its_hash(self, tmp_path: Path) -> None:
        file = tmp_path / "file.onnx"
        file.write_bytes(b"unknown")
        with pytest.raises(WeightsUnusable, match=hashlib.sha256(b"unknown").hexdigest()) as caught:
            add_model(tmp_path / "models", file)
        assert "--name NAME" in caught.value.hint
        assert not (tmp_path / "models").exists()

    def test_what_a_package_brings_needs_no_adding(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="face_recognition_models"):
            add_model(tmp_path, packaged_path(FACE_ENCODER))

    @pytest.mark.parametrize("kind", ["missing", "folder"])
    def test_what_cannot_be_read_is_named(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path if kind == "folder" else tmp_path / "gone.onnx"
        with pytest.raises(WeightsUnusable, match="cannot be read"):
            add_model(tmp_path / "models", path)

    def test_a_network_of_ones_own_is_taken_under_its_name(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.onnx"
        file.write_bytes(tiny_network())
        line = add_model(tmp_path / "models", file, custom_name="my-net_2")
        assert (line.name, line.state) == ("my-net_2", ModelState.CUSTOM)
        assert states(tmp_path / "models")["my-net_2"] is ModelState.CUSTOM

    @pytest.mark.parametrize("name", ["", "yunet", "../up", "a/b", "Über", "a" * 41, ".hidden", "-x", "a\n"])
    def test_a_name_that_could_lead_elsewhere_is_refused(self, tmp_path: Path, name: str) -> None:
        file = tmp_path / "mine.onnx"
        file.write_bytes(tiny_network())
        with pytest.raises(InvalidInput, match="cannot name"):
            add_model(tmp_path / "models", file, custom_name=name)

    def test_a_custom_file_must_be_a_network(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.onnx"
        file.write_bytes(b"not a network")
        with pytest.raises(WeightsUnusable, match="ONNX Runtime"):
            add_model(tmp_path / "models", file, custom_name="mine")


class TestWrittenAtomically:
    def test_the_target_appears_whole_or_not_at_all(self, tmp_path: Path) -> None:
        target = tmp_path / "deep" / "file"
        with suppress(RuntimeError), written_atomically(target) as partial:
            partial.write_bytes(b"half")
            raise RuntimeError("stop")
        assert list(target.parent.iterdir()) == []
        with written_atomically(target) as partial:
            partial.write_bytes(b"whole")
            assert not target.exists()
        assert target.read_bytes() == b"whole"
        assert [path.name for path in target.parent.iterdir()] == ["file"]

    def test_a_failed_rewrite_keeps_the_old_file(self, tmp_path: Path) -> None:
        target = tmp_path / "file"
        target.write_bytes(b"old")
        with pytest.raises(StorageError, match="No space"), written_atomically(target):
            raise OSError(28, "No space left on device")
        assert target.read_bytes() == b"old"

    def test_a_full_disk_is_told_apart(self, tmp_path: Path) -> None:
        assert isinstance(unwritable(tmp_path, OSError(28, "No space left on device")), DiskFull)
        assert not isinstance(unwritable(tmp_path, OSError(13, "Permission denied")), DiskFull)

    @given(content=st.binary(max_size=2000))
    def test_content_survives(self, tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
        target = tmp_path_factory.mktemp("atomic") / "file"
        with written_atomically(target) as partial:
            partial.write_bytes(content)
        assert sha256_of(target) == hashlib.sha256(content).hexdigest()
