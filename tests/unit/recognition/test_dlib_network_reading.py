"""Reading dlib's file and writing it as ONNX: what is whole is read, what is not is refused."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import StorageError, WeightsUnusable
from recognition import encoder as encoder_module
from recognition import onnx_graph
from recognition.dlib_network import BLOCK_SHAPES, read_face_network, tensor_header, varint
from recognition.encoder import converted_weights
from recognition.onnx_graph import face_network_as_onnx
from recognition.onnx_session import Network, open_network
from recognition.weights import FACE_ENCODER, FIVE_POINTS, packaged_path

quick = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def stream() -> bytes:
    return packaged_path(FACE_ENCODER).read_bytes()


def _read_varint(data: bytes) -> int:
    size = data[0] & 0x0F
    magnitude = int.from_bytes(data[1 : 1 + size], "little")
    return -magnitude if data[0] & 0x80 else magnitude


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_varints_hold_their_number_in_as_few_bytes_as_it_takes(value: int) -> None:
    written = varint(value)
    assert _read_varint(written) == value
    assert len(written) <= 9
    assert len(written) == 2 or written[-1] != 0


def test_a_tensor_header_is_version_two_and_four_dimensions() -> None:
    assert tensor_header((256, 128)) == bytes([1, 2, 2, 0, 1, 1, 128, 1, 1, 1, 1])


def test_the_packaged_network_is_read_with_all_its_blocks(stream: bytes) -> None:
    network = read_face_network(stream)
    assert [block.halves for block in network.blocks] == [shape.halves for shape in BLOCK_SHAPES]
    assert network.stem.weights.shape == (32, 3, 7, 7)
    assert network.dense.shape == (256, 128)
    assert all(np.isfinite(block.second.weights).all() for block in network.blocks)


@quick
@given(share=st.floats(min_value=0.0, max_value=0.999))
def test_a_network_cut_short_anywhere_is_refused(stream: bytes, share: float) -> None:
    with pytest.raises(WeightsUnusable, match="no tensor of shape"):
        read_face_network(stream[: int(share * (len(stream) - 300))], place="cut.dat")


def test_the_error_names_the_file_and_the_next_step(stream: bytes) -> None:
    with pytest.raises(WeightsUnusable) as caught:
        read_face_network(stream[:100_000], place="cut.dat")
    assert caught.value.place == "cut.dat"
    assert "face_recognition_models" in caught.value.hint


@quick
@given(data=st.binary(max_size=5000))
def test_bytes_of_any_other_kind_are_refused(data: bytes) -> None:
    with pytest.raises(WeightsUnusable):
        read_face_network(data)


def test_another_model_of_dlibs_is_refused() -> None:
    with pytest.raises(WeightsUnusable):
        read_face_network(packaged_path(FIVE_POINTS).read_bytes())


def test_a_tensor_of_another_shape_is_refused(stream: bytes) -> None:
    header = tensor_header((9248,))
    altered = stream.replace(header, tensor_header((9249,)), 1)
    with pytest.raises(WeightsUnusable, match="9248"):
        read_face_network(altered)


def test_a_weight_that_is_no_number_is_refused(stream: bytes) -> None:
    header = tensor_header((4736,))
    at = stream.index(header) + len(header) + 40
    altered = stream[:at] + struct.pack("<f", float("nan")) + stream[at + 4 :]
    with pytest.raises(WeightsUnusable, match="no numbers"):
        read_face_network(altered)


def test_more_after_the_last_tensor_is_refused(stream: bytes) -> None:
    with pytest.raises(WeightsUnusable, match="too many"):
        read_face_network(stream + bytes(100_000))


def test_equal_networks_give_equal_files(stream: bytes) -> None:
    network = read_face_network(stream)
    assert face_network_as_onnx(network) == face_network_as_onnx(read_face_network(stream))


def test_the_written_file_is_valid_and_takes_any_number_of_chips(stream: bytes) -> None:
    written = face_network_as_onnx(read_face_network(stream))
    model = onnx.load_model_from_string(written)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"
    network = Network(written, place="written")
    for count in (0, 1, 3):
        chips = np.zeros((count, 150, 150, 3), dtype=np.uint8)
        assert network.run({"chips": chips})["embeddings"].shape == (count, 128)


class TestTheCache:
    def test_the_second_start_converts_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = converted_weights(packaged_path(FACE_ENCODER), tmp_path, expected_sha256=FACE_ENCODER.sha256)

        def never(*_: object) -> bytes:
            raise AssertionError("converted again")

        monkeypatch.setattr(onnx_graph, "face_network_as_onnx", never)
        again = converted_weights(packaged_path(FACE_ENCODER), tmp_path, expected_sha256=FACE_ENCODER.sha256)
        assert again == first

    @pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
    def test_a_damaged_cache_is_made_anew(self, tmp_path: Path, damage: str) -> None:
        source = packaged_path(FACE_ENCODER)
        whole = converted_weights(source, tmp_path, expected_sha256=FACE_ENCODER.sha256)
        (cached,) = tmp_path.iterdir()
        flipped = whole[:5_000_000] + bytes([whole[5_000_000] ^ 1]) + whole[5_000_001:]
        cached.write_bytes({"flipped": flipped, "cut": whole[:1000], "empty": b""}[damage])
        assert converted_weights(source, tmp_path, expected_sha256=FACE_ENCODER.sha256) == whole
        assert cached.read_bytes() == whole

    def test_nothing_but_the_finished_file_is_left(self, tmp_path: Path) -> None:
        converted_weights(packaged_path(FACE_ENCODER), tmp_path / "new", expected_sha256=FACE_ENCODER.sha256)
        (only,) = (tmp_path / "new").iterdir()
        assert only.name.startswith("face-encoder-55533b28a95800a5-")

    def test_an_altered_source_is_refused_before_it_is_read(self, tmp_path: Path, stream: bytes) -> None:
        altered = tmp_path / "network.dat"
        altered.write_bytes(stream[:-1] + b"x")
        with pytest.raises(WeightsUnusable, match="SHA-256"):
            converted_weights(altered, tmp_path / "cache", expected_sha256=FACE_ENCODER.sha256)
        assert not (tmp_path / "cache").exists()

    def test_a_source_of_another_shape_is_refused_even_with_its_own_hash(self, tmp_path: Path) -> None:
        other = tmp_path / "network.dat"
        other.write_bytes(b"something else")
        sha256 = hashlib.sha256(b"something else").hexdigest()
        with pytest.raises(WeightsUnusable, match="not face_recognition's network"):
            converted_weights(other, tmp_path / "cache", expected_sha256=sha256)

    def test_a_missing_source_names_its_place(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnusable, match=r"gone\.dat"):
            converted_weights(tmp_path / "gone.dat", tmp_path, expected_sha256="")

    def test_a_cache_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        with pytest.raises(StorageError, match="cannot be written"):
            converted_weights(
                packaged_path(FACE_ENCODER), blocked / "cache", expected_sha256=FACE_ENCODER.sha256
            )

    def test_the_converter_is_not_loaded_when_the_cache_is_there(self) -> None:
        assert not hasattr(encoder_module, "face_network_as_onnx")


class TestOpeningNetworks:
    def test_bytes_that_are_no_network_are_refused(self) -> None:
        with pytest.raises(WeightsUnusable, match="ONNX Runtime"):
            Network(b"not a network", place="here")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnusable, match=r"none\.onnx"):
            open_network(tmp_path / "none.onnx")

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnusable, match="cannot be read"):
            open_network(tmp_path)

    def test_an_input_it_does_not_take_is_our_error(self, stream: bytes) -> None:
        network = Network(face_network_as_onnx(read_face_network(stream)), place="encoder")
        wrong = [
            {"chips": np.zeros((1, 149, 150, 3), dtype=np.uint8)},
            {"chips": np.zeros((1, 150, 150, 3), dtype=np.float32)},
            {"faces": np.zeros((1, 150, 150, 3), dtype=np.uint8)},
        ]
        for inputs in wrong:
            with pytest.raises(WeightsUnusable, match="does not take this input"):
                network.run(inputs)
