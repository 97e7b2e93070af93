"""Reading dlib's file and writing it as ONNX: what is whole is read, what is not is refused."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import StorageError, WeightsUnusable
from recognition import encoder_files
from recognition.dlib_network import BLOCK_SHAPES, FaceNetwork, read_face_network, tensor_header, varint
from recognition.encoder_files import Form, converted_file
from recognition.onnx_graph import face_network_as_onnx
from recognition.onnx_graph_many import face_network_for_many
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


WRITERS = pytest.mark.parametrize("write", [face_network_as_onnx, face_network_for_many])
Writer = Callable[[FaceNetwork], bytes]


@WRITERS
def test_equal_networks_give_equal_files(stream: bytes, write: Writer) -> None:
    network = read_face_network(stream)
    assert write(network) == write(read_face_network(stream))


@pytest.mark.parametrize(
    ("write", "counts"), [(face_network_as_onnx, (0, 1, 3)), (face_network_for_many, (1, 3, 17))]
)
def test_the_written_file_is_valid_and_takes_any_number_of_chips(
    stream: bytes, write: Writer, counts: tuple[int, ...]
) -> None:
    written = write(read_face_network(stream))
    model = onnx.load_model_from_string(written)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"
    network = Network(written, place="written")
    for count in counts:
        chips = np.zeros((count, 150, 150, 3), dtype=np.uint8)
        assert network.run({"chips": chips})["embeddings"].shape == (count, 128)


def test_both_forms_give_the_same_embeddings(stream: bytes) -> None:
    """Noise, black, white and an edge: what rounding in the filtering would show on."""
    chips = np.random.default_rng(7).integers(0, 256, (8, 150, 150, 3), dtype=np.uint8)
    chips[1], chips[2], chips[3, :, :75] = 0, 255, 255
    network = read_face_network(stream)
    few, many = (
        Network(write(network), place="written").run({"chips": chips})["embeddings"]
        for write in (face_network_as_onnx, face_network_for_many)
    )
    np.testing.assert_allclose(many, few, atol=2e-6, rtol=0)


FORMS = pytest.mark.parametrize("form", list(Form))


def _converted(form: Form, folder: Path) -> Path:
    return converted_file(form, packaged_path(FACE_ENCODER), folder, expected_sha256=FACE_ENCODER.sha256)


class TestTheCache:
    @FORMS
    def test_the_second_start_converts_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form
    ) -> None:
        first = _converted(form, tmp_path)

        def never(*_: object) -> bytes:
            raise AssertionError("converted again")

        monkeypatch.setattr(encoder_files, "_convert", never)
        assert _converted(form, tmp_path) == first

    def test_each_form_has_its_own_file(self, tmp_path: Path) -> None:
        few, many = (_converted(form, tmp_path) for form in Form)
        assert few != many
        assert {few, many} == set(tmp_path.iterdir())

    @pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
    @FORMS
    def test_a_damaged_cache_is_made_anew(self, tmp_path: Path, damage: str, form: Form) -> None:
        cached = _converted(form, tmp_path)
        whole = cached.read_bytes()
        flipped = whole[:5_000_000] + bytes([whole[5_000_000] ^ 1]) + whole[5_000_001:]
        cached.write_bytes({"flipped": flipped, "cut": whole[:1000], "empty": b""}[damage])
        assert _converted(form, tmp_path) == cached
        assert cached.read_bytes() == whole

    def test_nothing_but_the_finished_file_is_left(self, tmp_path: Path) -> None:
        _converted(Form.FEW, tmp_path / "new")
        (only,) = (tmp_path / "new").iterdir()
        assert only.name.startswith("face-encoder-55533b28a95800a5-")

    def test_an_altered_source_is_refused_before_it_is_read(self, tmp_path: Path, stream: bytes) -> None:
        altered = tmp_path / "network.dat"
        altered.write_bytes(stream[:-1] + b"x")
        with pytest.raises(WeightsUnusable, match="SHA-256"):
            converted_file(Form.FEW, altered, tmp_path / "cache", expected_sha256=FACE_ENCODER.sha256)
        assert not (tmp_path / "cache").exists()

    @FORMS
    def test_a_source_of_another_shape_is_refused_even_with_its_own_hash(
        self, tmp_path: Path, form: Form
    ) -> None:
        other = tmp_path / "network.dat"
        other.write_bytes(b"something else")
        sha256 = hashlib.sha256(b"something else").hexdigest()
        with pytest.raises(WeightsUnusable, match="not face_recognition's network"):
            converted_file(form, other, tmp_path / "cache", expected_sha256=sha256)

    def test_a_missing_source_names_its_place(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnusable, match=r"gone\.dat"):
            converted_file(Form.FEW, tmp_path / "gone.dat", tmp_path, expected_sha256="")

    def test_a_cache_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        with pytest.raises(StorageError, match="cannot be written"):
            _converted(Form.FEW, blocked / "cache")

    def test_the_converter_is_not_loaded_when_the_cache_is_there(self, tmp_path: Path) -> None:
        """onnx takes a third of a second to import: a start from the cache must do without."""
        for form in Form:
            _converted(form, tmp_path)
        start = (
            "import sys; from pathlib import Path; from recognition.encoder import open_encoder; "
            f"open_encoder(Path({str(tmp_path)!r})); sys.exit('onnx' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", start], check=False).returncode == 0


class TestOpeningNetworks:
    def test_bytes_that_are_no_network_are_refused(self) -> None:
        with pytest.raises(WeightsUnusable, match="ONNX Runtime"):
            Network(b"not a network", place="here")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnusable, match=r"none\.onnx"):
            open_network(tmp_path / "none.onnx")

    def test_a_file_that_went_missing_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnusable, match="ONNX Runtime"):
            Network(tmp_path / "gone.onnx", place="encoder")

    def test_a_file_opens_as_its_bytes_do(self, tmp_path: Path, stream: bytes) -> None:
        written = face_network_as_onnx(read_face_network(stream))
        path = tmp_path / "network.onnx"
        path.write_bytes(written)
        from_file, from_bytes = Network(path, place="file"), Network(written, place="bytes")
        assert from_file.sha256 == from_bytes.sha256
        chips = np.full((2, 150, 150, 3), 90, dtype=np.uint8)
        results = [one.run({"chips": chips})["embeddings"] for one in (from_file, from_bytes)]
        np.testing.assert_array_equal(*results)

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
