"""Acts that need a name: confirming the machine's date, renewing the vault's key; and what doctor says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.errors import Conflict, InvalidInput, ObjectLocked
from models.register import Camera, TrainingClass
from models.roster import Trainee
from storage.leaf_store import LeafQuery
from storage.objects import FilesystemObjectStore
from storage.objects.time_guard import LONGEST_ABSENCE
from supervision_api.cli.doctor import _act
from supervision_api.pipeline.check_up import _clock
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.upkeep import confirm_time, renew_vault
from supervision_api.settings import Settings

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class HandClock:
    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def house(settings: Settings, clock: HandClock, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose clock is set by hand; its log knows nothing but its opening."""
    with open_installation(settings) as opened:
        store = FilesystemObjectStore(tmp_path / "store", clock)
        ledger = replace(opened.ledger, clock=clock)
        opened.spool.ledger = ledger
        yield replace(opened, clock=clock, store=store, ledger=ledger)


def acts(house: Installation) -> list[dict[str, Any]]:
    with house.ledger.read() as work:
        bodies = [json.loads(row.record)["body"] for row in work.evidence.store.rows(LeafQuery())]
    return [body for body in bodies if "act" in body]


def test_after_a_long_absence_a_person_confirms_the_time_and_purging_goes_on(
    house: Installation, clock: HandClock
) -> None:
    house.store.time_guard.observe(clock.now())
    clock.at = AT + LONGEST_ABSENCE + timedelta(days=1)
    with pytest.raises(ObjectLocked, match="leapt") as caught:
        house.store.purge_expired("", clock.now())
    assert "rollcall doctor --confirm-time" in caught.value.hint
    assert confirm_time(house, " 王  工 ") == clock.at
    assert house.store.purge_expired("", clock.now()) == []
    assert acts(house) == [
        {"act": "time_confirmed", "by": "王 工", "believed_before": "2026-11-23T01:00:00.000000Z"}
    ]


def test_another_process_believes_what_was_confirmed(
    house: Installation, clock: HandClock, tmp_path: Path
) -> None:
    house.store.time_guard.observe(clock.now())
    serving = FilesystemObjectStore(tmp_path / "store", clock)
    clock.at = AT + timedelta(days=60)
    confirm_time(house, "王工")
    assert serving.purge_expired("", clock.now()) == []


def test_the_first_time_of_all_may_be_confirmed_too(house: Installation) -> None:
    confirm_time(house, "王工")
    assert acts(house)[0]["believed_before"] is None


def test_a_clock_that_went_back_cannot_be_confirmed_and_leaves_no_leaf(
    house: Installation, clock: HandClock
) -> None:
    house.store.time_guard.observe(clock.now())
    clock.at = AT - timedelta(days=1)
    with pytest.raises(InvalidInput, match="seen earlier"):
        confirm_time(house, "王工")
    assert acts(house) == []
    assert house.store.time_guard.highest == AT


@pytest.mark.parametrize("name", ["", "  ", "\n", "x" * 101, "a\x1b[2J"])
def test_nobody_is_no_name(house: Installation, name: str) -> None:
    with pytest.raises(InvalidInput, match="name of a person"):
        confirm_time(house, name)
    with pytest.raises(InvalidInput, match="name of a person"):
        renew_vault(house, name)
    assert acts(house) == []


def test_a_renewal_leaves_every_secret_readable_and_says_who(house: Installation, settings: Settings) -> None:
    with house.ledger.write() as work:
        work.classes.ensure_institution("local", "n", AT)
        work.classes.add(TrainingClass("C1", "n", "local"), AT)
        work.roster.add("C1", [Trainee("001", "王", "11010519491231002X", "138")], AT)
        work.cameras.add(Camera("cam1", "101", "rtsp://admin:geheim@10.0.0.5/1"))
    renewed = renew_vault(house, "王工")
    assert (renewed.key_id, renewed.values) == ("k2", 3)
    assert acts(house) == [{"act": "vault_key_renewed", "by": "王工", "key": "k2", "values": 3}]
    with open_installation(settings) as again, again.ledger.read() as work:
        assert work.roster.reveal("C1", "001").id_number == "11010519491231002X"
        assert work.cameras.get("cam1").address == "rtsp://admin:geheim@10.0.0.5/1"


def test_no_renewal_while_a_server_runs(house: Installation, settings: Settings) -> None:
    before = (settings.keys_dir / "vault.json").read_bytes()
    with house.spool.claimed(), pytest.raises(Conflict, match="another Rollcall"):
        renew_vault(house, "王工")
    assert (settings.keys_dir / "vault.json").read_bytes() == before
    assert acts(house) == []


def test_the_check_up_says_whether_the_clock_is_believed_and_what_to_do(
    house: Installation, clock: HandClock
) -> None:
    house.store.time_guard.observe(clock.now())
    assert _clock(house).ok
    clock.at = AT + timedelta(days=30)
    doubted = _clock(house)
    assert not doubted.ok
    assert "leapt" in doubted.detail
    assert "--confirm-time" in doubted.hint
    clock.at = AT - timedelta(hours=1)
    assert "was seen before" in _clock(house).detail


def test_a_clock_stepped_back_is_on_record_and_nothing_is_purged(
    house: Installation, clock: HandClock, tmp_path: Path
) -> None:
    source = tmp_path / "old.mp4"
    source.write_bytes(b"footage")
    digest = hashlib.sha256(b"footage").hexdigest()
    house.store.put_locked("footage/1", str(source), digest, AT + timedelta(days=1))
    clock.at = AT + timedelta(days=3)
    house.store.time_guard.observe(clock.now())
    with house.ledger.write() as work:
        work.evidence.beat(house.signer)
    clock.at = AT + timedelta(days=2)  # the lock is over by this clock as well, but it went back
    with house.ledger.write() as work:
        signed = work.evidence.beat(house.signer)
        last = list(work.evidence.store.rows(LeafQuery()))[-1]
    assert signed is not None
    assert last.stepped_back_s == pytest.approx(86_400)
    with pytest.raises(ObjectLocked, match="was seen before"):
        house.store.purge_expired("", clock.now())
    assert len(house.store.list_versions("")) == 1


def test_doctors_options_act_on_the_installation_and_say_what_they_did(settings: Settings) -> None:
    assert _act(settings, "", "") == ()
    done = _act(settings, "王工", "李工")
    assert done[0].endswith("UTC is confirmed")
    assert done[1:] == ("0 values are under key k2 now", f"back up {settings.keys_dir} again")
    with open_installation(settings) as house:
        assert [(act["act"], act["by"]) for act in acts(house)] == [
            ("time_confirmed", "王工"),
            ("vault_key_renewed", "李工"),
        ]
