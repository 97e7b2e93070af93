"""The contract of legal holds, run over every object store: set, read back, let go, stronger than time."""

from __future__ import annotations

import pytest

from models.errors import EvidenceBroken, ObjectLocked
from models.evidence import LeafKind
from storage.holding import HoldKeeper, place_hold, release_hold
from tests.contract.kept_archive import KeptArchive
from tests.contract.store_benches import STORES_AND_DATABASES
from tests.unit.storage.retained import Killed

pytestmark = pytest.mark.parametrize(("bench", "database_url"), STORES_AND_DATABASES, indirect=True)


@pytest.fixture
def kept(archive: KeptArchive) -> KeptArchive:
    """Two minutes of footage in the store."""
    archive.record(1, 2)
    return archive


@pytest.fixture
def keeper(kept: KeptArchive) -> HoldKeeper:
    return HoldKeeper(kept.ledger, kept.store)


def place(archive: KeptArchive, case_ref: str = "") -> str:
    with archive.ledger.write() as work:
        return place_hold(work, "L1", case_ref, "inquiry", "supervisor").hold_id


def release(archive: KeptArchive, hold_id: str) -> None:
    with archive.ledger.write() as work:
        release_hold(work, hold_id, "closed", "auditor")


def acts(archive: KeptArchive) -> list[str]:
    return [body["act"] for body in archive.bodies(LeafKind.HOLD)]


def test_a_hold_reaches_every_object_and_is_confirmed_as_the_store_shows_it(
    kept: KeptArchive, keeper: HoldKeeper
) -> None:
    hold_id = place(kept, "case-7")
    assert kept.held() == [False, False], "the store follows after the commit"
    settled = keeper.settle()
    assert (settled.objects, [hold.hold_id for hold in settled.confirmed]) == (2, [hold_id])
    assert kept.held() == [True, True]
    keys = kept.keys()
    assert [one.legal_hold for key in keys for one in kept.store.versions(key)] == [True, True]
    placed, confirmed = kept.bodies(LeafKind.HOLD)
    assert (placed["case_ref"], confirmed["held"], confirmed["objects"]) == ("case-7", True, 2)
    assert keeper.settle().objects == 0


def test_a_hold_changes_no_lock(kept: KeptArchive, keeper: HoldKeeper) -> None:
    before = [(one.key, one.version, one.retain_until) for one in kept.store.list_versions("footage/")]
    place(kept)
    keeper.settle()
    assert [
        (one.key, one.version, one.retain_until) for one in kept.store.list_versions("footage/")
    ] == before


def test_footage_that_is_stored_after_the_hold_is_held_too(kept: KeptArchive, keeper: HoldKeeper) -> None:
    place(kept)
    keeper.settle()
    kept.record(3)
    assert kept.held() == [True, True, False]
    assert keeper.settle().objects == 1
    assert kept.held() == [True, True, True]


def test_a_released_hold_leaves_the_store_and_its_history_stays(
    kept: KeptArchive, keeper: HoldKeeper
) -> None:
    hold_id = place(kept)
    keeper.settle()
    release(kept, hold_id)
    assert kept.held() == [True, True], "released in the books first, in the store after it"
    assert keeper.settle().objects == 2
    assert kept.held() == [False, False]
    assert acts(kept) == ["placed", "confirmed", "released", "confirmed"]
    with kept.ledger.read() as work:
        (hold,) = work.holds.of_lesson("L1")
    assert (hold.open, hold.released_by) == (False, "auditor")


def test_one_hold_released_leaves_the_other_in_force(kept: KeptArchive, keeper: HoldKeeper) -> None:
    first, _ = place(kept, "case-1"), place(kept, "case-2")
    keeper.settle()
    release(kept, first)
    keeper.settle()
    assert kept.held() == [True, True]


def test_held_footage_outlives_its_retention_and_goes_when_it_is_let_go(
    kept: KeptArchive, keeper: HoldKeeper
) -> None:
    kept.seal()
    hold_id = place(kept)
    keeper.settle()
    kept.outlive()
    assert kept.remover().remove_due().objects == 0
    for stored in kept.store.list_versions("footage/"):
        with pytest.raises(ObjectLocked):
            kept.store.delete_version(stored.key, stored.version)
    assert kept.store.purge_expired("footage/", kept.clock.at) == []
    release(kept, hold_id)
    assert kept.remover().remove_due().objects == 0, "the store has not let go yet"
    keeper.settle()
    assert kept.remover().remove_due().objects == 2
    assert kept.keys() == []


def test_a_hold_calls_off_a_removal_that_was_decided(kept: KeptArchive, keeper: HoldKeeper) -> None:
    kept.seal()
    kept.outlive()
    with pytest.raises(Killed):
        kept.remover("removal: decided").remove_due()
    place(kept)
    assert kept.remover().remove_due().objects == 0
    keeper.settle()
    assert kept.held() == [True, True]
    with kept.ledger.read() as work:
        assert not work.removals.is_under_way("seg-1")


def test_held_footage_that_is_gone_is_told(kept: KeptArchive, keeper: HoldKeeper) -> None:
    kept.outlive()
    lost, _ = kept.store.list_versions("footage/")
    kept.store.delete_version(lost.key, lost.version)
    place(kept)
    with pytest.raises(EvidenceBroken, match="not in the store") as told:
        keeper.settle()
    assert told.value.place == lost.key
    assert "confirmed" not in acts(kept)
