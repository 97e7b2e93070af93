"""Removal in a whole installation with its real store: five years on, and with a clock that steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.canonical_json import parse_json
from models.errors import ObjectLocked
from models.evidence import LeafKind
from storage.leaf_store import LeafQuery
from storage.objects import FilesystemObjectStore
from storage.spool import Spool, SpoolLimits
from storage.uploader import Uploader
from storage.verifier.verify import main as verify
from supervision_api.metrics import Metrics
from supervision_api.pipeline.bundling import write_lesson_bundle
from supervision_api.pipeline.chores.every import chores_of
from supervision_api.pipeline.chores.removal import removal_chore
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.settings import Settings
from tests.unit.pipeline.sealed_lesson import live_through_a_lesson
from tests.unit.storage.conftest import HandClock
from tests.unit.storage.retained import OVER


@pytest.fixture
def house(settings: Settings) -> Iterator[Installation]:
    """Everything real but the clock; removal is switched on."""
    switched_on = settings.model_copy(update={"remove_expired": True})
    clock = HandClock(datetime.now(UTC))
    with open_installation(switched_on) as opened:
        ledger = replace(opened.ledger, clock=clock)
        store = FilesystemObjectStore(settings.store_dir, clock)
        spool = Spool(settings.spool_dir, ledger, SpoolLimits(reserve_bytes=0))
        house = replace(
            opened, clock=clock, ledger=ledger, store=store, spool=spool, uploader=Uploader(spool, store)
        )
        live_through_a_lesson(house)
        yield house


def live_on(house: Installation, span: timedelta) -> None:
    clock = house.clock
    assert isinstance(clock, HandClock)
    end = clock.at + span
    while clock.at < end:
        clock.at = min(end, clock.at + timedelta(days=6))
        assert house.store.time_guard.observe(clock.at)


def footage(house: Installation) -> list[Path]:
    return sorted((house.folder / "store" / "footage").rglob("*.mp4"))


def tombstones(house: Installation) -> list[str]:
    with house.ledger.read() as work:
        rows = work.evidence.store.rows(LeafQuery(kinds=(LeafKind.PURGE,)))
        return [parse_json(row.record)["body"]["act"] for row in rows]  # type: ignore[index,call-overload,misc]


def test_after_five_years_the_bytes_go_and_the_proof_stays(house: Installation, tmp_path: Path) -> None:
    metrics = Metrics()
    live_on(house, OVER)
    removal_chore(house, metrics).run()
    assert footage(house) == []
    assert tombstones(house) == ["begun", "removed", "removed", "removed"]
    assert b"rollcall_removed_objects_total 3.0" in metrics.render()
    write_lesson_bundle(house, "L1", "auditor", tmp_path / "bundle")
    assert not (tmp_path / "bundle" / "footage").exists()
    assert verify([str(tmp_path / "bundle")]) == 0
    lines = (tmp_path / "bundle" / "leaves.jsonl").read_text()
    assert lines.count('"purge') == 4 or lines.count("purge") >= 4


def test_a_tombstone_that_was_altered_is_found_by_the_bundle(house: Installation, tmp_path: Path) -> None:
    live_on(house, OVER)
    removal_chore(house, Metrics()).run()
    write_lesson_bundle(house, "L1", "auditor", tmp_path / "bundle")
    leaves = tmp_path / "bundle" / "leaves.jsonl"
    leaves.write_text(leaves.read_text().replace("was_there", "was_here_", 1))
    assert verify([str(tmp_path / "bundle")]) == 10


@pytest.mark.parametrize("step", [timedelta(days=-1), timedelta(days=3653)])
def test_a_clock_that_steps_removes_nothing(house: Installation, step: timedelta) -> None:
    """A day back once its time is over, and ten years forward before it: the store refuses both."""
    clock = house.clock
    assert isinstance(clock, HandClock)
    live_on(house, OVER if step < timedelta() else timedelta(days=10))
    before = footage(house)
    clock.at += step
    with pytest.raises(ObjectLocked, match="nothing is purged"):
        removal_chore(house, Metrics()).run()
    assert footage(house) == before
    assert tombstones(house) == []


def test_a_time_that_a_person_confirmed_is_believed(house: Installation) -> None:
    clock = house.clock
    assert isinstance(clock, HandClock)
    clock.at += OVER
    house.store.time_guard.confirm(clock.at, "王工")
    removal_chore(house, Metrics()).run()
    assert footage(house) == []


def test_holds_and_removal_are_among_the_chores(house: Installation) -> None:
    names = [chore.name for chore in chores_of(house, Metrics())]
    assert {"holds", "removal"} <= set(names)
    assert names.index("holds") < names.index("removal"), "what must stay is said before anything goes"
