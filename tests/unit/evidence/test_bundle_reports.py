"""The readable report, as HTML and PDF: what it shows, that it runs nothing, that equal ones are equal."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from models.attendance import Mark, Reason, Status
from models.evidence import Leaf, LeafKind
from models.evidence_leaves import json_of
from models.texts import Text
from storage.bundle_documents import footage_entries
from storage.bundle_evidence import BundleEvidence, ExportRequest, FootageMode, gather_evidence
from storage.bundle_lesson_report import footage_table, reason_lines
from storage.bundle_pages import report_html
from storage.bundle_pdf import report_pdf
from storage.bundle_report import Report, report_of
from storage.bundle_report_values import Section, Table

LESSON = "HZ-2026-014/3"


@pytest.fixture
def evidence(story: type) -> BundleEvidence:
    told = story()
    told.play()
    return gather_evidence(told.log, told.signer, ExportRequest(LESSON, "auditor", FootageMode.HASHES))


def test_the_report_says_what_the_leaves_say_in_both_languages(evidence: BundleEvidence) -> None:
    page = report_html(report_of(evidence, "software-only", {"T01": "王建国"})).decode()
    for fact in (
        "T01 王建国", "出勤 present", "迟到 late", "视频流中断 stream lost (stream_lost)", "后门.cam",
        "养老护理员 · 第3课", "COMPLIANCE 2031-11-24 00:00:00", "no footage in this bundle", "auditor",
        "本包不能证明什么", "What this does not prove", "verify.py",
    ):  # fmt: skip
        assert fact in page, fact
    for entry in footage_entries(evidence):
        assert entry.sha256 in page


def test_reasons_are_sentences_and_unknown_codes_are_shown_as_they_are() -> None:
    reasons = [Reason("present_enough", (("present_minutes", "44"), ("required_minutes", "36")))]
    reasons.append(Reason("of_a_later_release", (("x", "1"),)))
    lines = reason_lines({"reasons": [json_of(reason) for reason in reasons]})
    assert lines[:2] == ["在课 44 分钟，达到要求的 36 分钟", "present for 44 min; 36 min are required"]
    assert lines[2] == "of_a_later_release, x=1"


def test_a_lock_that_was_not_read_back_is_shown_as_none(story: type, without_lock: Any) -> None:
    told = story(lock=without_lock)
    told.play()
    gathered = gather_evidence(told.log, told.signer, ExportRequest(LESSON, "a", FootageMode.HASHES))
    assert {row[-1] for row in footage_table(gathered.rows_of(LESSON), lambda _digest: False).rows} == {"—"}


def test_names_and_codes_from_outside_are_never_markup() -> None:
    nasty = '<script>alert(1)</script> & "x" <b>'
    table = Table((nasty,), ((nasty,),), (1,))
    report = Report(Text("报告", "report"), nasty, (Section(Text(nasty, nasty), (Text(nasty, ""),), table),))
    page = report_html(report).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert report_pdf(report).startswith(b"%PDF-")


def test_equal_reports_are_equal_files_and_others_are_not(evidence: BundleEvidence) -> None:
    one, two = (report_of(evidence, "software-only", {}) for _ in range(2))
    assert report_pdf(one) == report_pdf(two)
    assert report_html(one) == report_html(two)
    other = report_of(evidence, "server-enforced", {})
    assert report_pdf(other) != report_pdf(one)
    assert report_html(other) != report_html(one)


def test_no_font_is_embedded_and_nothing_is_fetched(evidence: BundleEvidence) -> None:
    raw = report_pdf(report_of(evidence, "software-only", {}))
    assert b"FontFile" not in raw
    assert b"STSong-Light" in raw
    assert not re.search(rb"/(URI|JavaScript|Launch)\b", raw)
    assert len(raw) < 60_000


def test_a_row_taller_than_a_page_is_still_printed() -> None:
    tall = Table(("a", "b"), (("1", "很长的理由 " * 2000),), (1, 3))
    assert (
        report_pdf(Report(Text("报告", "r"), "x", (Section(Text("表", "t"), table=tall),))).count(b"/Page")
        > 2
    )


@pytest.mark.service
def test_another_program_reads_the_pdf_chinese_included(evidence: BundleEvidence, tmp_path: Path) -> None:
    (tmp_path / "r.pdf").write_bytes(report_pdf(report_of(evidence, "software-only", {"T01": "王建国"})))
    command = ["pdftotext", "-layout", "r.pdf", "-"]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout.decode()
    for fact in ("课次存证报告", "T01 王建国", "视频流中断", "stream lost"):
        assert fact in text


def test_the_latest_verdict_counts_and_a_correction_is_mentioned(story: type) -> None:
    def judge_again(log: Any, clock: Any, number: int) -> None:
        if number == 1:
            body = {"trainee": "T01", "reason_code": "machine_missed"}
            log.append(Leaf(LeafKind.CORRECTION, clock.at, LESSON, body))

    told = story(during=judge_again)
    told.play()
    gathered = gather_evidence(told.log, told.signer, ExportRequest(LESSON, "a", FootageMode.HASHES))
    page = report_html(report_of(gathered, "software-only", {})).decode()
    assert page.count("corrected: see the attached files") == 1
    assert Status.PRESENT.value not in page, "codes are shown under their names"
    assert Mark.LATE.value in page
