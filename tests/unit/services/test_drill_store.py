"""The stores of the drills: which one is meant, what it is reached by, and what is printed of a loss."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervision_api.settings import Settings
from tests.drills import (
    clock_steps,
    disk_full,
    drill_store,
    kill_steps,
    lost_database,
    store_down,
    store_faults,
)
from tests.drills.drill_store import (
    EVERY,
    FILES,
    LOCALSTACK,
    RADOSGW,
    SERVERS,
    DrillStore,
    add_store,
    environment_of,
    run_on,
    store_in,
)
from tests.drills.every_drill import DRILLS, run_all
from tests.drills.outcome import Outcome, wait_until
from tests.services.radosgw_users import CONFIG

ADDRESS = "http://key:s3cr3t@127.0.0.1:81"


@pytest.fixture
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*(f"ROLLCALL_TEST_S3_{one.upper()}" for one in SERVERS), CONFIG):
        monkeypatch.delenv(name, raising=False)


def test_a_folder_needs_no_server_and_has_no_line(tmp_path: Path) -> None:
    store = DrillStore(FILES)
    settings = store.settings(tmp_path)
    assert (store.is_server, store.endpoint, settings.store) == (False, "", "filesystem")
    assert settings.data_dir == tmp_path / "data"


def test_a_server_is_reached_by_its_line_in_a_bucket_of_its_own(tmp_path: Path) -> None:
    store = DrillStore(LOCALSTACK, ADDRESS)
    straight, broken = store.settings(tmp_path), store.settings(tmp_path, "http://127.0.0.1:9")
    assert (straight.s3_endpoint, broken.s3_endpoint) == ("http://127.0.0.1:81", "http://127.0.0.1:9")
    assert straight.s3_bucket != broken.s3_bucket
    assert straight.s3_access_key == "key"
    assert "s3cr3t" not in f"{store!r} {straight!r}"


def test_settings_reach_a_command_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DrillStore(LOCALSTACK, ADDRESS).settings(tmp_path)
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings().model_copy(update={"weights_dir": None}) == settings


def test_a_server_that_the_environment_names_is_taken_and_none_is_started(
    no_servers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_TEST_S3_RADOSGW", ADDRESS)
    monkeypatch.setattr(drill_store, "_STARTS", {})
    with drill_store.drill_store(RADOSGW) as store:
        assert (store.name, store.address, store.config) == (RADOSGW, ADDRESS, "")
    with pytest.raises(SystemExit, match=CONFIG):
        store.with_own_user()


def test_a_server_that_nobody_names_is_started_and_stopped(
    no_servers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[str] = []

    @contextmanager
    def service() -> Iterator[dict[str, str]]:
        running.append("radosgw")
        yield {"ROLLCALL_TEST_S3_RADOSGW": ADDRESS, CONFIG: "/run/ceph.conf"}
        running.clear()

    monkeypatch.setattr(drill_store, "_STARTS", {RADOSGW: service})
    with drill_store.drill_store(RADOSGW) as store:
        assert running
        assert (store.address, store.config) == (ADDRESS, "/run/ceph.conf")
    assert not running


def test_localstack_takes_any_key_so_there_is_none_to_withdraw() -> None:
    store = store_in(LOCALSTACK, {"ROLLCALL_TEST_S3_LOCALSTACK": ADDRESS})
    assert store.with_own_user() is store


def test_the_option_takes_what_makes_sense_and_its_help_says_why_not_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = argparse.ArgumentParser()
    add_store(parser, SERVERS, "a folder has no line that breaks")
    assert parser.parse_args([]).store is None
    assert parser.parse_args(["--store", "radosgw", "--store", "localstack"]).store == [RADOSGW, LOCALSTACK]
    with pytest.raises(SystemExit):
        parser.parse_args(["--store", "files"])
    assert "a folder has no line that breaks" in " ".join(parser.format_help().split())
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("drill", "names"),
    [
        (store_down, SERVERS),
        (store_faults, SERVERS),
        (clock_steps, EVERY),
        (disk_full, EVERY),
        (kill_steps, EVERY),
        (lost_database, EVERY),
    ],
)
def test_each_drill_offers_the_stores_that_it_runs_on(
    drill: object, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Sequence[str]] = []
    monkeypatch.setattr(drill, "run_on", lambda chosen, _act: tried.append(tuple(chosen)) or 0)
    monkeypatch.setattr("sys.argv", ["drill"])
    assert drill.main() == 0  # type: ignore[attr-defined]
    monkeypatch.setattr("sys.argv", ["drill", "--store", "radosgw"])
    assert drill.main() == 0  # type: ignore[attr-defined]
    assert tried == [names, (RADOSGW,)]


def test_every_outcome_is_printed_with_its_store_and_a_loss_is_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fine = Outcome("a drill", FILES, 3, facts={"caught up in": "2.0 s"}, notes=["a note"])
    lost = Outcome("a drill", FILES, 3, 1.25, 700, failures=["lost: seg-2"])
    assert run_on([FILES], lambda _store: [fine]) == 0
    assert run_on([FILES], lambda _store: [lost, fine]) == 1
    told = "a drill, files: 3 files, lost 0.0 s and 0 bytes; caught up in 2.0 s\n  a note\n"
    assert capsys.readouterr().out == (
        f"{told}a drill, files: 3 files, lost 1.2 s and 700 bytes\n  FAILED: lost: seg-2\n{told}"
    )


def test_a_failure_without_a_loss_is_no_pass() -> None:
    assert not Outcome("a drill", FILES, 3, failures=["nobody was told"]).passed
    assert Outcome("a drill", FILES, 3).passed


def test_waiting_has_an_end() -> None:
    with pytest.raises(SystemExit, match="the end of the world did not happen within 0 s"):
        wait_until(lambda: False, "the end of the world", 0.0)


def test_a_drill_that_fails_does_not_keep_the_others_from_running() -> None:
    ran: list[str] = []

    def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
        assert environment == {"A": "1"}
        ran.append(command[2])
        return int(command[2].endswith("store_down"))

    failed = run_all(DRILLS, {"A": "1"}, run)
    assert ran == [f"tests.drills.{name}" for name, *_ in DRILLS]
    assert failed == ["python -m tests.drills.store_down --seconds 60"]


def test_no_drill_is_left_out(repository_root: Path) -> None:
    files = (repository_root / "tests" / "drills").glob("*.py")
    commands = {path.stem for path in files if "__main__" in path.read_text() and path.stem != "every_drill"}
    assert {name for name, *_ in DRILLS} == commands
