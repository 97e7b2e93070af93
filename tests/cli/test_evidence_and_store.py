"""``rollcall evidence`` and ``rollcall store``: two parties, their files, and a store that is tried."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.policy import Policy
from models.register import Camera, LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from supervision_api.pipeline import upkeep
from supervision_api.pipeline.installation import open_installation
from supervision_api.settings import Settings, load_settings
from tests.cli.conftest import Rollcall

PARTY = "hrss.heze/witness"


@pytest.fixture(scope="session")
def signed_installation(tmp_path_factory: pytest.TempPathFactory, network_cache: Path) -> Path:
    """A data folder whose log has a signed checkpoint; never changed."""
    folder = tmp_path_factory.mktemp("signed") / "data"
    settings = Settings(data_dir=folder, cache_dir=network_cache, weights_dir=None, spool_reserve_mb=16)
    with open_installation(settings) as house:
        upkeep.confirm_time(house, "王工")
        with house.ledger.write() as work:
            work.evidence.write_checkpoint(house.signer)
    return folder


@pytest.fixture
def owner(rollcall: Rollcall, signed_installation: Path) -> Rollcall:
    shutil.copytree(signed_installation, rollcall.data_dir)
    return rollcall


class Parties:
    """The owner of a log and a second party, with the files that they hand each other."""

    def __init__(self, owner: Rollcall, desk: Path) -> None:
        self.owner, self.desk = owner, desk
        desk.mkdir()
        self.key, self.offer, self.note = desk / "party.json", desk / "offer", desk / "signed.note"
        self.log_keys = desk / "log-keys"
        owner.document("evidence", "keys", "--out", self.log_keys)
        self.party = owner.document("evidence", "cosigner", PARTY, "--key", self.key)

    def grow(self) -> None:
        """One more leaf and a checkpoint over it."""
        with open_installation(load_settings()) as house:
            upkeep.confirm_time(house, "李工")
            with house.ledger.write() as work:
                work.evidence.write_checkpoint(house.signer)

    def make_offer(self, since: int = 0) -> dict[str, Any]:
        return dict(self.owner.document("evidence", "offer", "--out", self.offer, "--since", str(since)))

    def cosign_call(self) -> list[str | Path]:
        return [
            "evidence", "cosign", self.offer, "--key", self.key, "--log-keys", self.log_keys,
            "--out", self.note,
        ]  # fmt: skip

    def cosign(self) -> dict[str, Any]:
        return dict(self.owner.document(*self.cosign_call()))

    def trust(self) -> dict[str, Any]:
        published = self.party["published"]
        return dict(self.owner.document("evidence", "trust", published, "--by", "局长 张"))


@pytest.fixture
def parties(owner: Rollcall, tmp_path: Path) -> Parties:
    return Parties(owner, tmp_path / "desk")


def test_the_log_s_keys_are_listed_and_published_one_file_each(owner: Rollcall, tmp_path: Path) -> None:
    told = owner.document("evidence", "keys", "--out", tmp_path / "keys")
    assert len(told["keys"]) == 1
    (file,) = (tmp_path / "keys").iterdir()
    assert json.loads(file.read_text()) == told["keys"][0]
    assert file.stat().st_mode & 0o777 == 0o644


def test_no_published_file_holds_a_secret(parties: Parties) -> None:
    secret = json.loads(parties.key.read_text())["key"]
    assert parties.key.stat().st_mode & 0o777 == 0o600
    for file in (Path(parties.party["published"]), *parties.log_keys.iterdir()):
        assert secret not in file.read_text()
    assert secret not in json.dumps(parties.party)


def test_a_party_s_key_is_never_overwritten(parties: Parties) -> None:
    before = parties.key.read_bytes()
    assert parties.owner.error("evidence", "cosigner", PARTY, "--key", parties.key)["code"] == "key_unusable"
    assert parties.key.read_bytes() == before


@pytest.mark.parametrize("name", ["", "two words", "plus+sign", "new\nline"])
def test_a_party_needs_a_name_that_a_note_can_carry(rollcall: Rollcall, tmp_path: Path, name: str) -> None:
    assert (
        rollcall.error("evidence", "cosigner", name, "--key", tmp_path / "k.json")["code"] == "invalid_input"
    )
    assert list(tmp_path.glob("k*")) == []


def test_an_offer_names_the_size_it_speaks_of(parties: Parties) -> None:
    told = parties.make_offer()
    assert (told["old_size"], told["size"]) == (0, 2)
    assert parties.offer.read_bytes().startswith(b"old 0\n")


def test_an_offer_from_a_size_the_log_never_had_is_refused(parties: Parties) -> None:
    call = ("evidence", "offer", "--out", parties.offer, "--since", "99")
    assert parties.owner.error(*call)["code"] == "conflict"
    assert not parties.offer.exists()


def test_an_installation_that_signed_nothing_has_nothing_to_offer(rollcall: Rollcall, tmp_path: Path) -> None:
    rollcall.document("evidence", "keys")
    assert rollcall.error("evidence", "offer", "--out", tmp_path / "o")["code"] == "conflict"


def test_a_party_signs_without_an_installation(
    parties: Parties, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parties.make_offer()
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(tmp_path / "elsewhere"))
    assert parties.cosign() == {"out": str(parties.note), "size": 2, "before": 0}
    assert not (tmp_path / "elsewhere").exists()
    assert PARTY in parties.note.read_text()


def test_a_party_follows_the_log_as_it_grows(parties: Parties) -> None:
    parties.make_offer()
    parties.cosign()
    parties.grow()
    size = parties.make_offer(since=2)["size"]
    assert parties.cosign() == {"out": str(parties.note), "size": size, "before": 2}
    assert size > 2


def test_an_offer_that_passes_over_what_was_signed_is_refused_with_the_right_call(parties: Parties) -> None:
    parties.make_offer()
    parties.cosign()
    parties.grow()
    parties.make_offer(since=0)
    error = parties.owner.error(*parties.cosign_call())
    assert error["code"] == "conflict"
    assert "--since 2" in error["hint"]


def flip(path: Path, offset: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("where", ["the root", "the size", "the end"])
def test_one_flipped_bit_of_an_offer_is_never_signed(parties: Parties, where: str) -> None:
    parties.make_offer()
    raw = parties.offer.read_bytes()
    lines = raw.split(b"\n")
    offsets = {"the root": raw.index(lines[4]), "the size": raw.index(b"\n2\n") + 1, "the end": len(raw) - 6}
    flip(parties.offer, offsets[where])
    done = parties.owner(*parties.cosign_call())
    assert done.exit_code == 1
    assert not parties.note.exists()
    assert not parties.key.with_name("party.last.note").exists()


@pytest.mark.parametrize("content", [b"", b"no offer", b"old x\n\nnote", b"old 0\n!!\n\nnote"])
def test_what_is_no_offer_is_refused(parties: Parties, content: bytes) -> None:
    parties.offer.write_bytes(content)
    assert parties.owner.error(*parties.cosign_call())["code"] == "evidence_broken"


def test_a_log_whose_key_the_party_does_not_know_is_not_signed(parties: Parties, tmp_path: Path) -> None:
    parties.make_offer()
    other = Path(
        parties.owner.document("evidence", "cosigner", "other", "--key", tmp_path / "o.json")["published"]
    )
    shutil.rmtree(parties.log_keys)
    parties.log_keys.mkdir()
    shutil.copy(other, parties.log_keys / "k.json")
    assert parties.owner.error(*parties.cosign_call())["code"] == "evidence_broken"
    assert not parties.note.exists()


def test_a_party_that_lost_its_memory_by_damage_does_not_sign_a_second_history(parties: Parties) -> None:
    parties.make_offer()
    parties.cosign()
    state = parties.key.with_name("party.last.note")
    flip(state, len(state.read_bytes()) - 6)
    assert parties.owner(*parties.cosign_call()).exit_code == 1


def test_a_trusted_party_s_signature_is_taken_in_once(parties: Parties) -> None:
    parties.make_offer()
    parties.cosign()
    assert parties.trust()["public_key"] == parties.party["public_key"]
    taken = parties.owner.document("evidence", "import", parties.note)
    assert taken == {"cosigned": [{"name": PARTY, "size": 2}]}
    assert parties.owner.error("evidence", "import", parties.note)["code"] == "conflict"
    assert len(parties.owner.document("evidence", "keys")["keys"]) == 2


def test_a_party_nobody_trusts_is_not_taken_in(parties: Parties) -> None:
    parties.make_offer()
    parties.cosign()
    error = parties.owner.error("evidence", "import", parties.note)
    assert error["code"] == "not_found"
    assert "trust" in error["hint"]


@pytest.mark.parametrize("by", ["", "  ", "x" * 101])
def test_trust_needs_the_name_of_who_decided_it(parties: Parties, by: str) -> None:
    call = ("evidence", "trust", parties.party["published"], "--by", by)
    assert parties.owner.error(*call)["code"] == "invalid_input"


def test_the_log_s_own_key_is_no_second_party(parties: Parties) -> None:
    (own,) = parties.log_keys.iterdir()
    assert parties.owner.error("evidence", "trust", own, "--by", "张")["code"] == "invalid_input"


def test_a_forged_note_is_not_taken_in(parties: Parties) -> None:
    parties.make_offer()
    parties.cosign()
    parties.trust()
    raw = parties.note.read_bytes()
    flip(parties.note, raw.index(b"\n2\n") + 1)
    assert parties.owner.error("evidence", "import", parties.note)["code"] == "evidence_broken"


@pytest.mark.parametrize("command", ["cosign", "trust", "import"])
def test_a_file_that_is_not_there_is_named(parties: Parties, command: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    more = {
        "cosign": ["--key", parties.key, "--log-keys", parties.log_keys, "--out", parties.note],
        "trust": ["--by", "张"],
        "import": [],
    }[command]
    assert str(gone) in parties.owner.error("evidence", command, gone, *more)["place"]


def test_with_nothing_wrong_there_is_nothing_to_read_again(owner: Rollcall) -> None:
    assert owner.document("evidence", "recheck") == {"files": 0, "wrong": []}


def test_the_store_is_tried_and_what_it_enforces_is_told(owner: Rollcall) -> None:
    told = owner.document("store", "canary")
    assert told["sound"] is True
    assert told["verdict"] in ("held", "repaired")
    assert {one["check"] for one in told["results"]} >= {"delete", "shorten"}
    lines = owner("store", "canary").stdout.splitlines()
    assert "locks hold" in lines[-1]


def test_a_trial_is_a_record_of_the_log(owner: Rollcall) -> None:
    owner.document("store", "canary")
    with open_installation(load_settings()) as house, house.ledger.read() as work:
        head = work.evidence.store.head()
    assert head is not None
    assert head.size == 3


def test_a_house_without_lessons_has_no_forecast_and_nothing_expires(owner: Rollcall) -> None:
    told = owner.document("store", "forecast")
    assert (told["cameras"], told["stored_bytes"], len(told["months"])) == ([], 0, 12)
    assert "no camera" in owner("store", "forecast").stdout
    assert owner.document("store", "expiring")["lessons"] == []
    assert "nothing expires" in owner("store", "expiring", "--days", "30").stdout


def test_a_planned_lesson_is_in_the_forecast_of_its_camera(owner: Rollcall) -> None:
    with open_installation(load_settings()) as house:
        now = house.clock.now()
        with house.ledger.write() as work:
            work.classes.ensure_institution("local", "n", now)
            work.classes.add(TrainingClass("C1", "n", "local"), now)
            work.cameras.add(Camera("front", "203", "rtsp://viewer:hunter2@192.0.2.1/x"))
            begin = now + timedelta(days=1)
            lesson = Lesson("L1", "C1", "第1课", begin, begin + timedelta(minutes=45), cameras=("front",))
            work.lessons.add(LessonRecord(lesson, Policy(), LessonState.PLANNED))
    (camera,) = owner.document("store", "forecast")["cameras"]
    assert camera["camera"] == "front"
    assert camera["bytes_per_hour"] is None
    lines = owner("store", "forecast").stdout.splitlines()
    assert lines[1].split()[0] == "front"
    assert "hunter2" not in "".join(lines)


@pytest.mark.parametrize("days", ["-1", "3661", "soon"])
def test_a_window_beyond_ten_years_is_a_usage_error(owner: Rollcall, days: str) -> None:
    assert owner("store", "expiring", "--days", days).exit_code == 2


def test_expiry_rules_belong_to_an_s3_server_and_without_one_the_setting_is_named(owner: Rollcall) -> None:
    error = owner.error("store", "expiry", "footage/", "--days", "1")
    assert error["code"] == "setting_invalid"
    assert error["hint"]
