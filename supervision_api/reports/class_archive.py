"""Documents of a whole class: class.json, roster.csv, timetable.csv, class-hours.xlsx (培训课时记录表)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from models.correction import Standing
from models.reason_texts import status_text
from models.register import LessonRecord, TrainingClass
from models.roster import Trainee
from supervision_api.reports.attendance_document import lesson_object
from supervision_api.reports.attendance_sheet import ZONE, safe_text

_TIMETABLE_HEADS = (
    "课次 lesson",
    "标题 title",
    "开始 starts",
    "结束 ends",
    "教室 room",
    "教师 instructor",
    "状态 state",
)


@dataclass(frozen=True, slots=True)
class ClassRecord:
    """A class with its roster (numbers masked), its timetable, and what counts in each judged lesson.

    ``standings``: lesson id to trainee code to standing; a lesson that is not judged is absent.
    """

    training_class: TrainingClass
    institution: str
    trainees: tuple[Trainee, ...]
    lessons: tuple[LessonRecord, ...]
    standings: Mapping[str, Mapping[str, Standing]]

    @property
    def judged(self) -> tuple[LessonRecord, ...]:
        return tuple(one for one in self.lessons if one.lesson.lesson_id in self.standings)


def class_documents(record: ClassRecord) -> dict[str, bytes]:
    """The documents by name; equal records give equal bytes but for the workbook's own zip."""
    return {
        "class.json": _class_json(record),
        "roster.csv": _table(
            ("编号 code", "姓名 name", "身份证号 id_number"),
            [(one.code, one.name, one.id_number) for one in record.trainees],
        ),
        "timetable.csv": _table(
            _TIMETABLE_HEADS,
            [_timetable_row(one) for one in record.lessons],
        ),
        "class-hours.xlsx": _class_hours(record),
    }


def _class_json(record: ClassRecord) -> bytes:
    one = record.training_class
    document: dict[str, Any] = {
        "code": one.code,
        "name": one.name,
        "institution": record.institution,
        "programme": one.programme,
        "trainees": len(record.trainees),
        "lessons": [lesson_object(item.lesson) for item in record.judged],
        "not_included": [
            {"id": item.lesson.lesson_id, "state": item.state.value}
            for item in record.lessons
            if item.lesson.lesson_id not in record.standings
        ],
        "credited_hours": {
            trainee.code: sum(_hours(record, trainee.code, item) for item in record.judged)
            for trainee in record.trainees
        },
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def _hours(record: ClassRecord, code: str, lesson: LessonRecord) -> float:
    standing = record.standings[lesson.lesson.lesson_id].get(code)
    return 0.0 if standing is None else standing.credited_hours


def _timetable_row(record: LessonRecord) -> tuple[str, ...]:
    lesson = record.lesson
    begin, end = (at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M") for at in (lesson.starts_at, lesson.ends_at))
    return (lesson.lesson_id, lesson.title, begin, end, lesson.room, lesson.instructor, record.state.value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """CSV with a byte order mark, by which spreadsheets know UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([[safe_text(text) for text in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def _class_hours(record: ClassRecord) -> bytes:
    """One row per trainee, one column per judged lesson, the sum at the end; corrections are in it."""
    book = Workbook()
    last = max((one.lesson.ends_at for one in record.lessons), default=record.training_class.created_at)
    if last is not None:
        book.properties.created = book.properties.modified = last.replace(tzinfo=None)
    book.properties.creator = "Rollcall"
    sheet = book.active if isinstance(book.active, Worksheet) else book.create_sheet()
    sheet.title = "培训课时记录表"
    sheet.append(["培训课时记录表  Class-hour record"])
    sheet["A1"].font = Font(size=16, bold=True)
    one = record.training_class
    sheet.append([safe_text(f"班级 Class: {one.code} {one.name}    机构 Institution: {record.institution}")])
    days = [item.lesson.starts_at.astimezone(ZONE).strftime("%m-%d %H:%M") for item in record.judged]
    sheet.append(["编号\nCode", "姓名\nName", *days, "合计课时\nHours", "签名\nSignature"])
    for trainee in record.trainees:
        cells = [_cell(record, trainee.code, item) for item in record.judged]
        total = sum(_hours(record, trainee.code, item) for item in record.judged)
        sheet.append([safe_text(trainee.code), safe_text(trainee.name), *cells, total, ""])
    for row in sheet.iter_rows(min_row=3):
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for index, width in enumerate((10, 14, *(12 for _ in days), 10, 16), start=1):
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.freeze_panes = "C4"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(record: ClassRecord, code: str, lesson: LessonRecord) -> str:
    standing = record.standings[lesson.lesson.lesson_id].get(code)
    if standing is None:
        return "—"
    return f"{status_text(standing.status, 'zh_CN')}\n{standing.credited_hours:g}"
