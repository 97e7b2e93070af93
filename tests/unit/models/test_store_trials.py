"""The verdict of a store's trial, and its leaf."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from models.evidence import LeafKind
from models.evidence_leaves_store import store_tried
from models.store_trial import StoreTrial, TrialCheck, TrialOutcome, TrialResult, TrialWay, gravest

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
ORDER = [TrialOutcome.BROKEN, TrialOutcome.FAILED, TrialOutcome.REPAIRED, TrialOutcome.HELD]


def trial(*outcomes: TrialOutcome) -> StoreTrial:
    results = tuple(TrialResult(TrialCheck.DELETE, TrialWay.SINGLE, one, "seen") for one in outcomes)
    return StoreTrial("store/bucket", "server-enforced", "COMPLIANCE", AT, results)


@pytest.mark.parametrize("outcomes", [p for n in (1, 2, 3) for p in permutations(ORDER, n)])
def test_the_gravest_check_decides(outcomes: tuple[TrialOutcome, ...]) -> None:
    assert trial(*outcomes).verdict is min(outcomes, key=ORDER.index)
    assert trial(*outcomes).sound is not bool({TrialOutcome.BROKEN, TrialOutcome.FAILED} & set(outcomes))


def test_a_trial_in_which_nothing_was_tried_proves_nothing() -> None:
    assert gravest([]) is TrialOutcome.FAILED
    assert not trial().sound


def test_the_leaf_says_what_was_tried_where_and_how_it_went() -> None:
    leaf = store_tried(trial(TrialOutcome.HELD, TrialOutcome.REPAIRED))
    assert (leaf.kind, leaf.at, leaf.lesson_id) == (LeafKind.STORE_TRIED, AT, None)
    assert leaf.body["verdict"] == "repaired"
    assert leaf.body["store"] == "store/bucket"
    assert leaf.body["results"] == [
        {"check": "delete", "way": "single", "outcome": "held", "detail": "seen"},
        {"check": "delete", "way": "single", "outcome": "repaired", "detail": "seen"},
    ]
