"""Somebody who may write the database changes the log: what the checks at start and the audit say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from models.canonical_json import canonical_json, parse_json
from models.errors import EvidenceBroken
from models.evidence import Leaf, LeafKind
from models.merkle import CompactRange, leaf_hash
from storage.evidence_log import EvidenceLog
from storage.evidence_proofs import audit_log, check_log, key_chain, log_keys
from storage.leaf_store import LeafQuery, LogHead, MemoryEvidenceStore, StoredLeaf
from storage.signing import Ed25519Signer

ORIGIN = "rollcall.example/heze"
NewSigner = Callable[..., Ed25519Signer]
Tamper = Callable[[MemoryEvidenceStore], None]


@pytest.fixture
def store(clock: Any, make_signer: NewSigner) -> MemoryEvidenceStore:
    """Twelve leaves, a checkpoint after the eighth and one after the last."""
    kept = MemoryEvidenceStore()
    log, signer = EvidenceLog(kept, ORIGIN, clock), make_signer()
    log.open(signer)
    for number in range(11):
        log.append(Leaf(LeafKind.GAP, clock.at, "L1", {"n": number}))
        if number == 6:
            log.write_checkpoint(signer)
    log.write_checkpoint(signer)
    return kept


def head_of(store: MemoryEvidenceStore) -> LogHead:
    head = store.head()
    assert head is not None
    return head


def rewritten(row: StoredLeaf, **changes: Any) -> StoredLeaf:
    """The leaf with another body, hash included: what a careful forger would write."""
    record = parse_json(row.record)
    assert isinstance(record, dict)
    raw = canonical_json(record | {"body": changes})
    return replace(row, record=raw, leaf_hash=leaf_hash(raw))


def test_an_untouched_log_passes_both(store: MemoryEvidenceStore) -> None:
    state = check_log(store, ORIGIN)
    assert state is not None
    assert (state.size, state.checkpoint_size) == (12, 12)
    assert audit_log(store, ORIGIN) == ()


def test_no_log_is_no_failure() -> None:
    assert check_log(MemoryEvidenceStore(), ORIGIN) is None
    assert audit_log(MemoryEvidenceStore(), ORIGIN) == ()


def test_a_log_that_was_never_signed_is_checked_as_far_as_it_goes(clock: Any, make_signer: NewSigner) -> None:
    kept = MemoryEvidenceStore()
    EvidenceLog(kept, ORIGIN, clock).open(make_signer())
    state = check_log(kept, ORIGIN)
    assert state is not None
    assert (state.size, state.checkpoint_size) == (1, 0)


def test_another_logs_database_is_refused(store: MemoryEvidenceStore) -> None:
    with pytest.raises(EvidenceBroken, match=f"the log of {ORIGIN} was found"):
        check_log(store, "another/log")


def change_a_record(store: MemoryEvidenceStore) -> None:
    store._rows[4] = replace(store._rows[4], record=store._rows[4].record.replace(b'"n":3', b'"n":9'))


def rewrite_a_leaf(store: MemoryEvidenceStore) -> None:
    store._rows[4] = rewritten(store._rows[4], n=9)


def rewrite_the_whole_log(store: MemoryEvidenceStore) -> None:
    """All hashes agree; only the signed checkpoints know better."""
    rows = [store._rows[0], rewritten(store._rows[1], n=99), *store._rows[2:]]
    tree = CompactRange()
    for row in rows:
        tree, _ = tree.append(row.leaf_hash)
    store._rows[:] = rows
    store._head = replace(head_of(store), peaks=tree.peaks)


def drop_the_last_leaves(store: MemoryEvidenceStore) -> None:
    del store._rows[10:]


def roll_back_to_eight(store: MemoryEvidenceStore) -> None:
    """As an older backup would: rows and head agree, but twelve leaves were signed."""
    del store._rows[8:]
    tree = CompactRange()
    for row in store._rows:
        tree, _ = tree.append(row.leaf_hash)
    store._head = replace(head_of(store), size=8, peaks=tree.peaks)


def forge_a_checkpoint(store: MemoryEvidenceStore) -> None:
    last = store._checkpoints[-1]
    store._checkpoints[-1] = replace(last, root=bytes(32))


def move_a_checkpoint(store: MemoryEvidenceStore) -> None:
    store._checkpoints[-1] = replace(store._checkpoints[0], size=12)


def swap_two_leaves(store: MemoryEvidenceStore) -> None:
    store._rows[3], store._rows[4] = (
        replace(store._rows[4], seq=3),
        replace(store._rows[3], seq=4),
    )


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (change_a_record, "does not match its hash"),
        (rewrite_a_leaf, "its root does not follow"),
        (rewrite_the_whole_log, "not those that were signed"),
        (drop_the_last_leaves, "lacks nodes"),
        (roll_back_to_eight, "12 were signed"),
        (forge_a_checkpoint, "not the one that was signed"),
        (move_a_checkpoint, "not the one that was signed"),
        (swap_two_leaves, "its root does not follow"),
    ],
)
def test_the_quick_check_stops_the_start(store: MemoryEvidenceStore, tamper: Tamper, message: str) -> None:
    tamper(store)
    with pytest.raises(EvidenceBroken, match=message):
        check_log(store, ORIGIN)


@pytest.mark.parametrize(
    ("tamper", "place"),
    [
        (change_a_record, "leaf 4"),
        (rewrite_a_leaf, "head"),
        (rewrite_the_whole_log, "checkpoint 8"),
        (drop_the_last_leaves, "head"),
        (forge_a_checkpoint, "checkpoint 12"),
        (move_a_checkpoint, "checkpoint 12"),
        (swap_two_leaves, "leaf 3"),
    ],
)
def test_the_audit_names_the_place(store: MemoryEvidenceStore, tamper: Tamper, place: str) -> None:
    tamper(store)
    assert place in [problem.place for problem in audit_log(store, ORIGIN)]


def test_the_audit_stops_at_a_missing_leaf_and_names_it(store: MemoryEvidenceStore) -> None:
    del store._rows[5]
    (problem,) = audit_log(store, ORIGIN)
    assert (problem.place, problem.message) == ("leaf 5", "missing: leaf 6 follows")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"kind": LeafKind.VERDICT}, "kind"),
        ({"lesson_id": "L2"}, "lesson_id"),
        ({"lesson_id": None}, "lesson_id"),
        ({"lesson_seq": 99}, "lesson_seq"),
        ({"stepped_back_s": 5.0}, "clock_stepped_back_s"),
    ],
)
def test_columns_that_contradict_their_record_are_found(
    store: MemoryEvidenceStore, change: dict[str, Any], name: str
) -> None:
    """The columns are only an index; whoever searches by them must not be led astray."""
    store._rows[6] = replace(store._rows[6], **change)
    (problem,) = audit_log(store, ORIGIN)
    assert problem.place == "leaf 6"
    assert name in problem.message


def test_an_old_record_beyond_the_quick_checks_reach_is_the_audits_to_find(
    clock: Any, make_signer: NewSigner
) -> None:
    kept = MemoryEvidenceStore()
    log = EvidenceLog(kept, ORIGIN, clock)
    log.open(make_signer())
    for number in range(600):
        log.append(Leaf(LeafKind.HEARTBEAT, clock.at, None, {"n": number}))
    log.write_checkpoint(make_signer())
    kept._rows[10] = replace(kept._rows[10], record=kept._rows[10].record.replace(b'"n":9', b'"n":8'))
    assert check_log(kept, ORIGIN) is not None
    found = [problem.place for problem in audit_log(kept, ORIGIN)]
    assert found == ["leaf 10", "head", "checkpoint 601"], "and all that follows from it"


def test_the_keys_follow_from_the_log_itself(clock: Any, make_signer: NewSigner) -> None:
    kept = MemoryEvidenceStore()
    log = EvidenceLog(kept, ORIGIN, clock)
    log.open(make_signer(1))
    log.rotate_key(make_signer(1), make_signer(2))
    log.rotate_key(make_signer(2), make_signer(3))
    assert log_keys(kept, ORIGIN) == tuple(make_signer(number).public_key for number in (1, 2, 3))
    assert [link.rotation is None for link in key_chain(kept, ORIGIN)] == [True, False, False]
    assert audit_log(kept, ORIGIN) == ()


def test_a_rotation_by_a_key_that_was_retired_is_refused(clock: Any, make_signer: NewSigner) -> None:
    kept = MemoryEvidenceStore()
    log = EvidenceLog(kept, ORIGIN, clock)
    log.open(make_signer(1))
    log.rotate_key(make_signer(1), make_signer(2))
    log.rotate_key(make_signer(1), make_signer(3))
    with pytest.raises(EvidenceBroken, match="does not follow the key before it") as caught:
        key_chain(kept, ORIGIN)
    assert caught.value.place == "leaf 2"
    assert "keys" in [problem.place for problem in audit_log(kept, ORIGIN)]


def test_a_rotation_before_any_key_was_named_is_refused(clock: Any, make_signer: NewSigner) -> None:
    kept = MemoryEvidenceStore()
    EvidenceLog(kept, ORIGIN, clock).rotate_key(make_signer(1), make_signer(2))
    with pytest.raises(EvidenceBroken, match="does not follow"):
        key_chain(kept, ORIGIN)


def test_a_log_that_names_no_key_says_so(clock: Any) -> None:
    kept = MemoryEvidenceStore()
    EvidenceLog(kept, ORIGIN, clock).append(Leaf(LeafKind.HEARTBEAT, clock.at, None, {}))
    with pytest.raises(EvidenceBroken, match="does not name its key"):
        key_chain(kept, ORIGIN)


def test_a_record_about_keys_that_cannot_be_read_is_named(store: MemoryEvidenceStore) -> None:
    store._rows[0] = replace(store._rows[0], record=b'{"body":[]}')
    with pytest.raises(EvidenceBroken, match="cannot be read") as caught:
        key_chain(store, ORIGIN)
    assert caught.value.place == "leaf 0"


def test_queries_by_context_carry_keys_and_steps_of_the_clock(clock: Any, make_signer: NewSigner) -> None:
    kept = MemoryEvidenceStore()
    log = EvidenceLog(kept, ORIGIN, clock)
    log.open(make_signer(1))
    log.append(Leaf(LeafKind.HEARTBEAT, clock.at, None, {}))
    log.rotate_key(make_signer(1), make_signer(2))
    clock.forward(-500)
    log.append(Leaf(LeafKind.CONSENT, clock.at, "another", {}))
    kinds = [row.kind for row in kept.rows(LeafQuery(context=True))]
    assert kinds == [LeafKind.LOG_OPENED, LeafKind.KEY_ROTATED, LeafKind.CONSENT]
