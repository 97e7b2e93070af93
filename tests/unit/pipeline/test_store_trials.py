"""Trials in an installation: their leaves, what pages and manifests are told, and the refusal to start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.errors import EvidenceBroken, SettingInvalid, StoreUnavailable
from models.evidence import LeafKind
from models.store_trial import StoreTrial, TrialCheck, TrialOutcome, TrialResult, TrialWay
from storage.leaf_store import LeafQuery
from storage.objects import MemoryObjectStore
from storage.objects.s3_bucket import open_bucket
from supervision_api.cli.main import application
from supervision_api.cli.output import Output
from supervision_api.metrics import Metrics
from supervision_api.pipeline import server, store_trials
from supervision_api.pipeline.chores.every import chores_of
from supervision_api.pipeline.chores.loop import ChoreLoop
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.opened_store import open_store
from supervision_api.pipeline.store_trials import StoreTrials, require_enforcing_store
from supervision_api.settings import Settings
from tests.hand_clock import HandClock
from tests.services.s3_servers import S3Server, running

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture
def house(settings: Settings) -> Iterator[Installation]:
    with open_installation(settings) as opened:
        yield opened


def ending(
    monkeypatch: pytest.MonkeyPatch,
    house: Installation,
    outcome: TrialOutcome,
    capabilities: str = "server-enforced",
) -> None:
    """The next trials end like this."""
    place = house.store.trial().place
    results = (TrialResult(TrialCheck.DELETE, TrialWay.SINGLE, outcome, "seen"),)
    trial = StoreTrial(place, capabilities, "COMPLIANCE", AT, results)
    monkeypatch.setattr(store_trials, "try_store", lambda *_: replace(trial, at=house.clock.now()))


def leaves(house: Installation) -> list[dict[str, object]]:
    with house.ledger.read() as work:
        rows = list(work.evidence.store.rows(LeafQuery(kinds=(LeafKind.STORE_TRIED,))))
    return [json.loads(row.record)["body"] for row in rows]


def test_a_trial_is_a_leaf_and_another_process_knows_it(house: Installation) -> None:
    assert house.trials.latest() is None
    assert house.trials.readiness().reason == "not_tried"
    trial = house.trials.run()
    (leaf,) = leaves(house)
    assert leaf["verdict"] == "held"
    other = StoreTrials(house.store, house.ledger, house.clock, "GOVERNANCE")
    assert other.latest() == trial
    assert other.readiness() == house.trials.readiness()


def test_a_trial_of_another_store_says_nothing_of_this_one(house: Installation) -> None:
    house.trials.run()
    elsewhere = StoreTrials(MemoryObjectStore(house.clock), house.ledger, house.clock, "GOVERNANCE")
    assert elsewhere.latest() is None


def test_a_store_that_was_away_is_no_leaf_and_is_tried_again_soon(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(monkeypatch, house, TrialOutcome.FAILED)
    clock = HandClock(AT)
    loop = ChoreLoop(chores_of(house, Metrics())[:1], Metrics(), clock.monotonic_s)
    loop.tick()
    assert leaves(house) == []
    ending(monkeypatch, house, TrialOutcome.HELD)
    clock.forward(minutes=1)
    loop.tick()
    assert len(leaves(house)) == 1
    clock.forward(hours=23)
    loop.tick()
    assert len(leaves(house)) == 1, "once a day"
    clock.forward(hours=2)
    loop.tick()
    assert len(leaves(house)) == 2


def test_a_store_that_evidence_mode_tried_at_the_start_is_not_tried_again_at_once(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(monkeypatch, house, TrialOutcome.HELD)
    require_enforcing_store(house.trials, "required", house.clock.now())
    clock = HandClock(AT)
    loop = ChoreLoop(chores_of(house, Metrics())[:1], Metrics(), clock.monotonic_s)
    loop.tick()
    assert len(leaves(house)) == 1
    clock.forward(hours=25)
    loop.tick()
    assert len(leaves(house)) == 2


def test_a_broken_store_is_told_in_readiness_and_manifests(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert house.trials.described() == "software-only, not tried"
    ending(monkeypatch, house, TrialOutcome.BROKEN)
    house.trials.run()
    told = house.trials.readiness()
    assert (told.ok, told.reason) == (False, "locks_broken")
    assert "single/delete" in told.detail
    assert house.trials.described().endswith(": broken")


def test_evidence_mode_refuses_a_store_whose_locks_broke(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(monkeypatch, house, TrialOutcome.BROKEN)
    with pytest.raises(EvidenceBroken, match="single/delete"):
        require_enforcing_store(house.trials, "required", house.clock.now())
    require_enforcing_store(house.trials, "off", house.clock.now())


def test_evidence_mode_refuses_a_folder_that_its_owner_may_empty(house: Installation) -> None:
    with pytest.raises(EvidenceBroken, match="software-only"):
        require_enforcing_store(house.trials, "required", house.clock.now())


@pytest.mark.parametrize("outcome", [TrialOutcome.HELD, TrialOutcome.REPAIRED])
def test_evidence_mode_takes_a_server_whose_locks_hold_in_the_end(
    house: Installation, monkeypatch: pytest.MonkeyPatch, outcome: TrialOutcome
) -> None:
    ending(monkeypatch, house, outcome)
    require_enforcing_store(house.trials, "required", house.clock.now())


def test_with_the_store_away_a_sound_trial_of_the_last_days_is_believed_and_an_older_is_not(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(monkeypatch, house, TrialOutcome.FAILED)
    with pytest.raises(StoreUnavailable):
        require_enforcing_store(house.trials, "required", house.clock.now())
    ending(monkeypatch, house, TrialOutcome.HELD)
    house.trials.run()
    ending(monkeypatch, house, TrialOutcome.FAILED)
    now = house.clock.now()
    require_enforcing_store(house.trials, "required", now + timedelta(days=6))
    with pytest.raises(StoreUnavailable):
        require_enforcing_store(house.trials, "required", now + timedelta(days=8))


def test_serve_does_not_start_in_evidence_mode_on_a_store_that_does_not_hold(settings: Settings) -> None:
    strict = settings.model_copy(update={"evidence_mode": "required", "port": 0})
    with pytest.raises(EvidenceBroken, match="evidence mode"):
        server.run_server(strict, Output(as_json=True), demo=False)


def test_the_command_prints_each_check_and_one_document(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(settings.data_dir))
    told = CliRunner().invoke(application, ["store", "canary", "--json"])
    document = json.loads(told.stdout)
    assert told.exit_code == 0
    assert (document["verdict"], document["sound"]) == ("held", True)
    assert {one["check"] for one in document["results"]} == {check.value for check in TrialCheck}
    assert "plain_delete" in CliRunner().invoke(application, ["store", "canary"]).output


def test_the_command_ends_with_1_where_a_lock_broke(
    settings: Settings, house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(monkeypatch, house, TrialOutcome.BROKEN)
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(settings.data_dir))
    told = CliRunner().invoke(application, ["store", "canary", "--json"])
    assert told.exit_code == 1
    assert json.loads(told.stdout)["sound"] is False


@pytest.mark.service
def test_expiry_by_the_server_is_set_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    server = running("localstack")
    connection = server.connect(HandClock(datetime.now(UTC)))
    open_bucket(connection)
    for name, value in {
        "ENDPOINT": server.endpoint,
        "BUCKET": connection.bucket,
        "ACCESS_KEY": server.access_key,
        "SECRET_KEY": server.secret_key,
    }.items():
        monkeypatch.setenv(f"ROLLCALL_S3_{name}", value)
    asked = ["store", "expiry", "canary/", "--days", "1", "--json"]
    assert CliRunner().invoke(application, asked).exit_code == 1
    told = CliRunner().invoke(application, [*asked, "--set"])
    assert (told.exit_code, json.loads(told.stdout)["set"]) == (0, True)
    assert CliRunner().invoke(application, asked).exit_code == 0


def s3_settings(settings: Settings, server: S3Server, **changes: object) -> Settings:
    values = {
        "store": "s3",
        "s3_endpoint": server.endpoint,
        "s3_bucket": server.access().bucket,
        "s3_access_key": server.access_key,
        "s3_secret_key": server.secret_key,
    }
    return Settings(**(settings.model_dump() | values | changes))


@pytest.mark.parametrize("missing", ["s3_endpoint", "s3_access_key", "s3_secret_key"])
def test_a_missing_s3_setting_is_named_before_anything_is_opened(
    settings: Settings, tmp_path: Path, missing: str
) -> None:
    nowhere = S3Server("none", "http://127.0.0.1:9", "key", "not-to-be-shown")
    wrong = s3_settings(settings, nowhere, **{missing: ""})
    with pytest.raises(SettingInvalid) as raised, open_store(wrong, tmp_path, HandClock(AT)):
        pass
    assert raised.value.place == f"ROLLCALL_{missing.upper()}"
    assert "not-to-be-shown" not in f"{raised.value!r} {wrong!r}"


def test_an_installation_opens_while_its_store_is_away_so_that_recording_can_begin(
    settings: Settings,
) -> None:
    nowhere = S3Server("none", "http://127.0.0.1:9", "key", "secret")
    with open_installation(s3_settings(settings, nowhere)) as house:
        assert house.store.capabilities() == "server-enforced"
        with pytest.raises(StoreUnavailable):
            house.store.list_versions("")


@pytest.mark.service
@pytest.mark.parametrize("name", ["localstack", "radosgw"])
def test_by_settings_alone_an_installation_keeps_its_footage_on_a_server(
    settings: Settings, name: str
) -> None:
    strict = s3_settings(settings, running(name), evidence_mode="required", store_lock_mode="COMPLIANCE")
    with open_installation(strict) as house:
        require_enforcing_store(house.trials, strict.evidence_mode, house.clock.now())
        assert house.trials.described().startswith("server-enforced, tried ")
        assert house.store.time_guard.observe(house.clock.now())
