"""A second party signs only what continues what it signed before; bundles, store, verifier carry its word."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from models.checkpoint import parse_checkpoint, parse_note
from models.errors import Conflict, EvidenceBroken, InvalidInput, KeyUnusable, NotFound
from models.evidence import Checkpoint, Leaf, LeafKind
from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from storage.cosigning import (
    Offer,
    cosign_offer,
    create_cosigner_key,
    make_offer,
    open_cosigner,
    parse_offer,
    read_state,
    write_state,
)
from storage.evidence_proofs import audit_log
from storage.log_copier import LogCopier
from storage.log_copy import LogCopy
from storage.signing import Ed25519Signer, read_public_key, verify_note
from storage.time_tokens import TimeAuthority
from storage.verifier.verify import verify_bundle
from supervision_api.actions.cosigners import take_in, trust_cosigner
from supervision_api.cli.main import application
from supervision_api.pipeline.bundling import write_lesson_bundle
from supervision_api.pipeline.chores.certified_times import certify_waiting, queue_closed_lessons
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.judging import judge_lesson
from supervision_api.settings import Settings
from tests.hand_clock import HandClock
from tests.unit.storage.time_authority import Authority, new_authority, party, served

WITNESS = Ed25519Signer("hrss.heze/witness", b"\x07" * 32, cosigner=True)
AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.fixture
def house(settings: Settings) -> Iterator[Installation]:
    clock = HandClock(datetime.now(UTC) + timedelta(minutes=5))
    with open_installation(settings) as opened:
        house = replace(opened, clock=clock, ledger=replace(opened.ledger, clock=clock))
        now = clock.now()
        lesson = Lesson("L1", "C1", "lesson", now - timedelta(hours=1), now, cameras=())
        with house.ledger.write() as work:
            work.classes.ensure_institution("local", "school", now)
            work.classes.add(TrainingClass("C1", "care", "local"), now)
            work.lessons.add(LessonRecord(lesson, Policy(), LessonState.CLOSING, "ab" * 32))
            judge_lesson(work, "L1", now)
            work.evidence.write_checkpoint(house.signer)
        yield house


def grow(house: Installation, leaves: int = 3) -> None:
    with house.ledger.write() as work:
        for number in range(leaves):
            work.evidence.append(Leaf(LeafKind.VIEW, house.clock.now(), None, {"n": number}))
        work.evidence.write_checkpoint(house.signer)


def offer(house: Installation, since: int = 0) -> Offer:
    with house.ledger.read() as work:
        return parse_offer(make_offer(work.evidence.store, since).encode())


def signed(house: Installation, last: Checkpoint | None = None) -> bytes:
    made = offer(house, last.size if last else 0)
    return cosign_offer(made, (house.signer.public_key,), WITNESS, last, AT).encode()


def trusted(house: Installation) -> None:
    trust_cosigner(house.ledger, WITNESS.public_key, "王主任")


def test_a_cosignature_is_ed25519_over_the_note_and_its_time_as_c2sp_writes_it(house: Installation) -> None:
    note = parse_note(signed(house))
    line = note.signatures[-1]
    blob = line.blob
    name, raw = WITNESS.public_key.name, WITNESS.public_key.raw
    assert blob[:4] == sha256(name.encode() + b"\n\x04" + raw).digest()[:4]
    assert int.from_bytes(blob[4:12], "big") == int(AT.timestamp())
    message = f"cosignature/v1\ntime {int(AT.timestamp())}\n{note.text}".encode()
    Ed25519PublicKey.from_public_bytes(raw).verify(blob[12:], message)
    assert parse_note(note.encode()) == note
    assert verify_note(note, (WITNESS.public_key,)) == (WITNESS.public_key,)


def test_the_time_of_a_cosignature_cannot_be_moved(house: Installation) -> None:
    note = parse_note(signed(house))
    line = note.signatures[-1]
    for moved in (replace(line, unix_s=(line.unix_s or 0) - 1), replace(line, unix_s=None)):
        with pytest.raises(EvidenceBroken, match="does not hold"):
            verify_note(replace(note, signatures=(*note.signatures[:-1], moved)), (WITNESS.public_key,))


def test_a_party_signs_on_from_what_it_signed_last(house: Installation) -> None:
    first = parse_checkpoint(parse_note(signed(house)).text)
    grow(house)
    second = parse_checkpoint(parse_note(signed(house, first)).text)
    assert second.size > first.size
    again = parse_checkpoint(parse_note(signed(house, second)).text)
    assert again == second, "the same state may be signed again"


def test_an_offer_from_another_size_names_the_right_one(house: Installation) -> None:
    first = parse_checkpoint(parse_note(signed(house)).text)
    grow(house)
    with pytest.raises(Conflict) as told:
        cosign_offer(offer(house), (house.signer.public_key,), WITNESS, first, AT)
    assert f"--since {first.size}" in told.value.hint
    with pytest.raises(Conflict):
        offer(house, 10_000)


def _drop(made: Offer) -> Offer:
    return replace(made, proof=made.proof[:-1])


def _flip(made: Offer) -> Offer:
    return replace(made, proof=(bytes([made.proof[0][0] ^ 1]) + made.proof[0][1:], *made.proof[1:]))


@pytest.mark.parametrize("spoil", [_drop, _flip])
def test_a_proof_that_does_not_lead_there_is_refused(
    house: Installation, spoil: Callable[[Offer], Offer]
) -> None:
    first = parse_checkpoint(parse_note(signed(house)).text)
    grow(house)
    with pytest.raises(EvidenceBroken, match="does not continue"):
        cosign_offer(spoil(offer(house, first.size)), (house.signer.public_key,), WITNESS, first, AT)


def test_a_rewritten_history_is_refused_though_its_owner_signed_it(house: Installation) -> None:
    first = parse_checkpoint(parse_note(signed(house)).text)
    grow(house)
    other = replace(first, root=sha256(b"what the party saw").digest())
    with pytest.raises(EvidenceBroken, match="does not continue"):
        cosign_offer(offer(house, first.size), (house.signer.public_key,), WITNESS, other, AT)
    with pytest.raises(EvidenceBroken, match="no known key"):
        cosign_offer(offer(house), (Ed25519Signer("other/log", b"\x09" * 32).public_key,), WITNESS, None, AT)


@pytest.mark.parametrize("raw", [b"", b"old 1", b"old x\n\nnote", b"old 1\n!!\n\nnote", b"new 1\n\nnote"])
def test_what_is_no_offer_is_refused(raw: bytes) -> None:
    with pytest.raises(EvidenceBroken):
        parse_offer(raw)


def test_state_and_key_files_are_the_partys_own(tmp_path: Path, house: Installation) -> None:
    public = create_cosigner_key(tmp_path / "witness.json", "hrss.heze/other")
    assert open_cosigner(tmp_path / "witness.json").public_key == public
    assert read_public_key(public.document()) == public
    with pytest.raises(KeyUnusable):
        create_cosigner_key(tmp_path / "witness.json", "hrss.heze/other")
    (tmp_path / "odd.json").write_text("{}")
    (tmp_path / "odd.json").chmod(0o600)
    with pytest.raises(KeyUnusable):
        open_cosigner(tmp_path / "odd.json")
    state = tmp_path / "last.note"
    assert read_state(state, WITNESS.public_key) is None
    write_state(state, parse_note(signed(house)))
    assert read_state(state, WITNESS.public_key) == parse_checkpoint(offer(house).note.text)
    with pytest.raises(EvidenceBroken):
        read_state(state, public)


def test_a_cosigned_note_is_taken_in_once_and_only_from_a_trusted_party(house: Installation) -> None:
    note = signed(house)
    with pytest.raises(NotFound, match="no trusted second party"):
        take_in(house.ledger, note)
    trusted(house)
    with pytest.raises(Conflict):
        trusted(house)
    (taken,) = take_in(house.ledger, note)
    assert (taken.name, taken.signed_at) == ("hrss.heze/witness", AT)
    with pytest.raises(Conflict, match="known already"):
        take_in(house.ledger, note)
    with house.ledger.read() as work:
        assert audit_log(work.evidence.store, house.settings.origin) == ()
        assert work.cosigners.latest() == (taken,)
    with pytest.raises(InvalidInput):
        trust_cosigner(house.ledger, house.signer.public_key, "x")


def test_a_note_with_a_bad_signature_or_of_another_history_is_not_taken_in(house: Installation) -> None:
    trusted(house)
    note = parse_note(signed(house))
    line = note.signatures[-1]
    bad = replace(line, signature=bytes([line.signature[0] ^ 1]) + line.signature[1:])
    with pytest.raises(EvidenceBroken, match="does not hold"):
        take_in(house.ledger, replace(note, signatures=(note.signatures[0], bad)).encode())
    with house.ledger.write() as work:
        work.evidence.append(Leaf(LeafKind.VIEW, house.clock.now(), None, {}))
        work.evidence.write_checkpoint(house.signer)
    later = signed(house)
    with house.database.transaction(writing=True) as connection:
        connection.exec_driver_sql("UPDATE evidence_leaves SET leaf_hash = zeroblob(32) WHERE sequence = 1")
    with pytest.raises(EvidenceBroken, match="not those that the note speaks of"):
        take_in(house.ledger, later)


def test_the_store_gets_the_cosigned_note_beside_the_logs_own(house: Installation) -> None:
    copier = LogCopier(house.ledger, house.store, house.folder)
    copier.run()
    before = {row.note for row in LogCopy(house.store).checkpoints()}
    trusted(house)
    note = signed(house)
    take_in(house.ledger, note)
    grow(house)
    house.clock.forward(minutes=2)  # type: ignore[attr-defined]
    copier.run()
    after = {row.note for row in LogCopy(house.store).checkpoints()}
    assert note.decode() in after - before


@pytest.fixture
def authority() -> Iterator[Authority]:
    with served(new_authority()) as running:
        yield running


@pytest.fixture
def bundle(house: Installation, authority: Authority, tmp_path: Path) -> Path:
    """A lesson's bundle with a token and a second signature."""
    queue_closed_lessons(house.ledger)
    certify_waiting(house.ledger, TimeAuthority(authority.url, (authority.root.certificate,)))
    trusted(house)
    grow(house)
    take_in(house.ledger, signed(house))
    target = tmp_path / "bundle"
    assert write_lesson_bundle(house, "L1", "auditor", target).problems == ()
    return target


