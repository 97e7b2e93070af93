"""Roster checks in threads, views remembered for a while, ranges and tags of requests, log lines."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from models.errors import Conflict, NotFound, RosterInvalid
from supervision_api import roster_jobs
from supervision_api.actions.roster_import import ImportReport
from supervision_api.etags import etag_of, require_match
from supervision_api.logs import SECRET_NAMES, configure_logs, mask_secrets
from supervision_api.problems import PreconditionFailed, PreconditionRequired, RangeNotSatisfiable
from supervision_api.roster_jobs import JobState, RosterJobs
from supervision_api.routes.byte_ranges import ByteRange, parse_range
from supervision_api.view_ledger import WINDOW, ViewLedger

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
REPORT = cast(ImportReport, object())


class Gate:
    """Work that waits until the test opens it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.started, self.open = threading.Event(), threading.Event()
        self.error = error

    def __call__(self, progress: Any) -> ImportReport:
        progress(0.25, "photo 1")
        self.started.set()
        assert self.open.wait(20)
        if self.error is not None:
            raise self.error
        return REPORT


def finished(jobs: RosterJobs, job: JobState, gate: Gate) -> JobState:
    gate.open.set()
    for thread in threading.enumerate():
        if thread.name == "roster-import":
            thread.join(20)
    return jobs.get(job.job_id, job.owner, job.class_code)


@pytest.fixture
def jobs() -> RosterJobs:
    return RosterJobs()


def test_a_job_shows_how_far_it_is_and_ends_with_its_report(jobs: RosterJobs) -> None:
    gate = Gate()
    job = jobs.start("li", "C1", gate)
    assert gate.started.wait(20)
    running = jobs.get(job.job_id, "li", "C1")
    assert (running.percent, running.done) == (25, False)
    done = finished(jobs, job, gate)
    assert (done.percent, done.done, done.error) == (100, True, None)
    assert done.report is REPORT


def test_a_refusal_is_the_job_s_answer(jobs: RosterJobs) -> None:
    refusal = RosterInvalid("no table")
    gate = Gate(refusal)
    done = finished(jobs, jobs.start("li", "C1", gate), gate)
    assert done.error is refusal
    assert done.report is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_ends_the_job_without_telling_its_cause(jobs: RosterJobs) -> None:
    gate = Gate(RuntimeError("secret path"))
    done = finished(jobs, jobs.start("li", "C1", gate), gate)
    assert done.error is not None
    assert done.error.code == "internal_error"
    assert "secret" not in str(done.error)


def test_a_class_has_one_check_at_a_time(jobs: RosterJobs) -> None:
    gate = Gate()
    job = jobs.start("li", "C1", gate)
    with pytest.raises(Conflict, match="checked already"):
        jobs.start("wang", "C1", gate)
    finished(jobs, job, gate)
    again = Gate()
    finished(jobs, jobs.start("wang", "C1", again), again)


def test_so_many_classes_at_a_time_and_no_more(jobs: RosterJobs) -> None:
    gate = Gate()
    running = [jobs.start("li", f"C{n}", gate) for n in range(roster_jobs._MOST_RUNNING)]
    with pytest.raises(Conflict):
        jobs.start("li", "C99", gate)
    assert all(finished(jobs, job, gate).done for job in running)


@pytest.mark.parametrize(("owner", "class_code"), [("wang", "C1"), ("li", "C2"), ("", "")])
def test_a_job_is_its_owner_s_and_its_class_s(jobs: RosterJobs, owner: str, class_code: str) -> None:
    gate = Gate()
    job = jobs.start("li", "C1", gate)
    with pytest.raises(NotFound) as refused:
        jobs.get(job.job_id, owner, class_code)
    assert refused.value.hint
    finished(jobs, job, gate)


def test_the_oldest_ended_jobs_are_forgotten_and_a_running_one_never(jobs: RosterJobs) -> None:
    gate = Gate()
    running = jobs.start("li", "C-running", gate)
    for number in range(roster_jobs._KEPT + 5):
        quick = Gate()
        quick.open.set()
        state = JobState(f"job-{number}", "li", f"C{number}")
        jobs._run(state, quick)
    assert len(jobs._jobs) == roster_jobs._KEPT
    assert not jobs.get(running.job_id, "li", "C-running").done
    with pytest.raises(NotFound):
        jobs.get("job-0", "li", "C0")
    finished(jobs, running, gate)


def test_a_view_is_known_within_its_window_and_not_after() -> None:
    views = ViewLedger()
    assert not views.is_known(("li", "s1"), AT)
    views.remember(("li", "s1"), AT)
    assert views.is_known(("li", "s1"), AT)
    assert views.is_known(("li", "s1"), AT + WINDOW - timedelta(seconds=1))
    assert not views.is_known(("li", "s1"), AT + WINDOW)


def test_another_viewer_or_another_thing_is_another_view() -> None:
    views = ViewLedger()
    views.remember(("li", "s1"), AT)
    assert not views.is_known(("wang", "s1"), AT)
    assert not views.is_known(("li", "s2"), AT)


def test_a_clock_that_steps_back_does_not_keep_a_view_known_for_ever() -> None:
    views = ViewLedger()
    views.remember(("li", "s1"), AT)
    assert not views.is_known(("li", "s1"), AT - timedelta(days=1))


def test_the_memory_of_views_is_bounded_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervision_api.view_ledger._MOST", 3)
    views = ViewLedger()
    for name in "abc":
        views.remember((name,), AT)
    views.remember(("a",), AT)
    views.remember(("d",), AT)
    assert [name for name in "abcd" if views.is_known((name,), AT)] == ["a", "c", "d"]


