"""Legal holds: in force at once, in the store as soon as it answers, never lost, never let go by accident."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from models.errors import Conflict, EvidenceBroken, InvalidInput, NotFound, ObjectLocked, StorageError
from models.evidence import LeafKind
from models.footage import Segment
from storage.holding import HoldKeeper, place_hold, release_hold
from storage.removal import Remover
from storage.unit_of_work import Ledger
from tests.unit.storage.retained import OVER, Archive, without_hold


@pytest.fixture
def archive(
    with_lesson: Ledger, tmp_path: Path, clock: object, new_segment: Callable[..., Segment]
) -> Archive:
    archive = Archive(with_lesson, tmp_path, clock, new_segment)
    archive.record(1, 2)
    return archive


@pytest.fixture
def keeper(archive: Archive) -> HoldKeeper:
    return HoldKeeper(archive.ledger, archive.store)


def place(archive: Archive, case_ref: str = "", reason: str = "inquiry") -> str:
    with archive.ledger.write() as work:
        return place_hold(work, "L1", case_ref, reason, "supervisor").hold_id


def release(archive: Archive, hold_id: str) -> None:
    with archive.ledger.write() as work:
        release_hold(work, hold_id, "closed", "auditor")


def test_a_hold_reaches_every_object_and_is_confirmed_as_read_back(
    archive: Archive, keeper: HoldKeeper
) -> None:
    hold_id = place(archive, "case-7")
    assert archive.held() == [False, False], "the store follows after the commit"
    settled = keeper.settle()
    assert (settled.objects, [hold.hold_id for hold in settled.confirmed]) == (2, [hold_id])
    assert archive.held() == [True, True]
    placed, confirmed = archive.bodies(LeafKind.HOLD)
    assert (placed["act"], placed["reason"], placed["actor"]) == ("placed", "inquiry", "supervisor")
    assert (placed["case_ref"], confirmed["act"], confirmed["objects"]) == ("case-7", "confirmed", 2)
    assert keeper.settle().objects == 0


def test_a_store_that_is_away_loses_no_hold(archive: Archive, keeper: HoldKeeper) -> None:
    place(archive)
    archive.store.away = StorageError("the store is away")
    for _ in range(3):
        with pytest.raises(StorageError, match="away"):
            keeper.settle()
    with archive.ledger.read() as work:
        assert work.holds.is_held("L1")
        assert len(work.holds.unconfirmed()) == 1
    archive.store.away = None
    assert len(keeper.settle().confirmed) == 1
    assert archive.held() == [True, True]


def test_a_store_that_says_yes_and_holds_nothing_is_not_believed(
    archive: Archive, keeper: HoldKeeper
) -> None:
    place(archive)
    archive.store.lies = without_hold
    with pytest.raises(EvidenceBroken, match="did not keep the legal hold"):
        keeper.settle()
    with archive.ledger.read() as work:
        assert len(work.holds.unconfirmed()) == 1


def test_footage_stored_after_the_hold_is_held_too(archive: Archive, keeper: HoldKeeper) -> None:
    place(archive)
    keeper.settle()
    archive.record(3)
    assert archive.held() == [True, True, False]
    assert keeper.settle().objects == 1
    assert archive.held() == [True, True, True]


def test_a_released_hold_leaves_the_store_and_its_history_stays(archive: Archive, keeper: HoldKeeper) -> None:
    hold_id = place(archive)
    keeper.settle()
    release(archive, hold_id)
    assert archive.held() == [True, True], "released in the books first, in the store after it"
    keeper.settle()
    assert archive.held() == [False, False]
    with archive.ledger.read() as work:
        (hold,) = work.holds.of_lesson("L1")
    assert (hold.open, hold.released_by, hold.release_reason) == (False, "auditor", "closed")
    assert [body["act"] for body in archive.bodies(LeafKind.HOLD)] == [
        "placed",
        "confirmed",
        "released",
        "confirmed",
    ]
    with pytest.raises(Conflict):
        release(archive, hold_id)


def test_one_hold_released_leaves_the_other_in_force(archive: Archive, keeper: HoldKeeper) -> None:
    first, _ = place(archive, "case-1"), place(archive, "case-2")
    keeper.settle()
    release(archive, first)
    keeper.settle()
    assert archive.held() == [True, True]


def test_a_case_finds_all_its_holds(archive: Archive) -> None:
    first, second = place(archive, "case-1"), place(archive, "case-1")
    place(archive, "case-2")
    with archive.ledger.read() as work:
        assert {hold.hold_id for hold in work.holds.of_case("case-1")} == {first, second}
        assert len(work.holds.open()) == 3


@pytest.mark.parametrize("reason", ["", "  \u200b ", "x" * 1001, "a\x00b"])
def test_a_hold_and_its_release_need_a_reason(archive: Archive, reason: str) -> None:
    with pytest.raises(InvalidInput):
        place(archive, reason=reason)
    hold_id = place(archive)
    with archive.ledger.write() as work, pytest.raises(InvalidInput):
        release_hold(work, hold_id, reason, "auditor")
    with archive.ledger.read() as work:
        assert work.holds.get(hold_id).open


def test_a_hold_on_a_lesson_that_is_not_there_is_not_found(archive: Archive) -> None:
    with archive.ledger.write() as work, pytest.raises(NotFound):
        place_hold(work, "L9", "", "inquiry", "supervisor")
    assert archive.bodies(LeafKind.HOLD) == []


def test_a_held_lesson_outlives_its_retention(archive: Archive, keeper: HoldKeeper) -> None:
    archive.seal()
    hold_id = place(archive)
    archive.live_through(OVER)
    remover = Remover(archive.ledger, archive.store, archive.store.guard.doubt)
    assert remover.remove_due().objects == 0, "the row alone keeps it, before the store knows"
    keeper.settle()
    assert remover.remove_due().objects == 0
    stored = archive.store.list_versions("footage/")[0]
    with pytest.raises(ObjectLocked):
        archive.store.delete_version(stored.key, stored.version)
    release(archive, hold_id)
    keeper.settle()
    assert remover.remove_due().objects == 2


def test_a_hold_calls_off_a_removal_that_was_decided(archive: Archive) -> None:
    archive.seal()
    archive.live_through(OVER)

    def held_now(step: str) -> None:
        if step == "removal: decided":
            place(archive)

    remover = Remover(archive.ledger, archive.store, archive.store.guard.doubt, step=held_now)
    assert remover.remove_due().objects == 0
    assert len(archive.keys()) == 2
    with archive.ledger.read() as work:
        assert not work.removals.is_under_way("seg-1")


def test_placing_costs_nothing_when_the_store_moves_slowly(archive: Archive, keeper: HoldKeeper) -> None:
    """A round does a bounded piece; what is left is found by the next."""
    place(archive)
    assert keeper.settle(limit=1).confirmed == ()
    assert archive.held().count(True) == 1
    keeper.settle(limit=1)
    assert archive.held() == [True, True]
    assert len(keeper.settle(limit=1).confirmed) == 1


def test_a_hold_stands_whatever_the_clock_does(archive: Archive, keeper: HoldKeeper) -> None:
    place(archive)
    archive.clock.at -= timedelta(days=1)
    assert len(keeper.settle().confirmed) == 1
    assert archive.held() == [True, True]