def test_a_bundle_with_token_and_second_signature_is_whole_and_says_who_signed(bundle: Path) -> None:
    report = verify_bundle(bundle)
    assert (report.exit_code, report.findings) == (0, [])
    assert [line.split(" ", 1)[1] for line in report.cosigned] == ["leaves co-signed by hrss.heze/witness"]
    assert len(list((bundle / "timestamps").iterdir())) == 1


def test_trusted_keys_alone_decide_who_signed(house: Installation, bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "trusted"
    folder.mkdir()
    (folder / "log.json").write_text(json.dumps(house.signer.public_key.document()))
    alone = verify_bundle(bundle, folder)
    assert (alone.exit_code, alone.cosigned) == (0, [])
    (folder / "witness.json").write_text(json.dumps(WITNESS.public_key.document()))
    both = verify_bundle(bundle, folder)
    assert (both.exit_code, len(both.cosigned)) == (0, 1)


def test_a_flipped_bit_of_a_token_a_cosigners_key_or_signature_is_found(bundle: Path) -> None:
    note = next(path for path in (bundle / "checkpoints").iterdir() if b"witness" in path.read_bytes())
    for path in (*(bundle / "timestamps").iterdir(), *(bundle / "cosigners").iterdir(), note):
        content = path.read_bytes()
        path.write_bytes(content[:-8] + bytes([content[-8] ^ 1]) + content[-7:])
        assert verify_bundle(bundle).exit_code in (10, 13), path
        path.write_bytes(content)
    assert verify_bundle(bundle).exit_code == 0


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(application, [str(one) for one in arguments])
    return result.exit_code, result.output


def test_verify_checks_tokens_fully_where_it_is_given_the_roots(
    bundle: Path, authority: Authority, tmp_path: Path
) -> None:
    roots, others = tmp_path / "roots.pem", tmp_path / "others.pem"
    roots.write_bytes(authority.root.pem)
    others.write_bytes(party("Somebody").pem)
    code, told = run("verify", bundle, "--tsa-ca", roots)
    assert code == 0
    assert "CN=Test Stamp" in told
    code, told = run("verify", bundle, "--tsa-ca", others, "--json")
    assert code == 13
    assert json.loads(told)["timestamps"][0]["problem"]
    spare = shutil.copytree(bundle, tmp_path / "spare")
    for path in (spare / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes().replace(b"time 2", b"time 1"))
    assert run("verify", spare, "--tsa-ca", roots)[0] == 13


def test_the_commands_carry_a_signature_from_owner_to_party_and_back(
    settings: Settings, house: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(settings.data_dir))
    key, keys, made, note = (tmp_path / name for name in ("witness.json", "keys", "offer", "note"))
    assert run("evidence", "cosigner", "hrss.heze/party", "--key", key)[0] == 0
    assert run("evidence", "keys", "--out", keys)[0] == 0
    assert run("evidence", "trust", tmp_path / "witness.pub.json", "--by", "王主任")[0] == 0
    since = 0
    for _ in range(2):
        grow(house)
        assert run("evidence", "offer", "--since", since, "--out", made)[0] == 0
        code, told = run(
            "evidence", "cosign", made, "--key", key, "--log-keys", keys, "--out", note, "--json"
        )
        assert code == 0
        assert json.loads(told)["before"] == since
        since = json.loads(told)["size"]
        assert run("evidence", "import", note)[0] == 0
    assert run("evidence", "import", note)[0] == 1
    assert (
        run("evidence", "cosign", tmp_path / "none", "--key", key, "--log-keys", keys, "--out", note)[0] == 1
    )
    code, told = run("evidence", "keys", "--json")
    assert [one["name"] for one in json.loads(told)["keys"]] == [settings.origin, "hrss.heze/party"]
    assert run("evidence", "recheck")[0] == 0
