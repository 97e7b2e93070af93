"""attendance.xlsx cell by cell, as it lies on the desk of who signs it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from models.attendance import EvidenceLink, Mark, Reason, Status
from models.footage import Gap, GapCause
from models.label_texts import MARK_LABELS, STATUS_LABELS
from supervision_api.reports import attendance_sheet as report
from supervision_api.reports.lesson_outcome import LessonOutcome

FIRST = 6
"""Row of the first trainee: four lines of heading and one of column titles come before."""

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    '=HYPERLINK("http://127.0.0.1")',
    "=cmd|'/c calc'!A0",
]


def opened(outcome: LessonOutcome) -> Workbook:
    return load_workbook(io.BytesIO(report.attendance_sheet(outcome)))


def record(outcome: LessonOutcome) -> Worksheet:
    return opened(outcome).worksheets[0]


def observation(outcome: LessonOutcome) -> list[tuple[object, ...]]:
    """Rows of the second sheet without empty cells at their ends."""
    rows = []
    for row in opened(outcome).worksheets[1].iter_rows(values_only=True):
        filled = [value for value in row if value is not None]
        rows.append(tuple(filled))
    return rows


def cells(sheet: Worksheet, row: int) -> list[object]:
    return [sheet.cell(row=row, column=column).value for column in range(1, len(report.COLUMNS) + 1)]


def test_the_workbook_has_the_record_first_and_the_observation_second(outcome: LessonOutcome) -> None:
    assert opened(outcome).sheetnames == ["培训课时记录表", "观察情况 Observation"]


def test_the_heading_tells_class_lesson_time_and_rules(outcome: LessonOutcome) -> None:
    sheet = record(outcome)
    assert sheet["A1"].value == "培训课时记录表  Class-hour record"
    assert sheet["A2"].value == "班级 Class: HZ-2026-014    课程 Lesson: 养老护理员 · 第3课"
    assert sheet["A3"].value == "时间 Time: 2026-11-23 09:00 – 09:45 (Asia/Shanghai)"
    assert (
        sheet["A4"].value
        == "可观察 Observed: 44.0 min    规则 Policy: default-1    模型 Model: hog;face-encoder;cal-1"
    )


def test_each_line_of_the_heading_reaches_over_the_table(outcome: LessonOutcome) -> None:
    assert {str(merged) for merged in record(outcome).merged_cells.ranges} == {
        "A1:K1",
        "A2:K2",
        "A3:K3",
        "A4:K4",
    }


def test_the_columns_are_titled_in_both_languages(outcome: LessonOutcome) -> None:
    titles = cells(record(outcome), 5)
    assert titles == [title for title, _ in report.COLUMNS]
    for title in titles:
        chinese, english = str(title).split("\n")
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
        assert english.isascii()


def test_a_present_trainee_s_row(outcome: LessonOutcome) -> None:
    assert cells(record(outcome), FIRST) == [
        1,
        "T1",
        "王芳",
        "出勤\npresent",
        "—",
        "09:00:00",
        "09:45:00",
        45,
        1,
        "在课 45 分钟，达到要求的 36 分钟",
        None,
    ]


def test_a_row_with_marks_names_them_in_both_languages(outcome: LessonOutcome) -> None:
    row = cells(record(outcome), FIRST + 1)
    assert row[:4] == [2, "T2", "李强", "部分出勤\npartly present"]
    assert row[4] == "迟到 late、中途离开 away in the middle"
    assert row[5:9] == ["09:10:00", "09:40:00", 15, 0]


def test_who_was_never_seen_has_dashes_for_times(outcome: LessonOutcome) -> None:
    row = cells(record(outcome), FIRST + 2)
    assert row[3:8] == ["缺勤\nabsent", "—", "—", "—", 0]


def test_a_trainee_without_a_name_stands_under_the_code(outcome: LessonOutcome) -> None:
    assert cells(record(outcome), FIRST + 4)[1:3] == ["T5", "T5"]


def test_there_is_a_row_per_verdict_and_no_more(outcome: LessonOutcome) -> None:
    sheet = record(outcome)
    assert sheet.max_row == FIRST + len(outcome.verdicts) - 1
    assert [sheet.cell(row=FIRST + n, column=1).value for n in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_written_in_both_languages(outcome: LessonOutcome, status: Status) -> None:
    one = replace(outcome, verdicts=(replace(outcome.verdicts[0], status=status),))
    text = STATUS_LABELS[status]
    assert cells(record(one), FIRST)[3] == f"{text.template('zh_CN')}\n{text.template('en')}"


@pytest.mark.parametrize("mark", list(Mark))
def test_every_mark_is_written_in_both_languages(outcome: LessonOutcome, mark: Mark) -> None:
    one = replace(outcome, verdicts=(replace(outcome.verdicts[0], marks=(mark,)),))
    text = MARK_LABELS[mark]
    assert cells(record(one), FIRST)[4] == f"{text.template('zh_CN')} {text.template('en')}"


@pytest.mark.parametrize(
    ("status", "colour"),
    [
        (Status.PRESENT, None),
        (Status.ABSENT, "00FBE3E1"),
        (Status.PARTIAL, "00FFF3D6"),
        (Status.NOT_OBSERVABLE, "00ECECEC"),
        (Status.EXCUSED, "00E5EEFB"),
    ],
)
def test_a_status_worth_a_look_is_tinted(outcome: LessonOutcome, status: Status, colour: str | None) -> None:
    one = replace(outcome, verdicts=(replace(outcome.verdicts[0], status=status),))
    fill = record(one).cell(row=FIRST, column=4).fill
    assert (fill.fgColor.rgb if fill.fill_type else None) == colour


def test_only_the_status_is_tinted(outcome: LessonOutcome) -> None:
    sheet = record(outcome)
    tinted = {c.column for row in sheet.iter_rows(min_row=FIRST) for c in row if c.fill.fill_type}
    assert tinted == {4}


def test_minutes_are_numbers_to_a_tenth_and_hours_as_credited(outcome: LessonOutcome) -> None:
    odd = replace(outcome.verdicts[0], present_minutes=35.96, credited_hours=0.5)
    sheet = record(replace(outcome, verdicts=(odd,)))
    assert cells(sheet, FIRST)[7:9] == [36.0, 0.5]
    assert sheet.cell(row=FIRST, column=8).data_type == "n"
    assert sheet.cell(row=FIRST, column=9).data_type == "n"


def test_several_reasons_are_lines_of_one_cell(outcome: LessonOutcome) -> None:
    more = replace(outcome.verdicts[0], reasons=(*outcome.verdicts[0].reasons, Reason("leave_covers")))
    text = str(cells(record(replace(outcome, verdicts=(more,))), FIRST)[9])
    assert text.split("\n") == ["在课 45 分钟，达到要求的 36 分钟", "请假时间覆盖缺席时间"]


def test_the_signature_is_left_for_a_pen(outcome: LessonOutcome) -> None:
    sheet = record(outcome)
    assert all(sheet.cell(row=FIRST + n, column=11).value is None for n in range(5))
    assert sheet.cell(row=FIRST, column=11).border.bottom.style == "thin"


@pytest.mark.parametrize("text", FORMULAS)
def test_a_name_that_looks_like_a_formula_is_text(outcome: LessonOutcome, text: str) -> None:
    sheet = record(replace(outcome, names={"T1": text}))
    cell = sheet.cell(row=FIRST, column=3)
    assert cell.data_type != "f"
    assert str(cell.value).startswith("'")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_trainee_s_code_and_an_unknown_key_are_no_formulas(outcome: LessonOutcome, text: str) -> None:
    verdict = replace(outcome.verdicts[0], trainee=text)
    person = replace(outcome.unknown_people[0], key=text)
    book = opened(replace(outcome, verdicts=(verdict,), unknown_people=(person,)))
    assert not [c for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "f"]


@settings(max_examples=60)
@given(st.text(max_size=12))
def test_no_text_becomes_a_formula_and_none_is_lost(text: str) -> None:
    safe = report.safe_text(text)
    assert safe[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    assert len(safe) - len(text) == safe.startswith("'") - text.startswith("'")


@pytest.mark.parametrize("text", ["王芳", "O'Neil", "", "第3课 = 复习", "3-2"])
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    assert report.safe_text(text) == text


def test_no_cell_of_a_whole_workbook_is_a_formula(outcome: LessonOutcome) -> None:
    gap = Gap("L1", "=front", outcome.gaps[0].starts_at, outcome.gaps[0].ends_at, GapCause.CONNECTING, "@x")
    wild = replace(outcome, gaps=(gap,), coverage_by_camera={"+cam": outcome.coverage})
    book = opened(wild)
    assert not [c for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "f"]


def test_a_lesson_s_title_cannot_start_a_formula(outcome: LessonOutcome) -> None:
    sheet = record(replace(outcome, lesson=replace(outcome.lesson, title="=1+1")))
    assert sheet["A2"].data_type == "s"


def test_the_print_is_a4_landscape_one_page_wide_with_the_titles_on_each(outcome: LessonOutcome) -> None:
    sheet = record(outcome)
    assert (sheet.page_setup.orientation, int(sheet.page_setup.paperSize)) == ("landscape", 9)
    assert (int(sheet.page_setup.fitToWidth), int(sheet.page_setup.fitToHeight)) == (1, 0)
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.print_title_rows == "$5:$5"
    assert sheet.freeze_panes == "D6"


def test_every_column_has_its_width(outcome: LessonOutcome) -> None:
    sheet = record(outcome)
    widths = [sheet.column_dimensions[letter].width for letter in "ABCDEFGHIJK"]
    assert widths == [width for _, width in report.COLUMNS]


def test_long_reasons_wrap_instead_of_hiding(outcome: LessonOutcome) -> None:
    sheet = record(outcome)
    assert sheet.cell(row=FIRST, column=10).alignment.wrap_text
    assert sheet.cell(row=5, column=1).alignment.wrap_text


def test_the_observation_says_whom_a_stranger_resembles(outcome: LessonOutcome) -> None:
    values = (("unknown", "u2"), ("number", "2"), ("trainee", "T3"), ("seen_at", "2026-11-23T01:06:00Z"))
    absent = outcome.verdicts[2]
    link = EvidenceLink("resembles", outcome.lesson.starts_at, "back", 3.5)
    noted = replace(absent, reasons=(*absent.reasons, Reason("unknown_resembles", values)), evidence=(link,))
    told = replace(outcome, verdicts=(noted,))
    assert observation(told)[2] == ("u2", "09:05:00", "09:31:00", "16.0", "T3")
    reasons = record(told).cell(row=FIRST, column=10).value
    assert "请先查看录像再作认定" in str(reasons)


def test_the_observation_lists_strangers_gaps_and_observed_time(outcome: LessonOutcome) -> None:
    assert observation(outcome) == [
        ("名册以外的人 People not on the roster",),
        ("编号 Key", "首次 First", "最后 Last", "在场分钟 Minutes", report.RESEMBLES),
        ("u2", "09:05:00", "09:31:00", "16.0"),
        (),
        ("录像缺口 Footage gaps",),
        ("摄像机 Camera", "自 From", "至 To", "原因 Cause", "说明 Detail"),
        ("front", "09:30:00", "09:31:00", "stream_lost", "read error"),
        (),
        ("可观察时段 Observed time",),
        ("摄像机 Camera", "自 From", "至 To"),
        ("back", "09:31:00", "09:45:00"),
        ("back", "09:50:00", "09:51:00"),
        ("front", "09:00:00", "09:30:00"),
    ]


def test_an_empty_lesson_says_none_three_times(empty_outcome: LessonOutcome) -> None:
    rows = observation(empty_outcome)
    assert rows.count(("无 none",)) == 3
    assert record(empty_outcome).max_row == 5


def test_times_are_the_class_s_clock_and_not_utc() -> None:
    assert report.clock_text(datetime(2026, 11, 23, 16, 30, 1, tzinfo=UTC)) == "00:30:01"
    assert report.clock_text(None) == "—"


def test_a_lesson_over_midnight_utc_keeps_its_local_day(outcome: LessonOutcome) -> None:
    late = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
    lesson = replace(outcome.lesson, starts_at=late, ends_at=late + timedelta(minutes=45), breaks=())
    assert record(replace(outcome, lesson=lesson))["A3"].value == (
        "时间 Time: 2026-11-24 00:30 – 01:15 (Asia/Shanghai)"
    )


def test_who_made_the_file_and_of_when_it_speaks(outcome: LessonOutcome) -> None:
    properties = opened(outcome).properties
    assert properties.creator == "Rollcall"
    assert properties.created == datetime(2026, 11, 23, 1, 45)


def test_equal_outcomes_hold_equal_sheets(outcome: LessonOutcome) -> None:
    first, again = (zipfile.ZipFile(io.BytesIO(report.attendance_sheet(outcome))) for _ in range(2))
    assert first.namelist() == again.namelist()
    for name in first.namelist():
        if name.startswith("xl/worksheets") or name == "xl/styles.xml":
            assert first.read(name) == again.read(name), name


def test_a_control_character_in_a_name_does_not_cost_the_sheet(outcome: LessonOutcome) -> None:
    sheet = record(replace(outcome, names={"T1": "王\x07芳"}))
    assert sheet.cell(row=FIRST, column=3).value == "王\ufffd芳"


def test_a_changed_verdict_changes_its_row_alone(outcome: LessonOutcome) -> None:
    changed = replace(outcome.verdicts[1], credited_hours=1.0)
    forged = replace(outcome, verdicts=(outcome.verdicts[0], changed, *outcome.verdicts[2:]))
    before, after = record(outcome), record(forged)
    different = [row for row in range(1, before.max_row + 1) if cells(before, row) != cells(after, row)]
    assert different == [FIRST + 1]
