"""Several versions under one key, as servers have them: removal leaves none, and names each in the log.

Run on both servers, with a second version that their bare client puts, and on a store in memory that
stands for one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models.errors import EvidenceBroken, ObjectLocked
from models.evidence import LeafKind
from models.ports import ObjectPurger
from storage.holding import place_hold, release_hold
from storage.removal import Remover
from tests.contract.kept_archive import KeptArchive
from tests.contract.store_benches import LAYERED, ON_SERVERS, LayeredBench
from tests.unit.storage.retained import OVER, Killed

pytestmark = pytest.mark.parametrize(
    ("bench", "database_url"),
    [
        pytest.param(LAYERED, "sqlite", id=LAYERED),
        *(pytest.param(*one.values, "sqlite", id=str(one.values[0]), marks=one.marks) for one in ON_SERVERS),
    ],
    indirect=True,
)


@pytest.fixture
def sealed(archive: KeptArchive) -> KeptArchive:
    """One minute of footage in the store, the lesson sealed; its retention runs."""
    archive.record(1)
    archive.seal()
    return archive


class Doubled:
    """The key of a sealed minute, its receipt's version, and a second one that a lost answer made."""

    def __init__(self, archive: KeptArchive, bench: LayeredBench) -> None:
        (self.key,) = archive.keys()
        self.first = archive.version(self.key)
        content = archive.store.read_range(self.key, 0, None)
        until = archive.locked_until if bench.awaits else archive.clock.at + timedelta(days=1)
        self.second = bench.lay_over(content, self.key, until)


@pytest.fixture
def doubled(sealed: KeptArchive, bench: LayeredBench) -> Doubled:
    return Doubled(sealed, bench)


def names(archive: KeptArchive, key: str) -> list[str]:
    return [one.version for one in archive.store.versions(key)]


def purges(archive: KeptArchive) -> list[tuple[str, object]]:
    return [(body["act"], body.get("other_versions")) for body in archive.bodies(LeafKind.PURGE)]


def test_an_upload_that_was_stored_twice_goes_whole_and_both_are_named(
    sealed: KeptArchive, doubled: Doubled
) -> None:
    assert names(sealed, doubled.key) == [doubled.first, doubled.second]
    sealed.outlive()
    removed = sealed.remover().remove_due()
    assert (removed.objects, removed.refused) == (1, ())
    assert names(sealed, doubled.key) == []
    assert purges(sealed) == [("begun", {doubled.key: [doubled.second]}), ("removed", [doubled.second])]
    _, tombstone = sealed.bodies(LeafKind.PURGE)
    assert (tombstone["version"], tombstone["was_there"]) == (doubled.first, True)


def test_the_version_of_the_receipt_goes_last(sealed: KeptArchive, doubled: Doubled) -> None:
    seen: list[list[str]] = []
    sealed.outlive()
    sealed.remover(step=lambda _name: seen.append(names(sealed, doubled.key))).remove_due()
    assert seen[:3] == [[doubled.first, doubled.second], [doubled.first], []]


def test_a_delete_marker_and_a_version_without_a_lock_go_too(
    sealed: KeptArchive, bench: LayeredBench, doubled: Doubled
) -> None:
    forged = bench.lay_over(b"forged", doubled.key)
    marker = bench.mark_deleted(doubled.key)
    sealed.outlive()
    assert sealed.remover().remove_due().refused == ()
    assert names(sealed, doubled.key) == []
    assert purges(sealed)[-1] == ("removed", sorted([doubled.second, forged, marker]))


def test_another_version_that_is_locked_longer_keeps_them_all(
    sealed: KeptArchive, bench: LayeredBench, doubled: Doubled
) -> None:
    longer = bench.lay_over(b"kept", doubled.key, sealed.clock.at + timedelta(days=8 * 366))
    sealed.outlive()
    (kept,) = sealed.remover().remove_due().refused
    assert isinstance(kept, ObjectLocked)
    assert "another version" in kept.message
    assert names(sealed, doubled.key) == [doubled.first, doubled.second, longer]
    assert purges(sealed) == [], "what cannot be carried out is not decided"


def test_another_version_under_a_hold_keeps_them_all_until_it_is_let_go(
    sealed: KeptArchive, bench: LayeredBench, doubled: Doubled
) -> None:
    bench.set_hold(doubled.key, doubled.second, True)
    sealed.outlive()
    (kept,) = sealed.remover().remove_due().refused
    assert isinstance(kept, ObjectLocked)
    assert names(sealed, doubled.key) == [doubled.first, doubled.second]
    bench.set_hold(doubled.key, doubled.second, False)
    assert sealed.remover().remove_due().objects == 1
    assert names(sealed, doubled.key) == []


def test_a_hold_that_comes_after_the_decision_keeps_them_all(
    sealed: KeptArchive, bench: LayeredBench, doubled: Doubled
) -> None:
    """In the store alone: nobody told the books. Also what would go before it stays."""
    third = bench.lay_over(b"other", doubled.key)
    last = max(doubled.second, third)
    sealed.outlive()

    def held(step: str) -> None:
        if step == "removal: decided":
            bench.set_hold(doubled.key, last, True)

    (kept,) = sealed.remover(step=held).remove_due().refused
    assert isinstance(kept, ObjectLocked)
    assert names(sealed, doubled.key) == [doubled.first, doubled.second, third]
    bench.set_hold(doubled.key, last, False)
    assert sealed.remover().remove_due().objects == 1


