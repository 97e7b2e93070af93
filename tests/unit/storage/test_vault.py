"""Field encryption: what is bound, what is refused, what a rotation keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import KeyUnusable
from storage.vault import (
    KEY_FILE_NAME,
    Field,
    Purpose,
    Vault,
    create_vault,
    open_vault,
    rotate_vault,
    vault_exists,
)

PLACE = Field(Purpose.IDENTITY, "trainees", "id_number", "row-1")
NUMBER = b"11010519491231002X"


@given(value=st.binary(max_size=300), row=st.text(max_size=40))
def test_a_value_comes_back_from_its_own_place(vault: Vault, value: bytes, row: str) -> None:
    place = Field(Purpose.PHOTO, "enrolment_photos", "content", row)
    assert vault.decrypt(vault.encrypt(value, place), place) == value


def test_equal_values_look_different_each_time(vault: Vault) -> None:
    assert vault.encrypt(NUMBER, PLACE) != vault.encrypt(NUMBER, PLACE)


def test_the_token_does_not_contain_the_value(vault: Vault) -> None:
    assert NUMBER not in vault.encrypt(NUMBER, PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        Field(Purpose.IDENTITY, "trainees", "id_number", "row-2"),
        Field(Purpose.IDENTITY, "trainees", "phone", "row-1"),
        Field(Purpose.IDENTITY, "others", "id_number", "row-1"),
        Field(Purpose.PHOTO, "trainees", "id_number", "row-1"),
    ],
)
def test_a_value_moved_to_another_place_does_not_open(vault: Vault, elsewhere: Field) -> None:
    with pytest.raises(KeyUnusable, match="does not open"):
        vault.decrypt(vault.encrypt(NUMBER, PLACE), elsewhere)


def test_places_whose_names_run_together_stay_apart(vault: Vault) -> None:
    token = vault.encrypt(NUMBER, Field(Purpose.IDENTITY, "a", "b|c", "d"))
    with pytest.raises(KeyUnusable):
        vault.decrypt(token, Field(Purpose.IDENTITY, "a|b", "c", "d"))


@given(data=st.data())
def test_one_flipped_bit_is_noticed(vault: Vault, data: st.DataObject) -> None:
    token = bytearray(vault.encrypt(NUMBER, PLACE))
    bit = data.draw(st.integers(0, len(token) * 8 - 1))
    token[bit // 8] ^= 1 << bit % 8
    with pytest.raises(KeyUnusable):
        vault.decrypt(bytes(token), PLACE)


@given(length=st.integers(0, 40))
def test_a_shortened_value_is_refused(vault: Vault, length: int) -> None:
    with pytest.raises(KeyUnusable):
        vault.decrypt(vault.encrypt(NUMBER, PLACE)[:length], PLACE)


def test_errors_name_the_column_and_never_the_value(vault: Vault) -> None:
    token = vault.encrypt(NUMBER, PLACE)
    with pytest.raises(KeyUnusable) as caught:
        vault.decrypt(token[:-1], PLACE)
    assert caught.value.place == "trainees.id_number"
    assert "1101" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_lookup_hashes_are_equal_for_equal_numbers_and_need_the_key(vault: Vault, tmp_path: Path) -> None:
    other = create_vault(tmp_path / "other")
    assert vault.lookup_hash("11010519491231002X") == vault.lookup_hash("11010519491231002X")
    assert vault.lookup_hash("11010519491231002X") != other.lookup_hash("11010519491231002X")
    assert vault.lookup_hash("1") != vault.lookup_hash("1", Purpose.CAMERA)


def test_a_vault_opens_again_and_reads_what_it_wrote(tmp_path: Path) -> None:
    token = create_vault(tmp_path / "keys").encrypt(NUMBER, PLACE)
    assert open_vault(tmp_path / "keys").decrypt(token, PLACE) == NUMBER


def test_after_a_rotation_old_values_open_and_new_ones_use_the_new_key(tmp_path: Path) -> None:
    old = create_vault(tmp_path)
    token = old.encrypt(NUMBER, PLACE)
    new = rotate_vault(tmp_path)
    renewed = new.encrypt(NUMBER, PLACE)
    assert new.decrypt(token, PLACE) == NUMBER
    assert (new.key_id_of(token), new.key_id_of(renewed)) == ("k1", "k2")
    assert new.lookup_hash("x") == old.lookup_hash("x")
    assert new.fingerprint == old.fingerprint
    assert rotate_vault(tmp_path).current_key_id == "k3"


def test_a_value_of_a_key_the_vault_lacks_says_what_is_lost(tmp_path: Path) -> None:
    old = create_vault(tmp_path)
    token = rotate_vault(tmp_path).encrypt(NUMBER, PLACE)
    with pytest.raises(KeyUnusable, match="k2") as caught:
        old.decrypt(token, PLACE)
    assert "backup" in caught.value.hint


def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    create_vault(tmp_path / "keys")
    assert (tmp_path / "keys" / KEY_FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_key_file_open_to_others_is_refused_with_the_command_to_mend_it(tmp_path: Path, mode: int) -> None:
    create_vault(tmp_path)
    (tmp_path / KEY_FILE_NAME).chmod(mode)
    with pytest.raises(KeyUnusable, match=f"{mode:04o}") as caught:
        open_vault(tmp_path)
    assert caught.value.hint == f"run: chmod 600 {tmp_path / KEY_FILE_NAME}"


def test_a_lost_key_file_says_what_is_gone(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="missing") as caught:
        open_vault(tmp_path)
    assert "cannot be read again" in caught.value.hint
    assert not vault_exists(tmp_path)


def test_a_second_creation_never_replaces_the_key(tmp_path: Path) -> None:
    create_vault(tmp_path)
    before = (tmp_path / KEY_FILE_NAME).read_bytes()
    with pytest.raises(KeyUnusable, match="already there"):
        create_vault(tmp_path)
    assert (tmp_path / KEY_FILE_NAME).read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: b"not json",
        lambda document: b"[]",
        lambda document: json.dumps(document | {"current": "k9"}).encode(),
        lambda document: json.dumps(document | {"masters": {"k1": "c2hvcnQ="}}).encode(),
        lambda document: json.dumps(document | {"masters": {"k1": "***"}}).encode(),
        lambda document: json.dumps(document | {"lookup": 7}).encode(),
        lambda document: json.dumps(document)[:40].encode(),
    ],
)
def test_a_damaged_key_file_is_refused_without_showing_it(tmp_path: Path, damage: object) -> None:
    create_vault(tmp_path)
    path = tmp_path / KEY_FILE_NAME
    document = json.loads(path.read_bytes())
    path.write_bytes(damage(document))  # type: ignore[operator]
    with pytest.raises(KeyUnusable) as caught:
        open_vault(tmp_path)
    assert document["lookup"] not in str(caught.value)


def test_keys_stay_out_of_repr(tmp_path: Path) -> None:
    vault = create_vault(tmp_path)
    secret = json.loads((tmp_path / KEY_FILE_NAME).read_bytes())["lookup"]
    assert secret not in repr(vault)
