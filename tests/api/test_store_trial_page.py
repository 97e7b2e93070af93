"""How the store's locks did is on a lesson's evidence page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from models.store_trial import StoreTrial, TrialCheck, TrialOutcome, TrialResult, TrialWay
from supervision_api.app import create_app
from tests.api.conftest import Visitor
from tests.api.scene import JUDGED, NOW, Scene


def showing(trial: StoreTrial | None) -> Callable[[], StoreTrial | None]:
    return lambda: trial


@pytest.mark.parametrize(
    ("outcome", "told"),
    [(TrialOutcome.HELD, "有效。"), (TrialOutcome.REPAIRED, "重新设置"), (TrialOutcome.BROKEN, "无效！")],
)
def test_the_evidence_page_says_how_the_locks_did(scene: Scene, outcome: TrialOutcome, told: str) -> None:
    results = (TrialResult(TrialCheck.DELETE, TrialWay.SINGLE, outcome),)
    trial = StoreTrial("store", "server-enforced", "COMPLIANCE", NOW, results)
    services = replace(scene.services, store_trial=showing(trial))
    with Visitor(create_app(services)) as visitor:
        page = visitor.log_in("operator").get(f"/console/lessons/{JUDGED}/evidence").text
    assert "锁定检验结果" in page
    assert told in page
    assert ("notice small bad" in page) is (outcome is TrialOutcome.BROKEN)


def test_a_store_that_was_never_tried_has_no_such_line(scene: Scene, operator: Visitor) -> None:
    assert "锁定检验结果" not in operator.get(f"/console/lessons/{JUDGED}/evidence").text
