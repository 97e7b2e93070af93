"""Which evidence flag a lesson's footage raises when it is not as the log says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from models.attendance import EvidenceLink, Reason
from models.attendance_evidence import Shows
from models.evidence_care import FootageProblem, RehashFinding
from models.flags import Flag, FlagKind, FlagState

_CODES = frozenset(problem.value for problem in FootageProblem)
_LISTED = 12
"""A reason names this many segments; a whole camera gone would fill a page."""


def footage_flag(
    lesson_id: str,
    camera_id: str,
    policy_version: str,
    findings: Iterable[RehashFinding],
    starts: Mapping[int, datetime],
    standing: Flag | None,
) -> Flag | None:
    """The lesson's evidence flag of one camera after a look at its footage, or ``None`` where none is due.

    ``findings``: what is wrong now. ``starts``: when each segment begins, by sequence, for the links.
    ``standing``: the flag there is; reasons that others gave are kept, and it is withdrawn when none is left.
    """
    wrong = sorted(findings, key=lambda one: (one.problem.value, one.sequence))
    others = () if standing is None else tuple(one for one in standing.reasons if one.code not in _CODES)
    reasons = (
        *others,
        *(_reason(camera_id, problem, wrong) for problem in sorted({w.problem for w in wrong})),
    )
    if not reasons:
        return None if standing is None else replace(standing, state=FlagState.WITHDRAWN)
    links = tuple(
        EvidenceLink(Shows.BEGINS.value, starts[one.sequence], camera_id, 0.0)
        for one in wrong[:_LISTED]
        if one.sequence in starts
    )
    return Flag(FlagKind.EVIDENCE, lesson_id, camera_id, policy_version, reasons, links)


def _reason(camera_id: str, problem: FootageProblem, wrong: Iterable[RehashFinding]) -> Reason:
    numbers = [str(one.sequence) for one in wrong if one.problem is problem]
    listed = ", ".join(numbers[:_LISTED]) + (" …" if len(numbers) > _LISTED else "")
    return Reason(problem.value, (("camera", camera_id), ("count", str(len(numbers))), ("segments", listed)))