@pytest.mark.parametrize(
    ("killed_at", "left", "was_there"),
    [
        ("removal: decided", 2, True),
        ("removal: other version deleted", 1, True),
        ("removal: deleted", 0, False),
        ("removal: written", 0, False),
    ],
)
def test_a_removal_cut_short_anywhere_is_finished_and_names_what_went_before(
    sealed: KeptArchive, doubled: Doubled, killed_at: str, left: int, was_there: bool
) -> None:
    sealed.outlive()
    with pytest.raises(Killed):
        sealed.remover(killed_at).remove_due()
    assert names(sealed, doubled.key) == [doubled.first, doubled.second][:left]
    assert sealed.remover().remove_due().refused == ()
    assert names(sealed, doubled.key) == []
    assert purges(sealed) == [("begun", {doubled.key: [doubled.second]}), ("removed", [doubled.second])]
    assert sealed.bodies(LeafKind.PURGE)[-1]["was_there"] is was_there


def test_what_is_laid_there_after_the_decision_is_named_before_it_goes(
    sealed: KeptArchive, bench: LayeredBench, doubled: Doubled
) -> None:
    late: list[str] = []
    sealed.outlive()

    def lay(step: str) -> None:
        if step == "removal: decided":
            late.append(bench.lay_over(b"late", doubled.key))

    assert sealed.remover(step=lay).remove_due().objects == 0
    assert names(sealed, doubled.key) == [doubled.first, doubled.second, *late]
    assert sealed.remover().remove_due().objects == 1
    assert names(sealed, doubled.key) == []
    assert purges(sealed) == [
        ("begun", {doubled.key: [doubled.second]}),
        ("begun", {doubled.key: late}),
        ("removed", sorted([doubled.second, *late])),
    ]


def test_what_is_laid_there_after_a_crash_goes_with_the_tombstone(
    sealed: KeptArchive, bench: LayeredBench, doubled: Doubled
) -> None:
    sealed.outlive()
    with pytest.raises(Killed):
        sealed.remover("removal: deleted").remove_due()
    late = bench.lay_over(b"late", doubled.key)
    assert sealed.remover().remove_due().objects == 1
    assert names(sealed, doubled.key) == []
    assert purges(sealed)[-1] == ("removed", sorted([doubled.second, late]))
    assert sealed.bodies(LeafKind.PURGE)[-1]["was_there"] is False


def test_a_removal_that_was_called_off_keeps_what_it_had_named(
    sealed: KeptArchive, bench: LayeredBench, doubled: Doubled
) -> None:
    sealed.outlive()
    with pytest.raises(Killed):
        sealed.remover("removal: other version deleted").remove_due()
    with sealed.ledger.write() as work:
        hold = place_hold(work, "L1", "", "inquiry", "auditor")
    assert sealed.remover().remove_due().objects == 0
    assert names(sealed, doubled.key) == [doubled.first], (
        "the receipt's version is what a hold can still keep"
    )
    with sealed.ledger.write() as work:
        release_hold(work, hold.hold_id, "closed", "auditor")
    assert sealed.remover().remove_due().objects == 1
    assert purges(sealed)[-1] == ("removed", [doubled.second])


class Server:
    """What a removal asks of a store, with a server behind it that does not obey."""

    def __init__(self, store: ObjectPurger, deleted: Callable[[str], bool]) -> None:
        """``deleted``: whether a version is really deleted, or the answer alone says so."""
        self._store, self._deleted = store, deleted
        self.versions, self.purge_expired = store.versions, store.purge_expired

    def delete_version(self, key: str, version: str) -> None:
        if self._deleted(version):
            self._store.delete_version(key, version)


def test_a_server_that_keeps_another_version_is_found_out(sealed: KeptArchive, doubled: Doubled) -> None:
    sealed.outlive()
    server = Server(sealed.store, lambda version: version != doubled.second)
    (found_out,) = Remover(sealed.ledger, server, sealed.store.time_guard.doubt).remove_due().refused
    assert isinstance(found_out, EvidenceBroken)
    assert "still shows it" in found_out.message
    assert [act for act, _ in purges(sealed)] == ["begun"], "no tombstone for what is still there"
    assert sealed.remover().remove_due().objects == 1
    assert names(sealed, doubled.key) == []


def test_a_server_whose_clock_is_behind_refuses_and_the_receipts_version_is_still_there(
    sealed: KeptArchive, bench: LayeredBench, doubled: Doubled
) -> None:
    """By the books and the program's clock it is over; who enforces the lock has a clock of its own."""
    until = bench.shortly() + timedelta(seconds=2)
    if bench.awaits:
        bench.lay_over(b"locked a little longer", doubled.key, until)
    before = names(sealed, doubled.key)
    sealed.live_through(OVER)

    def refused(version: str) -> bool:
        if version == doubled.second and not bench.awaits:
            raise ObjectLocked("the server refuses")
        return True

    server = Server(sealed.store, refused)
    (kept,) = Remover(sealed.ledger, server, sealed.store.time_guard.doubt).remove_due().refused
    assert isinstance(kept, ObjectLocked)
    assert doubled.first in names(sealed, doubled.key)
    assert {act for act, _ in purges(sealed)} == {"begun"}
    bench.await_server(until + timedelta(seconds=1))
    assert sealed.remover().remove_due().objects == 1
    assert names(sealed, doubled.key) == []
    assert purges(sealed)[-1] == ("removed", sorted(set(before) - {doubled.first}))
