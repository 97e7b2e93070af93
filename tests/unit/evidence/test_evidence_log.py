"""What the log writes of clocks, lessons and keys, and when it signs; over the store in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.checkpoint import parse_checkpoint, parse_note, parse_utc
from models.errors import Conflict, EvidenceBroken, InvalidInput, KeyUnusable
from models.evidence import Leaf, LeafKind
from models.evidence_leaves import CameraTotals
from models.merkle import leaf_hash
from storage.evidence_log import CLOCK_TOLERANCE, HEARTBEAT_EVERY, EvidenceLog
from storage.evidence_proofs import audit_log, check_log
from storage.leaf_store import LeafQuery, MemoryEvidenceStore, StoredLeaf
from storage.signing import Ed25519Signer, verify_note

ORIGIN = "rollcall.example/heze"
NewSigner = Callable[..., Ed25519Signer]


def record_of(row: StoredLeaf) -> dict[str, Any]:
    return dict(json.loads(row.record))


def leaves(log: EvidenceLog) -> list[StoredLeaf]:
    return list(log.store.rows(LeafQuery()))


def a_leaf(clock: Any, lesson_id: str | None = None, **body: Any) -> Leaf:
    return Leaf(LeafKind.GAP if lesson_id else LeafKind.HEARTBEAT, clock.at, lesson_id, body)


@pytest.fixture
def log(clock: Any) -> EvidenceLog:
    return EvidenceLog(MemoryEvidenceStore(), ORIGIN, clock)


def test_a_record_says_when_it_happened_and_when_it_was_written(log: EvidenceLog, clock: Any) -> None:
    happened = clock.at
    clock.forward(90)
    written = record_of(log.append(Leaf(LeafKind.GAP, happened, "L1", {"cause": "disk_full"})))
    assert parse_utc(written["at"]) == happened
    assert parse_utc(written["clock"]["now"]) - happened == timedelta(seconds=90, milliseconds=1)
    assert (written["v"], written["seq"], written["kind"], written["lesson_id"]) == (1, 0, "gap", "L1")
    assert written["body"] == {"cause": "disk_full"}
    assert "clock_stepped_back_s" not in written


def test_the_clocks_known_offset_stands_in_each_record(clock: Any) -> None:
    told = EvidenceLog(MemoryEvidenceStore(), ORIGIN, clock, clock_offset_s=-0.25)
    assert record_of(told.append(a_leaf(clock)))["clock"]["offset_s"] == -0.25


def test_each_lesson_counts_its_own_leaves_from_one(log: EvidenceLog, clock: Any) -> None:
    lessons = ["L1", None, "L2", "L1", "L2", None, "L1"]
    rows = log.append_all([a_leaf(clock, lesson) for lesson in lessons])
    assert [row.seq for row in rows] == list(range(7))
    assert [row.lesson_seq for row in rows] == [1, None, 1, 2, 2, None, 3]
    assert [record_of(row)["lesson_seq"] for row in rows] == [row.lesson_seq for row in rows]


def test_the_kept_hash_is_that_of_the_exact_record(log: EvidenceLog, clock: Any) -> None:
    row = log.append(a_leaf(clock, "L1", name="养老护理员", minutes=44.5))
    assert row.leaf_hash == leaf_hash(row.record)
    assert "养老护理员".encode() in row.record, "canonical JSON keeps characters as they are"


@pytest.mark.parametrize("body", [{"bad": float("nan")}, {"bad": object()}, {"bad": float("inf")}])
def test_a_body_without_a_canonical_form_is_refused_and_leaves_nothing(
    log: EvidenceLog, clock: Any, body: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        log.append(a_leaf(clock, None, **body))
    assert leaves(log) == []


def test_a_log_is_opened_once_and_names_its_key(log: EvidenceLog, make_signer: NewSigner) -> None:
    opened = log.open(make_signer())
    assert opened is not None
    assert record_of(opened)["body"] == {"origin": ORIGIN, "key": make_signer().public_key.document()}
    assert log.open(make_signer()) is None
    with pytest.raises(KeyUnusable, match="not the one"):
        log.open(make_signer(2))
    assert len(leaves(log)) == 1


def test_after_a_rotation_the_log_opens_with_the_new_key_alone(
    log: EvidenceLog, make_signer: NewSigner
) -> None:
    log.open(make_signer())
    log.rotate_key(make_signer(), make_signer(2))
    assert log.open(make_signer(2)) is None
    with pytest.raises(KeyUnusable, match="not the one"):
        log.open(make_signer())


def test_a_store_of_another_log_is_refused_before_anything_is_written(clock: Any) -> None:
    store = MemoryEvidenceStore()
    EvidenceLog(store, "another/log", clock).append(a_leaf(clock))
    with pytest.raises(EvidenceBroken, match="another/log") as caught:
        EvidenceLog(store, ORIGIN, clock).append(a_leaf(clock))
    assert "restore the setting" in caught.value.hint
    assert len(list(store.rows(LeafQuery()))) == 1


@pytest.mark.parametrize("back_s", [0.0, 1.0, CLOCK_TOLERANCE.total_seconds() - 0.01])
def test_machines_that_differ_by_less_than_the_tolerance_declare_nothing(
    log: EvidenceLog, clock: Any, back_s: float
) -> None:
    log.append(a_leaf(clock))
    clock.forward(-back_s)
    assert log.append(a_leaf(clock)).stepped_back_s is None


def test_a_clock_that_went_back_is_declared_by_the_next_record(log: EvidenceLog, clock: Any) -> None:
    log.append(a_leaf(clock))
    clock.forward(-3600)
    row = log.append(a_leaf(clock))
    assert row.stepped_back_s == pytest.approx(3600, abs=0.01)
    assert record_of(row)["clock_stepped_back_s"] == row.stepped_back_s
    assert log.append(a_leaf(clock)).stepped_back_s is None, "a step is declared once"


def test_many_small_steps_back_add_up_to_one_that_is_declared(log: EvidenceLog, clock: Any) -> None:
    log.append(a_leaf(clock))
    declared = []
    for _ in range(8):
        clock.forward(-0.7)
        declared.append(log.append(a_leaf(clock)).stepped_back_s)
    assert [step is not None for step in declared].count(True) == 2
    assert all(step > CLOCK_TOLERANCE.total_seconds() for step in declared if step is not None)


def test_a_checkpoint_is_never_older_than_what_was_written_before_it(
    log: EvidenceLog, clock: Any, make_signer: NewSigner
) -> None:
    log.append(a_leaf(clock))
    clock.forward(-600)
    signed = log.write_checkpoint(make_signer())
    beat = leaves(log)[-1]
    assert (signed.size, beat.kind) == (2, LeafKind.HEARTBEAT)
    assert beat.stepped_back_s == pytest.approx(600, abs=0.01)


def test_a_step_back_behind_the_last_checkpoint_alone_is_declared_too(
    log: EvidenceLog, clock: Any, make_signer: NewSigner
) -> None:
    log.append(a_leaf(clock))
    clock.forward(50)
    log.write_checkpoint(make_signer())
    clock.forward(-30)  # still after the leaf, but before what was signed
    assert log.append(a_leaf(clock)).stepped_back_s == pytest.approx(30, abs=0.01)
    assert log.append(a_leaf(clock)).stepped_back_s is None


def test_signing_again_after_a_step_back_declares_it_first(
    log: EvidenceLog, clock: Any, make_signer: NewSigner
) -> None:
    log.append(a_leaf(clock))
    clock.forward(50)
    log.write_checkpoint(make_signer())
    clock.forward(-30)
    assert log.write_checkpoint(make_signer()).size == 2
    assert leaves(log)[-1].stepped_back_s == pytest.approx(30, abs=0.01)


@given(st.lists(st.tuples(st.sampled_from(["leaf", "sign", "beat"]), st.integers(-90, 90)), max_size=25))
@example([("sign", 1), ("sign", -1), ("leaf", -2)])
def test_whatever_the_clock_does_undeclared_times_never_fall_by_more_than_the_tolerance(
    story: type, moves: list[tuple[str, int]]
) -> None:
    told = story()
    log, clock, signer = told.log, told.clock, told.signer
    log.open(signer)
    for what, seconds in moves:
        clock.forward(seconds)
        if what == "leaf":
            log.append(a_leaf(clock))
        elif what == "sign":
            log.write_checkpoint(signer)
        else:
            log.beat(signer)
    moments: list[tuple[float, datetime, bool]] = [
        (row.seq, parse_utc(record_of(row)["clock"]["now"]), row.stepped_back_s is not None)
        for row in leaves(log)
    ]
    moments += [(row.size - 0.5, row.at, False) for row in log.store.checkpoints(0, 1000)]
    latest = None
    for _, at, declared in sorted(moments, key=lambda moment: moment[0]):
        assert latest is None or declared or at >= latest - CLOCK_TOLERANCE
        latest = at if declared or latest is None else max(latest, at)
    assert audit_log(log.store, ORIGIN) == ()


def test_a_checkpoint_signs_size_root_and_time(log: EvidenceLog, clock: Any, make_signer: NewSigner) -> None:
    log.open(make_signer())
    signed = log.write_checkpoint(make_signer())
    note = parse_note(signed.note.encode())
    said = parse_checkpoint(note.text)
    assert (said.origin, said.size, said.root, said.at) == (ORIGIN, 1, signed.root, signed.at)
    assert verify_note(note, [make_signer().public_key]) == (make_signer().public_key,)
    assert signed.root == leaves(log)[0].leaf_hash, "the root of one leaf is that leaf's hash"


def test_an_empty_log_can_be_signed(log: EvidenceLog, make_signer: NewSigner) -> None:
    assert log.write_checkpoint(make_signer()).size == 0


def test_the_timer_signs_only_when_something_is_new(
    log: EvidenceLog, clock: Any, make_signer: NewSigner
) -> None:
    log.open(make_signer())
    first = log.beat(make_signer())
    assert first is not None
    assert first.size == 1
    clock.forward(60)
    assert log.beat(make_signer()) is None
    log.append(a_leaf(clock))
    second = log.beat(make_signer())
    assert second is not None
    assert second.size == 2


def test_a_quiet_log_shows_life(log: EvidenceLog, clock: Any, make_signer: NewSigner) -> None:
    log.open(make_signer())
    log.beat(make_signer())
    clock.forward(HEARTBEAT_EVERY.total_seconds() - 1)
    assert log.beat(make_signer()) is None
    clock.forward(1)
    assert log.beat(make_signer()) is not None
    assert [row.kind for row in leaves(log)] == [LeafKind.LOG_OPENED, LeafKind.HEARTBEAT]


def test_the_first_beat_of_all_signs_an_empty_log(log: EvidenceLog, make_signer: NewSigner) -> None:
    signed = log.beat(make_signer())
    assert signed is not None
    assert signed.size == 0


def test_a_lessons_closing_leaf_counts_itself_and_its_cameras(log: EvidenceLog, clock: Any) -> None:
    log.append_all([a_leaf(clock, "L1"), a_leaf(clock, "L2"), a_leaf(clock, "L1")])
    totals = [CameraTotals("front", 45, 45, 1, 2695.0)]
    closing = log.close_lesson("L1", totals, clock.at + timedelta(days=1826))
    body = record_of(closing)["body"]
    assert (closing.lesson_seq, body["leaves"]) == (3, 3)
    assert body["cameras"] == [
        {"camera_id": "front", "segments": 45, "last_sequence": 45, "gaps": 1, "recorded_s": 2695}
    ]


def test_a_lesson_is_closed_once(log: EvidenceLog, clock: Any) -> None:
    log.close_lesson("L1", [], clock.at)
    with pytest.raises(Conflict, match="L1 is closed"):
        log.close_lesson("L1", [], clock.at)
    log.close_lesson("L2", [], clock.at)
    assert len(leaves(log)) == 2


def test_a_rotation_is_signed_by_both_keys_and_the_next_checkpoints_by_the_new(
    log: EvidenceLog, clock: Any, make_signer: NewSigner
) -> None:
    old, new = make_signer(1), make_signer(2)
    log.open(old)
    handed_over = log.rotate_key(old, new)
    assert leaves(log)[-1].kind is LeafKind.KEY_ROTATED
    both = verify_note(parse_note(handed_over.note.encode()), [old.public_key, new.public_key])
    assert set(both) == {old.public_key, new.public_key}
    clock.forward(60)
    log.append(a_leaf(clock))
    log.beat(new)
    state = check_log(log.store, ORIGIN)
    assert state is not None
    assert (state.size, state.checkpoint_size) == (3, 3)


def test_a_checkpoint_by_a_key_that_was_never_introduced_breaks_the_log(
    log: EvidenceLog, make_signer: NewSigner
) -> None:
    log.open(make_signer(1))
    log.beat(make_signer(3))
    with pytest.raises(EvidenceBroken, match="no known key"):
        check_log(log.store, ORIGIN)


@pytest.mark.parametrize("pair", [(1, 1), (1, 2)])
def test_a_rotation_to_the_same_key_or_another_logs_key_is_refused(
    log: EvidenceLog, make_signer: NewSigner, pair: tuple[int, int]
) -> None:
    old, new = make_signer(pair[0]), make_signer(pair[1], ORIGIN if pair == (1, 1) else "another/log")
    with pytest.raises(InvalidInput, match="two different keys"):
        log.rotate_key(old, new)
    assert leaves(log) == []


def test_the_order_of_the_log_is_the_order_of_its_clock(log: EvidenceLog, clock: Any) -> None:
    for seconds in (5, 0, 30, 1):
        clock.forward(seconds)
        log.append(Leaf(LeafKind.HEARTBEAT, clock.at - timedelta(hours=1), None, {}))
    times = [parse_utc(record_of(row)["clock"]["now"]) for row in leaves(log)]
    assert all(earlier < later for earlier, later in pairwise(times))
