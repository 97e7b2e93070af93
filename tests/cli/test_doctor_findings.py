"""Each fault that ``rollcall doctor`` finds, made once: it is named, the next step told, nothing repaired."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from supervision_api.pipeline import check_up, upkeep
from supervision_api.pipeline.faces import FaceSetup, open_faces
from supervision_api.pipeline.installation import open_installation
from supervision_api.settings import Settings
from tests.cli.conftest import Rollcall

PARTS = ["networks", "disk", "keys", "database", "evidence log", "object store", "clock", "spool"]


@pytest.fixture(autouse=True)
def _networks_once(monkeypatch: pytest.MonkeyPatch, loaded: dict[Any, Any]) -> None:
    """Networks that loaded once are not loaded again for each fault of another part."""

    def remembered(setup: FaceSetup) -> Any:
        key = (setup.detector, setup.calibration_file)
        if key not in loaded:
            loaded[key] = open_faces(setup)
        return loaded[key]

    monkeypatch.setattr(check_up, "open_faces", remembered)


@pytest.fixture(scope="session")
def loaded() -> dict[Any, Any]:
    return {}


@pytest.fixture(scope="session")
def used_installation(tmp_path_factory: pytest.TempPathFactory, network_cache: Path) -> Path:
    """The data folder of an installation whose log has a few signed leaves; never changed."""
    folder = tmp_path_factory.mktemp("used") / "data"
    settings = Settings(data_dir=folder, cache_dir=network_cache, weights_dir=None, spool_reserve_mb=16)
    for name in ("王工", "李工"):
        with open_installation(settings) as house:
            upkeep.confirm_time(house, name)
    return folder


@pytest.fixture
def installed(rollcall: Rollcall, used_installation: Path) -> Rollcall:
    shutil.copytree(used_installation, rollcall.data_dir)
    return rollcall


def findings(rollcall: Rollcall, code: int = 1) -> dict[str, dict[str, Any]]:
    told = rollcall.document("doctor", code=code)
    assert set(told) == {"acts", "sound", "findings"}
    assert told["sound"] is (code == 0)
    return {one["name"]: one for one in told["findings"]}


def wrong(rollcall: Rollcall) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in findings(rollcall).items() if not one["ok"]}


def change(rollcall: Rollcall, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(rollcall.data_dir / "rollcall.db")) as database:
        assert database.execute(statement, values).rowcount == 1
        database.commit()


def test_a_sound_installation_has_all_its_parts_told(installed: Rollcall) -> None:
    told = findings(installed, code=0)
    assert list(told) == PARTS
    assert all(one["detail"] and not one["hint"] for one in told.values())


def test_an_act_is_told_in_both_forms(installed: Rollcall) -> None:
    assert "is confirmed" in installed("doctor", "--confirm-time", "王工").stdout
    (act,) = installed.document("doctor", "--confirm-time", "王工")["acts"]
    assert act.endswith("is confirmed")
    assert installed.document("doctor")["acts"] == []


def test_renewing_the_vault_asks_for_a_new_backup(installed: Rollcall) -> None:
    acts = installed.document("doctor", "--renew-vault", "王工")["acts"]
    assert "under key k2" in acts[0]
    assert str(installed.data_dir / "keys") in acts[1]


@pytest.mark.parametrize("option", ["--confirm-time", "--renew-vault"])
def test_an_act_without_a_proper_name_is_refused_before_anything_is_done(
    installed: Rollcall, option: str
) -> None:
    before = (installed.data_dir / "keys" / "vault.json").read_bytes()
    error = installed.error("doctor", option, " \t ")
    assert (error["code"], error["place"]) == ("invalid_input", "name")
    assert (installed.data_dir / "keys" / "vault.json").read_bytes() == before


def lose(name: str) -> Callable[[Rollcall, pytest.MonkeyPatch], None]:
    return lambda rollcall, _patch: (rollcall.data_dir / "keys" / name).unlink()


def open_to_all(name: str) -> Callable[[Rollcall, pytest.MonkeyPatch], None]:
    return lambda rollcall, _patch: (rollcall.data_dir / "keys" / name).chmod(0o644)


def scribble(name: str, text: str) -> Callable[[Rollcall, pytest.MonkeyPatch], None]:
    return lambda rollcall, _patch: (rollcall.data_dir / name).write_text(text)


def flip_a_record(rollcall: Rollcall, _patch: pytest.MonkeyPatch) -> None:
    """One character of a leaf's record, as somebody with a database tool would change it."""
    change(rollcall, "UPDATE evidence_leaves SET record = replace(record, '王', '李') WHERE sequence = 1")


def flip_a_byte(rollcall: Rollcall, _patch: pytest.MonkeyPatch) -> None:
    statement = (
        "UPDATE evidence_leaves SET record = CAST(replace(record, '王', '李') AS BLOB) WHERE sequence = 1"
    )
    change(rollcall, statement)


def drop_a_leaf(rollcall: Rollcall, _patch: pytest.MonkeyPatch) -> None:
    change(rollcall, "DELETE FROM evidence_leaves WHERE sequence = 1")


def cut_the_log(rollcall: Rollcall, _patch: pytest.MonkeyPatch) -> None:
    change(
        rollcall, "DELETE FROM evidence_leaves WHERE sequence = (SELECT max(sequence) FROM evidence_leaves)"
    )


def set_the_clock_forward(rollcall: Rollcall, _patch: pytest.MonkeyPatch) -> None:
    """The store has seen a time that this machine's clock has yet to reach."""
    (file,) = [path for path in rollcall.data_dir.rglob("*.json") if b'"highest"' in path.read_bytes()]
    file.write_text(json.dumps({"highest": "2126-01-01T00:00:00+00:00", "confirmed_by": ""}))


