"""A class's timetable: long ones are turned page by page, impossible lessons refused by their reason."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from tests.api.scene import CAMERA, CLASS, JUDGED, LIVE, NOW

LESSONS = "/api/v1/lessons"
PAGE = f"/console/classes/{CLASS}"


def lesson(**changes: object) -> dict[str, object]:
    """Tomorrow at nine in Shanghai, 45 minutes; ``...`` takes a key away."""
    whole = {
        "class_code": CLASS,
        "title": "第4课",
        "starts_at": "2026-11-24T09:00:00+08:00",
        "ends_at": "2026-11-24T09:45:00+08:00",
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not ...}


def plan(scene, count: int) -> list[str]:
    """So many lessons, an hour apart, newest last."""
    begin = datetime(2027, 1, 1, tzinfo=UTC)
    titles = [f"lesson number {n:04d}" for n in range(count)]
    with scene.house.ledger.write() as work:
        for n, title in enumerate(titles):
            at = begin + timedelta(hours=n)
            made = Lesson(f"L-{n:04d}", CLASS, title, at, at + timedelta(minutes=45))
            work.lessons.add(LessonRecord(made, Policy(), LessonState.PLANNED))
    return titles


def titles_on(page: str) -> list[str]:
    return re.findall(r"lesson number \d{4}", page)


def test_every_lesson_of_a_long_timetable_can_be_reached(operator, scene) -> None:
    titles = plan(scene, 250)
    seen: list[str] = []
    link, pages = PAGE, 0
    while link:
        page = operator.get(link).text
        assert "共 252 课次" in page, "all are counted, not those shown"
        on_page = titles_on(page)
        assert on_page == sorted(on_page), "by time within a page"
        seen = on_page + seen
        earlier = re.search(r'href="(\?[^"]*lessons_from=[^"]*)">更早的课次', page)
        link = PAGE + earlier.group(1).replace("&amp;", "&") if earlier else ""
        pages += 1
        assert pages < 10
    assert seen == titles
    assert pages == 3


def test_turning_the_timetable_leaves_the_roster_where_it_was(operator, scene) -> None:
    plan(scene, 120)
    first = operator.get(PAGE).text
    earlier = re.search(r'href="(\?lessons_from=[^"]*)"', first)
    assert earlier is not None
    second = operator.get(PAGE + earlier.group(1)).text
    assert "王建国" in second
    assert 'href="?"' in second, "back to the latest"


def test_a_short_timetable_offers_no_pages(operator) -> None:
    page = operator.get(PAGE).text
    assert "更早的课次" not in page
    assert "最新的课次" not in page


@pytest.mark.parametrize("cursor", ["nonsense", "e30", "x" * 400, "%00"])
def test_a_cursor_that_nobody_gave_is_refused(operator, cursor: str) -> None:
    assert operator.get(f"{PAGE}?lessons_from={cursor}").status_code == 422


def test_another_classs_lessons_are_not_counted(operator, scene) -> None:
    with scene.house.ledger.write() as work:
        work.classes.add(TrainingClass("OTHER", "别班", "local"), NOW)
        assert work.lessons.count("OTHER") == 0
        assert work.lessons.count(CLASS) == 2


def test_a_room_holds_one_lesson_at_a_time(operator) -> None:
    assert operator.post(LESSONS, json=lesson(room="302", lesson_id="A")).status_code == 201
    taken = operator.post(LESSONS, json=lesson(room="302", lesson_id="B"))
    assert taken.status_code == 409
    assert "the room is taken by lesson A" in taken.json()["detail"]
    assert operator.post(LESSONS, json=lesson(room="303", lesson_id="B")).status_code == 201
    assert operator.post(LESSONS, json=lesson(room="", lesson_id="C")).status_code == 201
    assert operator.post(LESSONS, json=lesson(room="", lesson_id="D")).status_code == 201, (
        "no room is no room"
    )


@pytest.mark.parametrize(
    ("begins", "ends", "status"),
    [
        ("08:15", "09:00", 201),
        ("09:45", "10:30", 201),
        ("08:15", "09:01", 409),
        ("09:44", "10:30", 409),
        ("09:10", "09:20", 409),
        ("08:00", "11:00", 409),
    ],
)
@pytest.mark.parametrize("shared", [{"room": "302"}, {"cameras": [CAMERA]}])
def test_lessons_may_touch_but_not_overlap(operator, shared, begins: str, ends: str, status: int) -> None:
    assert operator.post(LESSONS, json=lesson(lesson_id="A", **shared)).status_code == 201
    times = {"starts_at": f"2026-11-24T{begins}:00+08:00", "ends_at": f"2026-11-24T{ends}:00+08:00"}
    assert operator.post(LESSONS, json=lesson(lesson_id="B", **times, **shared)).status_code == status


def test_a_lesson_in_another_zone_meets_the_same_room(operator) -> None:
    assert operator.post(LESSONS, json=lesson(room="302", lesson_id="A")).status_code == 201
    brazil = {"starts_at": "2026-11-23T22:30:00-03:00", "ends_at": "2026-11-23T23:00:00-03:00"}
    assert operator.post(LESSONS, json=lesson(room="302", lesson_id="B", **brazil)).status_code == 409


def test_a_changed_lesson_is_judged_like_a_new_one(operator) -> None:
    operator.post(LESSONS, json=lesson(room="302", lesson_id="A"))
    made = operator.post(LESSONS, json=lesson(room="303", lesson_id="B"))
    etag = {"If-Match": made.headers["etag"]}

    def change(**changes: object):
        body = lesson(class_code=..., **changes)
        return operator.put(f"{LESSONS}/B", json=body, headers=etag)

    assert change(room="302").status_code == 409
    assert change(cameras=["nowhere"]).status_code == 422
    past = {"starts_at": "2026-11-20T09:00:00+08:00", "ends_at": "2026-11-20T09:45:00+08:00"}
    assert change(**past).status_code == 422
    assert change(room="303", title="改名").status_code == 200, "its own room is no other's"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ends_at": "2026-11-24T08:59:00+08:00"}, "the end must come after the start"),
        ({"ends_at": "2026-11-24T09:00:00+08:00"}, "the end must come after the start"),
        ({"starts_at": "2027-02-29T09:00:00+08:00"}, "is not an instant"),
        ({"starts_at": "2026-11-24T24:00:01+08:00"}, "is not an instant"),
        ({"starts_at": "2026-11-24T09:00:00"}, "has no zone"),
        ({"starts_at": "2026-11-24"}, "has no zone"),
        ({"starts_at": ...}, "is missing"),
        ({"ends_at": "2026-11-25T09:00:01+08:00"}, "longer than a day"),
        ({"ends_at": "2026-11-24T01:30:00+00:00", "starts_at": "2026-11-24T10:00:00+08:00"}, "after"),
        ({"starts_at": "2026-11-20T09:00:00+08:00", "ends_at": "2026-11-20T10:00:00+08:00"}, "in the past"),
        ({"starts_at": "1999-12-31T09:00:00+08:00"}, "year"),
    ],
)
def test_a_lesson_at_an_impossible_time_names_the_key_and_the_next_step(operator, changes, words) -> None:
    answer = operator.post(LESSONS, json=lesson(**changes))
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert words in f"{problem['detail']} {problem['hint']}"
    assert "_at" in problem["place"]


@pytest.mark.parametrize(
    ("starts", "ends", "day"),
    [
        # the 29th of February of a leap year
        ("2028-02-29T09:00:00+08:00", "2028-02-29T09:45:00+08:00", "2028-02-29"),
        # across midnight in Shanghai: listed on both days
        ("2026-11-24T23:30:00+08:00", "2026-11-25T00:15:00+08:00", "2026-11-24"),
        ("2026-11-24T23:30:00+08:00", "2026-11-25T00:15:00+08:00", "2026-11-25"),
        # across midnight in UTC only
        ("2026-11-25T07:45:00+08:00", "2026-11-25T08:30:00+08:00", "2026-11-25"),
        # written in the zone of another place, on another date there
        ("2026-11-23T22:00:00-05:00", "2026-11-23T22:45:00-05:00", "2026-11-24"),
        # the last minutes of a year
        ("2026-12-31T23:50:00+08:00", "2027-01-01T00:35:00+08:00", "2027-01-01"),
    ],
)
def test_lessons_on_odd_days_are_planned_and_listed_on_their_day(
    operator, starts: str, ends: str, day: str
) -> None:
    made = operator.post(LESSONS, json=lesson(starts_at=starts, ends_at=ends, lesson_id="ODD"))
    assert made.status_code == 201, made.text
    assert datetime.fromisoformat(made.json()["starts_at"]) == datetime.fromisoformat(starts)
    listed = operator.get(f"{LESSONS}?day={day}").json()["items"]
    assert "ODD" in [one["lesson_id"] for one in listed]


def typed(operator, **fields: str) -> dict[str, str]:
    values = {"title": "第5课", "day": "2026-11-25", "starts": "09:00", "ends": "09:45", "room": "302"}
    return {"csrf_token": operator.form_token(PAGE), **values, **fields}


def test_the_form_plans_in_the_users_zone(operator, scene) -> None:
    assert operator.post(f"{PAGE}/lessons", data=typed(operator)).status_code == 303
    with scene.house.ledger.read() as work:
        ids = {one.lesson.lesson_id for one in work.lessons.in_states(tuple(LessonState))}
        (made,) = [work.lessons.get(one) for one in ids - {JUDGED, LIVE}]
    assert made.lesson.starts_at == datetime(2026, 11, 25, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"starts": "10:00", "ends": "09:00"}, "下课时间必须晚于上课时间"),
        ({"day": "2026-02-29"}, "日期或时间无法识别"),
        ({"starts": "24:00"}, "日期或时间无法识别"),
        ({"day": "2026-11-20"}, "时间已经过去"),
        ({"title": "x", "camera": "nowhere"}, "nowhere"),
    ],
)
def test_the_form_says_what_is_impossible_and_keeps_what_was_typed(operator, fields, told: str) -> None:
    answer = operator.post(f"{PAGE}/lessons", data=typed(operator, **fields))
    assert answer.status_code in (409, 422)
    assert 'role="alert"' in answer.text
    assert told in answer.text
    assert 'value="302"' in answer.text


def test_the_form_says_that_a_room_is_taken_and_by_which_lesson(operator) -> None:
    operator.post(LESSONS, json=lesson(room="302", lesson_id="A"))
    answer = operator.post(f"{PAGE}/lessons", data=typed(operator, day="2026-11-24"))
    assert answer.status_code == 409
    assert "该教室在此时间已被课次 A 占用" in answer.text