RANGES: list[tuple[str | None, tuple[int, int, bool]]] = [
    (None, (0, 1000, False)),
    ("", (0, 1000, False)),
    ("bytes=0-", (0, 1000, True)),
    ("bytes=0-0", (0, 1, True)),
    ("bytes=10-19", (10, 20, True)),
    ("bytes=990-2000", (990, 1000, True)),
    ("bytes=-1", (999, 1000, True)),
    ("bytes=-5000", (0, 1000, True)),
    ("BYTES=5-6", (5, 7, True)),
    (" bytes= 5-6 ", (5, 7, True)),
    ("bytes=-", (0, 1000, False)),
    ("bytes=9-5", (0, 1000, False)),
    ("bytes=0-1,5-6", (0, 1000, False)),
    ("pages=0-1", (0, 1000, False)),
    ("bytes=a-b", (0, 1000, False)),
    ("bytes=１-２", (0, 1000, False)),
]


@pytest.mark.parametrize(("header", "expected"), RANGES)
def test_a_range_is_one_stretch_of_the_file_or_passed_over(
    header: str | None, expected: tuple[int, int, bool]
) -> None:
    found = parse_range(header, 1000)
    assert (found.start, found.stop, found.partial) == expected
    assert found.length == found.stop - found.start


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_the_file_is_refused_with_its_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable, match="1000 bytes") as refused:
        parse_range(header, 1000)
    assert refused.value.hint


def test_an_empty_file_has_no_range() -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=0-", 0)
    assert parse_range(None, 0) == ByteRange(0, 0, 0, partial=False)


def test_the_answer_tells_which_bytes_it_holds() -> None:
    assert parse_range("bytes=10-19", 1000).content_range() == "bytes 10-19/1000"


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_range_never_leaves_the_file(first: int, last: int, size: int) -> None:
    try:
        found = parse_range(f"bytes={first}-{last}", size)
    except RangeNotSatisfiable:
        assert first >= size
    else:
        assert 0 <= found.start < found.stop <= size


def test_a_revision_s_tag_is_strong_and_quoted() -> None:
    assert etag_of(7) == '"7"'


@pytest.mark.parametrize("if_match", ['"7"', 'W/"7"', '"6", "7"', "*", '"1",*'])
def test_a_change_from_the_present_revision_passes(if_match: str) -> None:
    require_match(if_match, 7)


@pytest.mark.parametrize("if_match", ['"6"', "7", '"77"', "''", '"6", "8"'])
def test_a_change_from_another_revision_is_refused(if_match: str) -> None:
    with pytest.raises(PreconditionFailed) as refused:
        require_match(if_match, 7)
    assert refused.value.hint


@pytest.mark.parametrize("if_match", [None, ""])
def test_a_change_that_does_not_say_what_it_changes_is_refused(if_match: str | None) -> None:
    with pytest.raises(PreconditionRequired):
        require_match(if_match, 7)


@pytest.fixture
def log_lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """What was logged as JSON since the last look; the loggers are put back afterwards."""
    root = logging.getLogger()
    before, level, kept = root.handlers[:], root.level, structlog.get_config()

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield read
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**kept)


def test_a_log_line_is_json_in_a_pipe_and_in_utc(log_lines: Any) -> None:
    configure_logs("auto", "info")
    structlog.get_logger("part").warning("segment closed", lesson="第3课")
    (line,) = log_lines()
    assert (line["event"], line["level"], line["lesson"]) == ("segment closed", "warning", "第3课")
    assert line["timestamp"].endswith("Z")


def test_a_line_of_another_library_takes_the_same_form(log_lines: Any) -> None:
    configure_logs("json", "info")
    logging.getLogger("some.library").error("it broke")
    (line,) = log_lines()
    assert (line["event"], line["logger"], line["level"]) == ("it broke", "some.library", "error")


@pytest.mark.parametrize(("level", "told"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_says_how_much_is_told(log_lines: Any, level: str, told: int) -> None:
    configure_logs("json", level)
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger("part"), name)("x")
    assert len(log_lines()) == told


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_value_under_a_telling_name_is_masked(log_lines: Any, name: str) -> None:
    configure_logs("json", "info")
    structlog.get_logger("part").info("x", **{name: "hunter2", f"Old_{name.upper()}": "hunter2"})
    (line,) = log_lines()
    assert "hunter2" not in str(line)
    assert line[name] == "***"


def test_other_values_are_left_alone() -> None:
    event = {"event": "x", "camera": "front", "size": 5}
    assert mask_secrets(None, "info", dict(event)) == event


def test_a_terminal_s_form_is_readable(log_lines: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("console", "info")
    structlog.get_logger("part").info("segment closed", camera="front")
    text = capsys.readouterr().err
    assert "segment closed" in text
    assert not text.startswith("{")


def test_nothing_is_logged_on_standard_output(log_lines: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "debug")
    structlog.get_logger("part").info("x")
    logging.getLogger("y").error("z")
    assert capsys.readouterr().out == ""
    assert all(handler.stream is sys.stderr for handler in logging.getLogger().handlers)  # type: ignore[attr-defined]


def test_a_job_that_has_not_begun_shows_nothing_done() -> None:
    job = JobState("j", "li", "C1")
    assert (job.percent, job.done) == (0, False)
    assert replace(job, share=0.996).percent == 100