def want_more_room(_rollcall: Rollcall, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("ROLLCALL_SPOOL_RESERVE_MB", str(1 << 40))


def alter_weights(rollcall: Rollcall, _patch: pytest.MonkeyPatch) -> None:
    (rollcall.data_dir / "models").mkdir()
    (rollcall.data_dir / "models" / "yunet_n_dynamic.onnx").write_bytes(b"another network")


def want_yunet(_rollcall: Rollcall, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("ROLLCALL_DETECTOR", "yunet")


def name_a_lost_calibration(rollcall: Rollcall, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("ROLLCALL_CALIBRATION_FILE", str(rollcall.data_dir / "none.json"))


def name_a_wrong_calibration(rollcall: Rollcall, patch: pytest.MonkeyPatch) -> None:
    (rollcall.data_dir / "wrong.json").write_text("{}")
    patch.setenv("ROLLCALL_CALIBRATION_FILE", str(rollcall.data_dir / "wrong.json"))


def name_a_database(address: str) -> Callable[[Rollcall, pytest.MonkeyPatch], None]:
    return lambda _rollcall, patch: patch.setenv("ROLLCALL_DATABASE_URL", address)


FAULTS: dict[str, tuple[Callable[[Rollcall, pytest.MonkeyPatch], None], str, str]] = {
    "the vault's key is lost": (lose("vault.json"), "installation", "vault.json"),
    "the signing key is lost": (lose("evidence-signing.json"), "installation", "evidence-signing.json"),
    "others may read the vault's key": (open_to_all("vault.json"), "installation", "vault.json"),
    "others may read the signing key": (
        open_to_all("evidence-signing.json"),
        "installation",
        "evidence-signing",
    ),
    "the vault's key is damaged": (scribble("keys/vault.json", "{"), "installation", "vault.json"),
    "the signing key is damaged": (
        scribble("keys/evidence-signing.json", "[]"),
        "installation",
        "evidence-signing",
    ),
    "the database is damaged": (scribble("rollcall.db", "no database" * 100), "installation", "damaged"),
    "the database is of no kind": (name_a_database("mysql://u:hunter2@127.0.0.1/x"), "installation", "mysql"),
    "the database is no address": (name_a_database("hunter2"), "installation", "address"),
    "the database is down": (
        name_a_database("postgresql+psycopg://u:hunter2@127.0.0.1:1/x"),
        "installation",
        "cannot be reached",
    ),
    "a record was changed": (flip_a_record, "evidence log", "1"),
    "a record's bytes were changed": (flip_a_byte, "evidence log", "1"),
    "a leaf was dropped": (drop_a_leaf, "evidence log", ""),
    "the log was cut": (cut_the_log, "evidence log", ""),
    "the clock went back": (set_the_clock_forward, "clock", "2126"),
    "the disk is full": (want_more_room, "disk", "MiB free"),
    "weights were altered": (alter_weights, "networks", "yunet"),
    "the detector has no weights": (want_yunet, "networks", "yunet"),
    "the calibration is lost": (name_a_lost_calibration, "networks", "none.json"),
    "the calibration is damaged": (name_a_wrong_calibration, "networks", "wrong.json"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_named_and_has_a_next_step(
    installed: Rollcall, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    provoke, part, told = FAULTS[fault]
    provoke(installed, monkeypatch)
    found = wrong(installed)
    assert part in found
    assert told in found[part]["detail"]
    assert found[part]["hint"]
    assert "hunter2" not in str(found)
    assert not {name for name in found if name not in {part, "spool"}}, "one fault is not taken for many"


@pytest.mark.parametrize("fault", ["a record was changed", "the clock went back", "weights were altered"])
def test_a_fault_in_one_part_does_not_hide_the_others(
    installed: Rollcall, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    FAULTS[fault][0](installed, monkeypatch)
    assert list(findings(installed)) == PARTS


def test_several_faults_are_told_in_one_run(installed: Rollcall, monkeypatch: pytest.MonkeyPatch) -> None:
    for provoke in (flip_a_record, set_the_clock_forward, want_more_room, alter_weights):
        provoke(installed, monkeypatch)
    assert set(wrong(installed)) >= {"networks", "disk", "evidence log", "clock"}


@pytest.mark.parametrize("fault", ["a record was changed", "the log was cut", "weights were altered"])
def test_nothing_is_repaired(installed: Rollcall, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """What looks like damage may be somebody's traces."""
    FAULTS[fault][0](installed, monkeypatch)
    first, again = wrong(installed), wrong(installed)
    assert first.keys() == again.keys()
    weights = installed.data_dir / "models" / "yunet_n_dynamic.onnx"
    assert not weights.exists() or weights.read_bytes() == b"another network"


def test_a_lost_key_is_never_replaced_by_a_new_one(installed: Rollcall) -> None:
    for name in ("vault.json", "evidence-signing.json"):
        (installed.data_dir / "keys" / name).unlink()
    wrong(installed)
    assert list((installed.data_dir / "keys").iterdir()) == []


def test_a_person_reads_which_part_is_wrong_and_what_to_do(installed: Rollcall) -> None:
    alter_weights(installed, pytest.MonkeyPatch())
    done = installed("doctor")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    (index,) = [number for number, line in enumerate(lines) if line.startswith("WRONG")]
    assert "networks" in lines[index]
    assert lines[index + 1].strip().startswith("→")
    assert sum(line.startswith("ok") for line in lines) == len(PARTS) - 1


def test_a_data_folder_that_cannot_be_made_is_named(
    rollcall: Rollcall, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(tmp_path / "file" / "data"))
    found = wrong(rollcall)
    assert str(tmp_path / "file") in found["installation"]["detail"]
    assert "ROLLCALL_DATA_DIR" in found["installation"]["hint"]
