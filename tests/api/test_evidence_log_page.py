"""The evidence log's page tells what is signed, stored, certified, co-signed, and what the re-hash found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from models.errors import EvidenceBroken
from models.evidence import LeafKind
from models.evidence_care import LessonTimestamp
from storage.cosigning import cosign_offer, make_offer
from storage.leaf_store import LeafQuery
from storage.log_copy import LEAVES, LogCopy
from storage.signing import Ed25519Signer
from storage.spool import object_key
from supervision_api.actions.cosigners import take_in, trust_cosigner
from supervision_api.metrics import Metrics
from supervision_api.pipeline.chores.log_copying import log_copying
from supervision_api.pipeline.rehashing import Rehasher
from tests.api.conftest import Visitor
from tests.api.scene import JUDGED, Scene

PAGE = "/console/evidence"
WITNESS = Ed25519Signer("hrss.heze/witness", b"\x07" * 32, cosigner=True)


def shown(visitor: Visitor, locale: str, path: str = PAGE) -> str:
    visitor.cookies.set("rollcall_locale", locale)
    answer = visitor.get(path)
    assert answer.status_code == 200
    return answer.text


def spoil(scene: Scene) -> str:
    """Someone changes a stored segment behind the program's back; returns its key."""
    with scene.services.ledger.read() as work:
        segment = next(one for one in scene.segments if work.uploads.receipt(one.segment_id) is not None)
    path = scene.house.folder / "store" / object_key(segment)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    return object_key(segment)


def walk(scene: Scene) -> None:
    walker = Rehasher(scene.house.ledger, scene.house.store, timedelta(days=91))
    for _ in range(9):
        walker.walk(1 << 40)


def test_a_fresh_log_says_that_nobody_else_vouches_yet(operator: Visitor) -> None:
    page = shown(operator, "en")
    for text in (
        "No authority has certified a time.",
        "No second party signs this log.",
        "Not all footage has been read again yet.",
    ):
        assert text in page
    assert "尚无时间戳机构认证。" in shown(operator, "zh_CN")


def test_everybody_who_vouches_is_named(operator: Visitor, scene: Scene) -> None:
    house = scene.house
    with house.ledger.write() as work:
        signed = work.evidence.write_checkpoint(house.signer)
        closing = signed.size - 1
        work.timestamps.queue(LessonTimestamp(JUDGED, closing, signed.size, signed.note))
        work.timestamps.queue(LessonTimestamp("another", closing + 1, signed.size, signed.note))
        work.timestamps.note_token(JUDGED, b"token", house.clock.now(), "CN=Stamp & Co")
    trust_cosigner(house.ledger, WITNESS.public_key, "王主任")
    with house.ledger.read() as work:
        offer = make_offer(work.evidence.store, 0)
    keys = (house.signer.public_key,)
    take_in(house.ledger, cosign_offer(offer, keys, WITNESS, None, house.clock.now()).encode())
    page = shown(operator, "en")
    for text in (
        WITNESS.public_key.fingerprint,
        "hrss.heze/witness",
        "CN=Stamp &amp; Co",
        "1 lesson waits for its certified time.",
        f"{signed.size} of {signed.size + 1}",
    ):
        assert text in page
    assert "CN=Stamp &amp; Co" in shown(operator, "en", f"/console/lessons/{JUDGED}/evidence")
    assert "有 1 节课等待时间认证。" in shown(operator, "zh_CN")


def test_what_the_rehash_found_is_told_on_the_page_and_in_readyz(operator: Visitor, scene: Scene) -> None:
    spoil(scene)
    walk(scene)
    page = shown(operator, "en")
    assert "1 file of footage is not as the log says." in page
    assert "Other bytes than recorded" in page
    assert "内容与记录不符" in shown(operator, "zh_CN")
    checks = {one["name"]: one for one in operator.get("/readyz").json()["checks"]}
    assert (checks["footage"]["ok"], checks["footage"]["reason"]) == (True, "not_as_logged")
    flags = operator.get("/api/v1/flags?kind=evidence").json()["items"]
    assert [flag["lesson_id"] for flag in flags] == [JUDGED]
    assert "are not what the log recorded" in shown(operator, "en", "/console/flags?kind=evidence")


def test_roles_without_evidence_do_not_see_the_page(visitor: Visitor) -> None:
    assert visitor.log_in("instructor").get(PAGE).status_code == 403
    assert "/console/evidence" not in visitor.get("/console/today").text


def test_the_chore_copies_the_log_and_counts_it(scene: Scene) -> None:
    house, metrics = scene.house, Metrics()
    chore = log_copying(house, metrics)
    with house.ledger.write() as work:
        signed = work.evidence.write_checkpoint(house.signer)
    chore.run()
    assert metrics.registry.get_sample_value("rollcall_log_copied_leaves") == signed.size
    with house.ledger.read() as work:
        assert len(tuple(work.evidence.store.rows(LeafQuery(kinds=(LeafKind.LOG_STORED,))))) == 1
    assert sum(1 for _ in LogCopy(house.store).leaves()) == signed.size


def test_a_stored_part_of_the_log_that_root_changes_is_found_when_it_is_read(scene: Scene) -> None:
    house = scene.house
    with house.ledger.write() as work:
        work.evidence.write_checkpoint(house.signer)
    log_copying(house, Metrics()).run()
    (key,) = [one.key for one in house.store.list_versions(LEAVES)]
    path = Path(house.folder / "store" / key)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"verdict", b"verdicT", 1))
    with pytest.raises(EvidenceBroken):
        tuple(LogCopy(house.store).leaves())
