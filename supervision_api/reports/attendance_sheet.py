"""attendance.xlsx: the class-hour record (培训课时记录表) that people print, sign and file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from models.attendance import Status, Verdict
from models.reason_texts import mark_text, render_reason, status_text
from models.resemblance import hints_by_person
from models.timeline import total
from supervision_api.reports.lesson_outcome import LessonOutcome

ZONE = ZoneInfo("Asia/Shanghai")
_EDGE = Border(*(Side(style="thin", color="BBBBBB"),) * 4)
_HEAD = PatternFill("solid", fgColor="E8EEF4")
_TINTS = {
    Status.ABSENT: PatternFill("solid", fgColor="FBE3E1"),
    Status.PARTIAL: PatternFill("solid", fgColor="FFF3D6"),
    Status.NOT_OBSERVABLE: PatternFill("solid", fgColor="ECECEC"),
    Status.EXCUSED: PatternFill("solid", fgColor="E5EEFB"),
}
RESEMBLES = "相像学员（请先查看录像）\nResembles (look at the footage)"
COLUMNS = (
    ("序号\nNo.", 6),
    ("编号\nCode", 10),
    ("姓名\nName", 14),
    ("出勤结论\nStatus", 14),
    ("标记\nMarks", 20),
    ("首次出现\nFirst seen", 12),
    ("最后出现\nLast seen", 12),
    ("在场分钟\nMinutes", 10),
    ("认定课时\nHours", 10),
    ("理由\nReasons", 60),
    ("签名\nSignature", 16),
)


def clock_text(at: datetime | None) -> str:
    return at.astimezone(ZONE).strftime("%H:%M:%S") if at else "—"


def safe_text(text: str) -> str:
    """A cell that a spreadsheet never takes for a formula (names come from outside).

    Characters that XML cannot hold are shown as such: one of them must not cost a lesson its sheet.
    """
    text = ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)
    return "'" + text if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def attendance_sheet(outcome: LessonOutcome) -> bytes:
    """The workbook: sheet 1 the record, sheet 2 unknown people, gaps and coverage."""
    book = Workbook()
    # the zip of an XLSX carries times: fixed, so that equal outcomes look equal
    book.properties.created = book.properties.modified = outcome.lesson.ends_at.replace(tzinfo=None)
    book.properties.creator = "Rollcall"
    sheet = book.active if isinstance(book.active, Worksheet) else book.create_sheet()
    sheet.title = "培训课时记录表"
    _write_head(sheet, outcome)
    _write_rows(sheet, outcome)
    _print_setup(sheet)
    _write_observation(book.create_sheet("观察情况 Observation"), outcome)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write_head(sheet: Worksheet, outcome: LessonOutcome) -> None:
    lesson = outcome.lesson
    begin, end = lesson.starts_at.astimezone(ZONE), lesson.ends_at.astimezone(ZONE)
    sheet.append(["培训课时记录表  Class-hour record"])
    sheet["A1"].font = Font(size=16, bold=True)
    sheet.append([safe_text(f"班级 Class: {lesson.class_code}    课程 Lesson: {lesson.title}")])
    sheet.append([f"时间 Time: {begin:%Y-%m-%d %H:%M} – {end:%H:%M} (Asia/Shanghai)"])
    minutes = total(outcome.coverage).total_seconds() / 60
    sheet.append(
        [
            f"可观察 Observed: {minutes:.1f} min    规则 Policy: {outcome.policy.version}"
            f"    模型 Model: {outcome.model}"
        ]
    )
    sheet.append([title for title, _ in COLUMNS])
    for index, (_, width) in enumerate(COLUMNS, start=1):
        sheet.column_dimensions[get_column_letter(index)].width = width
        cell = sheet.cell(row=5, column=index)
        cell.font = Font(bold=True)
        cell.fill = _HEAD
        cell.border = _EDGE
        cell.alignment = Alignment(wrap_text=True, horizontal="center", vertical="center")
    for row in range(1, 5):
        sheet.merge_cells(start_row=row, start_column=1, end_row=row, end_column=len(COLUMNS))


def _row(number: int, verdict: Verdict, name: str) -> list[str | int | float]:
    marks = "、".join(f"{mark_text(m, 'zh_CN')} {mark_text(m, 'en')}" for m in verdict.marks)
    reasons = "\n".join(render_reason(reason, "zh_CN") for reason in verdict.reasons)
    return [
        number,
        safe_text(verdict.trainee),
        safe_text(name),
        f"{status_text(verdict.status, 'zh_CN')}\n{status_text(verdict.status, 'en')}",
        marks or "—",
        clock_text(verdict.first_seen),
        clock_text(verdict.last_seen),
        round(verdict.present_minutes, 1),
        verdict.credited_hours,
        safe_text(reasons),
        "",
    ]


def _write_rows(sheet: Worksheet, outcome: LessonOutcome) -> None:
    for number, verdict in enumerate(outcome.verdicts, start=1):
        sheet.append(_row(number, verdict, outcome.names.get(verdict.trainee, verdict.trainee)))
        for index in range(1, len(COLUMNS) + 1):
            cell = sheet.cell(row=sheet.max_row, column=index)
            cell.border = _EDGE
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        tint = _TINTS.get(verdict.status)
        if tint is not None:
            sheet.cell(row=sheet.max_row, column=4).fill = tint


def _print_setup(sheet: Worksheet) -> None:
    sheet.freeze_panes = "D6"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = "5:5"


def _table(sheet: Worksheet, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    sheet.append([title])
    sheet.cell(row=sheet.max_row, column=1).font = Font(bold=True, size=12)
    sheet.append(list(heads))
    for row in rows or [["无 none"]]:
        sheet.append([safe_text(text) for text in row])
    sheet.append([])


def _write_observation(sheet: Worksheet, outcome: LessonOutcome) -> None:
    hints = hints_by_person(outcome.verdicts)
    for column, width in zip("ABCDE", (26, 16, 16, 26, 50), strict=True):
        sheet.column_dimensions[column].width = width
    _table(
        sheet,
        "名册以外的人 People not on the roster",
        (
            "编号 Key",
            "首次 First",
            "最后 Last",
            "在场分钟 Minutes",
            RESEMBLES,
        ),
        [
            (
                person.key,
                clock_text(person.first_seen),
                clock_text(person.last_seen),
                f"{total(person.present).total_seconds() / 60:.1f}",
                hints[person.key].trainee if person.key in hints else "",
            )
            for person in outcome.unknown_people
        ],
    )
    _table(
        sheet,
        "录像缺口 Footage gaps",
        ("摄像机 Camera", "自 From", "至 To", "原因 Cause", "说明 Detail"),
        [
            (g.camera_id, clock_text(g.starts_at), clock_text(g.ends_at), g.cause.value, g.detail)
            for g in outcome.gaps
        ],
    )
    _table(
        sheet,
        "可观察时段 Observed time",
        ("摄像机 Camera", "自 From", "至 To"),
        [
            (camera, clock_text(piece.starts_at), clock_text(piece.ends_at))
            for camera, pieces in sorted(outcome.coverage_by_camera.items())
            for piece in pieces
        ],
    )
