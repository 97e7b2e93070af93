"""The evidence log is handed over to a new key: on record by both, durable first, whole after any cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.checkpoint import parse_note
from models.errors import Conflict, EvidenceBroken, InvalidInput, KeyUnusable
from models.evidence import Leaf, LeafKind
from storage.evidence_proofs import audit_log, log_keys
from storage.leaf_store import LeafQuery
from storage.signing import PublicKey, verify_note
from storage.signing_keys import NEXT_KEY_FILE, SIGNING_KEY_FILE
from supervision_api.cli.doctor import _act
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.upkeep import renew_signing_key
from supervision_api.settings import Settings

STEPS = ("next key made", "rotation written", "rotation committed", "next key in place")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def house(settings: Settings) -> Iterator[Installation]:
    with open_installation(settings) as opened:
        grow(opened)
        yield opened


def grow(house: Installation) -> None:
    with house.ledger.write() as work:
        work.evidence.append(Leaf(LeafKind.VIEW, house.clock.now(), None, {}))
        work.evidence.write_checkpoint(house.signer)


def keys(house: Installation) -> tuple[PublicKey, ...]:
    with house.ledger.read() as work:
        assert audit_log(work.evidence.store, house.settings.origin) == ()
        return log_keys(work.evidence.store, house.settings.origin)


def test_the_handover_is_signed_by_both_and_says_who(house: Installation, settings: Settings) -> None:
    old, new = renew_signing_key(house, " 王主任 ")
    assert keys(house) == (old, new)
    with house.ledger.read() as work:
        latest = work.evidence.store.latest_checkpoint()
        assert latest is not None
        assert verify_note(parse_note(latest.note.encode()), (old, new)) == (old, new)
        (told,) = work.evidence.store.rows(LeafQuery(kinds=(LeafKind.HEARTBEAT,)))
    body = json.loads(told.record)["body"]
    assert (body["act"], body["by"]) == ("signing_key_renewed", "王主任")
    assert body["fingerprint"] == new.fingerprint
    with open_installation(settings) as again:
        assert again.signer.public_key == new
        grow(again)
        keys(again)
    assert not (settings.keys_dir / NEXT_KEY_FILE).exists()


def test_a_second_handover_adds_a_third_key(house: Installation, settings: Settings) -> None:
    renew_signing_key(house, "a")
    with open_installation(settings) as again:
        renew_signing_key(again, "b")
        assert len(set(keys(again))) == 3


@pytest.mark.parametrize("killed_at", STEPS)
def test_killed_between_any_two_steps_the_log_can_be_signed_and_the_act_repeated(
    house: Installation, settings: Settings, killed_at: str
) -> None:
    def step(name: str) -> None:
        if name == killed_at:
            raise Killed

    with pytest.raises(Killed):
        renew_signing_key(house, "a", step=step)
    committed = STEPS.index(killed_at) >= 2
    with open_installation(settings) as again:
        assert len(keys(again)) == 1 + committed
        assert again.signer.public_key == keys(again)[-1]
        grow(again)
        assert (settings.keys_dir / NEXT_KEY_FILE).exists() == (not committed)
        renew_signing_key(again, "a")
        assert len(keys(again)) == 2 + committed
    with open_installation(settings) as last:
        grow(last)
        assert last.signer.public_key == keys(last)[-1]


def test_a_next_key_that_the_log_does_not_know_never_takes_the_place(
    house: Installation, settings: Settings
) -> None:
    before = (settings.keys_dir / SIGNING_KEY_FILE).read_bytes()
    forged = json.loads(before) | {"key": "A" * 43 + "="}
    path = settings.keys_dir / NEXT_KEY_FILE
    path.write_text(json.dumps(forged))
    path.chmod(0o600)
    with open_installation(settings) as again:
        assert again.signer.public_key == house.signer.public_key
    assert (settings.keys_dir / SIGNING_KEY_FILE).read_bytes() == before


def test_the_old_key_alone_opens_nothing_after_the_handover(
    house: Installation, settings: Settings, tmp_path: Path
) -> None:
    path = settings.keys_dir / SIGNING_KEY_FILE
    old = path.read_bytes()
    renew_signing_key(house, "a")
    path.write_bytes(old)
    with pytest.raises(KeyUnusable), open_installation(settings):
        pass


def test_a_running_server_a_missing_name_or_a_broken_log_refuse_it(
    house: Installation, settings: Settings
) -> None:
    with pytest.raises(InvalidInput):
        renew_signing_key(house, "  ")
    with open_installation(settings) as server, server.spool.claimed(), pytest.raises(Conflict):
        renew_signing_key(house, "a")
    with house.database.transaction(writing=True) as connection:
        connection.exec_driver_sql("UPDATE evidence_leaves SET record = x'7b7d' WHERE sequence = 1")
    with pytest.raises(EvidenceBroken):
        renew_signing_key(house, "a")
    assert not (settings.keys_dir / NEXT_KEY_FILE).exists()


def test_doctor_says_which_key_is_to_be_published(settings: Settings) -> None:
    with open_installation(settings):
        pass
    acts = _act(settings, "", "", "王主任")
    with open_installation(settings) as again:
        assert any(again.signer.public_key.fingerprint in act for act in acts)
