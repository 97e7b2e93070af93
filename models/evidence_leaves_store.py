"""Leaves about the object store itself."""

from __future__ import annotations

from models.evidence import Leaf, LeafKind
from models.evidence_leaves import json_of
from models.store_trial import StoreTrial


def store_tried(trial: StoreTrial) -> Leaf:
    """What the store enforced when it was tried, check by check."""
    body = json_of(trial) | {"verdict": trial.verdict.value}
    body.pop("at")
    return Leaf(LeafKind.STORE_TRIED, trial.at, None, body)
