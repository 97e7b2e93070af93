"""Opening an installation: what a first start makes, what a later one refuses, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from models.errors import EvidenceBroken, KeyUnusable, SettingInvalid
from models.evidence import LeafKind
from storage.leaf_store import LeafQuery
from supervision_api.pipeline.installation import (
    Installation,
    open_installation,
    open_scratch,
    require_sound_log,
)
from supervision_api.settings import Settings


def sign(house: Installation) -> None:
    with house.ledger.write() as work:
        work.evidence.write_checkpoint(house.signer)


def alter(house: Installation, statement: str) -> None:
    with house.database.transaction(writing=True) as connection:
        connection.execute(text(statement))


def test_a_first_start_makes_keys_database_store_and_a_log_that_names_its_key(settings: Settings) -> None:
    with open_installation(settings) as house:
        with house.ledger.read() as work:
            (opened,) = work.evidence.store.rows(LeafQuery())
        assert opened.kind is LeafKind.LOG_OPENED
        body = json.loads(opened.record)["body"]
        assert body == {"origin": settings.origin, "key": house.signer.public_key.document()}
    assert {path.name for path in settings.data_dir.iterdir()} >= {"keys", "rollcall.db", "store", "spool"}
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700
    for path in settings.keys_dir.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_later_start_opens_the_same_and_adds_nothing(settings: Settings) -> None:
    with open_installation(settings) as first:
        fingerprint, vault = first.signer.public_key.fingerprint, first.ledger.vault.fingerprint
    with open_installation(settings) as again, again.ledger.read() as work:
        assert again.signer.public_key.fingerprint == fingerprint
        assert again.ledger.vault.fingerprint == vault
        assert len(list(work.evidence.store.rows(LeafQuery()))) == 1


def test_a_lost_vault_key_stops_the_start_and_says_what_is_gone(settings: Settings) -> None:
    with open_installation(settings):
        pass
    (settings.keys_dir / "vault.json").unlink()
    with pytest.raises(KeyUnusable, match="missing") as caught, open_installation(settings):
        pass
    assert "cannot be read again" in caught.value.hint
    assert not (settings.keys_dir / "vault.json").exists(), "never replaced in silence"


def test_a_data_folder_that_cannot_be_made_names_the_setting(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = settings.model_copy(update={"data_dir": tmp_path / "file" / "data"})
    with pytest.raises(SettingInvalid) as caught, open_installation(blocked):
        pass
    assert "ROLLCALL_DATA_DIR" in caught.value.hint


def test_a_scratch_installation_borrows_only_the_signing_key(settings: Settings, tmp_path: Path) -> None:
    with open_scratch(settings, tmp_path / "job") as scratch:
        signer, vault = scratch.signer.public_key, scratch.ledger.vault.fingerprint
        assert scratch.folder == tmp_path / "job"
    with open_installation(settings) as house:
        assert house.signer.public_key == signer
        assert house.ledger.vault.fingerprint != vault


def test_a_sound_log_is_gone_on_with(settings: Settings) -> None:
    with open_installation(settings) as house:
        sign(house)
        state = require_sound_log(house)
    assert state is not None
    assert (state.size, state.checkpoint_size) == (1, 1)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE evidence_leaves SET leaf_hash = zeroblob(32)", "does not follow"),
        ("UPDATE evidence_leaves SET record = CAST('{}' AS BLOB)", "does not match its hash"),
        ("DELETE FROM evidence_leaves", "lacks nodes"),
        ("UPDATE evidence_checkpoints SET root = zeroblob(32)", "not the one that was signed"),
        ("UPDATE evidence_head SET origin = 'another/log'", "another/log"),
        ("UPDATE evidence_checkpoints SET size = 7", "7 were signed"),
    ],
)
def test_nothing_is_recorded_onto_a_log_that_was_changed(
    settings: Settings, statement: str, message: str
) -> None:
    with open_installation(settings) as house:
        sign(house)
        alter(house, statement)
        with pytest.raises(EvidenceBroken, match=message) as caught:
            require_sound_log(house)
        assert caught.value.place
        assert caught.value.hint


def test_a_lost_signing_key_beside_a_log_stops_the_start_and_no_new_one_is_made(settings: Settings) -> None:
    with open_installation(settings):
        pass
    key = settings.keys_dir / "evidence-signing.json"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(KeyUnusable, match="missing") as caught, open_installation(settings):
        pass
    assert caught.value.place == str(key)
    assert not key.exists()
    key.touch(mode=0o600)
    key.write_bytes(kept)
    with open_installation(settings) as house:
        sign(house)


def test_another_signing_key_of_the_same_name_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    with open_installation(settings):
        pass
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    with open_installation(elsewhere):
        pass
    foreign = (elsewhere.keys_dir / "evidence-signing.json").read_bytes()
    (settings.keys_dir / "evidence-signing.json").write_bytes(foreign)
    refused = pytest.raises(KeyUnusable, match="not the one that this evidence log knows")
    with refused as caught, open_installation(settings):
        pass
    assert "restore" in caught.value.hint
