"""``rollcall attend`` does not end well when its bundle is not whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.attendance import EvidenceLink, Reason
from supervision_api.pipeline import offline
from supervision_api.pipeline.offline import AttendResult
from supervision_api.pipeline.roster_enrolment import ExaminedRoster
from supervision_api.reports.lesson_outcome import LessonOutcome
from tests.cli.conftest import Rollcall
from tests.unit.reports.conftest import lesson, outcome

__all__ = ["lesson", "outcome"]  # fixtures of a judged lesson

BROKEN = "footage/front/000001.mp4: the stored footage is not what was recorded"


@pytest.fixture
def call(tmp_path: Path) -> list[str | Path]:
    for name in ("v.mp4", "l.toml"):
        (tmp_path / name).write_bytes(b"x")
    files = ["--video", tmp_path / "v.mp4", "--lesson", tmp_path / "l.toml", "--out", tmp_path / "out"]
    return ["attend", "--roster", tmp_path, *files]


@pytest.mark.parametrize(("problems", "code"), [((BROKEN,), 1), ((), 0)])
def test_the_exit_code_says_whether_the_bundle_is_whole(
    rollcall: Rollcall,
    call: list[str | Path],
    outcome: LessonOutcome,
    monkeypatch: pytest.MonkeyPatch,
    problems: tuple[str, ...],
    code: int,
) -> None:
    done = AttendResult(outcome, ExaminedRoster((), (), (), (), ()), (), problems)
    monkeypatch.setattr(offline, "attend", lambda *_: done)
    told = rollcall.document(*call, code=code)
    assert told["bundle_problems"] == list(problems)
    assert told["trainees"], "what was judged is told all the same"
    spoken = rollcall(*call)
    assert spoken.exit_code == code
    assert (BROKEN in spoken.output) is bool(problems)


def test_a_look_alike_of_an_absent_trainee_is_printed_below_them(
    rollcall: Rollcall, call: list[str | Path], outcome: LessonOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = (("unknown", "u2"), ("number", "2"), ("trainee", "T3"), ("seen_at", "2026-11-23T01:06:00Z"))
    absent = outcome.verdicts[2]
    noted = replace(
        absent,
        reasons=(*absent.reasons, Reason("unknown_resembles", values)),
        evidence=(EvidenceLink("resembles", outcome.lesson.starts_at, "back", 3.5),),
    )
    outcome = replace(outcome, verdicts=(noted,))
    done = AttendResult(outcome, ExaminedRoster((), (), (), (), ()), (), ())
    monkeypatch.setattr(offline, "attend", lambda *_: done)
    spoken = " ".join(rollcall(*call).output.split())
    assert "unidentified person 2, seen at 09:06:00, resembles trainee T3" in spoken
    assert spoken.index("T3 absent") < spoken.index("resembles")
