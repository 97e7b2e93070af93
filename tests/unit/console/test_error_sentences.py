"""Every sentence a form's error is known by: it matches what the code really raises, in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from models.errors import Conflict, InvalidInput, LessonInvalid, RollcallError
from models.lesson_document import parse_lesson
from models.plain_text import plain_text
from storage.repositories.writing import checked_id
from supervision_api.actions.attendance import manual_entry
from supervision_api.actions.cameras import checked_address
from supervision_api.actions.lessons import local_day
from supervision_api.console import error_texts
from supervision_api.console.i18n import Languages
from supervision_api.roster_jobs import RosterJobs
from supervision_api.roster_upload import Upload, read_upload
from supervision_api.routes.console_classes import _instant
from supervision_api.routes.console_trainee import _hours

LANGUAGES = Languages("zh_CN")
ZH, EN = LANGUAGES.get("zh_CN"), LANGUAGES.get("en")
STARTS = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LESSON = {"class_code": "HZ-1", "title": "x", "starts_at": STARTS, "ends_at": STARTS + timedelta(minutes=45)}


def raised(work: Callable[[], object]) -> RollcallError:
    with pytest.raises(RollcallError) as caught:
        work()
    return caught.value


REAL: dict[str, tuple[Callable[[], object], str, str]] = {
    "a code with a slash": (
        lambda: checked_id("a/b", "code"),
        "班级编号：只能用字母、数字和 . _ -，并以字母开头。",
        "Class code: use letters, digits and . _ - only, beginning with a letter.",
    ),
    "a lesson that ends first": (
        lambda: parse_lesson({**LESSON, "ends_at": STARTS - timedelta(hours=1)}),
        "下课时间必须晚于上课时间。",
        "the lesson must end after it starts.",
    ),
    "a lesson of days": (
        lambda: parse_lesson({**LESSON, "ends_at": STARTS + timedelta(hours=25)}),
        "课次时长超过一天。",
        "the lesson lasts longer than a day.",
    ),
    "a title of a page": (
        lambda: parse_lesson({**LESSON, "title": "x" * 5000}),
        "个字。",
        "one line of at most",
    ),
    "a control character": (
        lambda: plain_text("a\x00b", "name"),
        "含有不可见字符，请手工输入而不要粘贴。",
        "Name: holds an invisible character; type it instead of pasting.",
    ),
    "a date that is none": (
        lambda: _instant("2026-02-30", "09:00"),
        "日期或时间无法识别。",
        "Starts: the date or the time cannot be read.",
    ),
    "a time that is none": (lambda: _instant("2026-02-20", "25:00"), "无法识别。", "cannot be read."),
    "hours in words": (
        lambda: _hours("one"),
        "请填写数字，例如 0.5 或 1。",
        "Credited class hours: write a number, such as 0.5 or 1.",
    ),
    "an address with a blank": (
        lambda: checked_address("rtsp://192.0.2.1/a b"),
        "地址：含有空格或过长。",
        "Address: holds blanks or is too long.",
    ),
    "an SRT address": (lambda: checked_address("srt://192.0.2.1:9000"), "MediaMTX", "MediaMTX"),
    "a file of the machine": (
        lambda: checked_address("file:///etc/passwd"),
        "请以 rtsp://",
        "Address: begin it with rtsp://",
    ),
    "an address without host": (
        lambda: checked_address("rtsp:///stream"),
        "主机或端口不可用。",
        "names no usable host and port.",
    ),
    "an address with a mad port": (
        lambda: checked_address("rtsp://192.0.2.1:99999/x"),
        "主机或端口不可用。",
        "names no usable host and port.",
    ),
    "a day far away": (
        lambda: local_day(STARTS.date().replace(year=1801)),
        "日期：日期过远。",
        "Day: this day lies too far away.",
    ),
    "no file": (lambda: read_upload([]), "请选择花名册的 zip，或表格与照片。", "Choose the roster's zip"),
    "two tables": (
        lambda: read_upload([Upload("a.csv", b"x"), Upload("b.xlsx", b"x")]),
        "收到 2 个表格",
        "2 tables were sent",
    ),
    "a file of another kind": (
        lambda: read_upload([Upload("roster.csv", b"x"), Upload("C:\\notes.pdf", b"x")]),
        "notes.pdf 既不是表格也不是照片。",
        "notes.pdf is neither a table nor a photo.",
    ),
    "twins": (
        lambda: read_upload([Upload("r.csv", b""), Upload("1.jpg", b"a"), Upload("d/1.JPG", b"b")]),
        "有两个文件同名：1.JPG",
        "Two files are called 1.JPG; rename one.",
    ),
    "an import of yesterday": (
        lambda: RosterJobs().get("x", "operator", "HZ-1"),
        "此次导入已失效，请重新上传花名册。",
        "This import is no longer known; upload the roster again.",
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_what_the_code_raises_is_told_in_the_readers_language(name: str) -> None:
    work, chinese, english = REAL[name]
    error = raised(work)
    assert chinese in error_texts.exactly(ZH, error)
    assert english in error_texts.exactly(EN, error)
    assert error_texts.explain(ZH, error) == error_texts.exactly(ZH, error)


@pytest.mark.parametrize("name", REAL)
def test_no_english_sentence_is_left_in_a_chinese_one(name: str) -> None:
    told = error_texts.exactly(ZH, raised(REAL[name][0]))
    assert not re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", told)


TOLD: list[tuple[RollcallError, str, str]] = [
    (
        InvalidInput("hours are out of bounds", hint="0 to 1.5", place="credited_hours"),
        "认定课时：本课次可认定 0 至 1.5 课时。",
        "Credited class hours: this lesson can give 0 to 1.5 class hours.",
    ),
    (
        InvalidInput("hours are counted in whole steps", hint="steps of 0.25", place="credited_hours"),
        "认定课时：课时以 0.25 为一档。",
        "Credited class hours: class hours are counted in steps of 0.25.",
    ),
    (LessonInvalid("no camera room-9", place="cameras", hint="add the camera first"), "room-9", "room-9"),
    (
        Conflict("camera a is taken by lesson b at that time", place="cameras"),
        "摄像头 a 在该时段已被课次 b 占用。",
        "Camera: the camera a is taken by lesson b at that time.",
    ),
    (
        Conflict("class HZ-1 exists already"),
        "HZ-1 已存在，请换一个。",
        "HZ-1 exists already; choose another.",
    ),
    (Conflict("the correction changes nothing"), "更正没有改变任何内容", "The correction changes nothing"),
    (
        InvalidInput("this reason needs a sentence", place="reason"),
        "请用一句话说明情况。",
        "Reason: say in a sentence what happened.",
    ),
    (Conflict("a roster is being checked already"), "请等待完成", "wait until it is done"),
]


@pytest.mark.parametrize(("error", "chinese", "english"), TOLD, ids=lambda one: getattr(one, "message", None))
def test_the_values_of_an_error_are_in_its_sentence(error: RollcallError, chinese: str, english: str) -> None:
    assert chinese in error_texts.explain(ZH, error)
    assert english in error_texts.explain(EN, error)


def test_an_error_nobody_foresaw_is_shown_behind_what_its_code_means() -> None:
    error = InvalidInput("the moon is full", place="sky", hint="wait")
    told = error_texts.explain(ZH, error)
    assert told.startswith("无法使用") or told.split(" ")[0].endswith("。")
    assert told.endswith("[sky: the moon is full (wait)]")
    assert error_texts.exactly(ZH, error) == ""


def test_a_sentence_is_known_only_as_a_whole() -> None:
    longer = InvalidInput("hours are a number, said the hatter")
    assert error_texts.exactly(EN, longer) == ""


def test_a_field_nobody_knows_is_left_out() -> None:
    error = InvalidInput("hours are a number", place="moonlight")
    assert error_texts.exactly(EN, error) == "write a number, such as 0.5 or 1."


@pytest.mark.parametrize(
    ("place", "field"),
    [("lesson: ends_at", "Ends"), ("ends_at", "Ends"), ("row 3: name", "Name")],
)
def test_a_place_may_name_its_file_first(place: str, field: str) -> None:
    assert error_texts.exactly(EN, InvalidInput("hours are a number", place=place)).startswith(f"{field}: ")


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_every_sentence_can_be_filled_with_what_its_pattern_catches(locale: str) -> None:
    language = LANGUAGES.get(locale)
    for pattern, text in error_texts.SENTENCES:
        values = dict.fromkeys(re.compile(pattern).groupindex, "7")
        assert "%(" not in language.text_of(text, values), text


def test_every_field_has_a_name_in_both_languages() -> None:
    for text in error_texts.FIELDS.values():
        assert re.search(r"[\u4e00-\u9fff]", ZH.text(text)), text
        assert EN.text(text) == text


def test_half_an_interval_and_an_unknown_kind_still_name_their_place() -> None:
    for work in (
        lambda: manual_entry("holiday", None, None, "operator", "x"),
        lambda: manual_entry("leave_approved", STARTS, None, "operator", "x"),
    ):
        error = raised(work)
        assert error.place in error_texts.explain(EN, error)
