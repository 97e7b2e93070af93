"""A lesson file: what it may say, and how each mistake in it is named."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput, LessonInvalid, RollcallError
from models.lesson_document import KEYS, MOST_BREAKS, MOST_CAMERAS, parse_lesson
from models.policy import Policy
from models.timeline import Interval

CHINA = timezone(timedelta(hours=8))
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=CHINA)
MINUTE = timedelta(minutes=1)


def document(**changes):
    """The lesson of architecture.md, changed; a value of ``...`` takes a key away."""
    whole = {
        "class_code": "HZ-2026-014",
        "title": "养老护理员 · 第3课",
        "starts_at": NINE,
        "ends_at": NINE + 45 * MINUTE,
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not ...}


def refusal(**changes) -> LessonInvalid:
    with pytest.raises(LessonInvalid) as caught:
        parse_lesson(document(**changes), place="lesson.toml")
    return caught.value


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


class TestWhatIsRead:
    def test_the_example_of_the_guide(self):
        lesson, policy = parse_lesson({**document(), "policy": {"late_after": "5m"}})
        assert lesson.class_code == "HZ-2026-014"
        assert lesson.title == "养老护理员 · 第3课"
        assert lesson.starts_at == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
        assert lesson.ends_at == datetime(2026, 11, 23, 1, 45, tzinfo=UTC)
        assert (lesson.breaks, lesson.room, lesson.instructor, lesson.cameras) == ((), "", "", ())
        assert (lesson.online, lesson.planned_hours) == (False, None)
        assert policy == Policy()

    def test_every_key_at_once(self):
        whole = document(
            lesson_id="L-3",
            breaks=[{"starts_at": NINE + 20 * MINUTE, "ends_at": NINE + 25 * MINUTE}],
            room=" 302 ",
            instructor="王老师",
            cameras=["front", " back "],
            online=True,
            planned_hours=1,
            policy={"flags": {"gap_over": "2m"}},
        )
        assert set(whole) == set(KEYS)
        lesson, policy = parse_lesson(whole)
        assert (lesson.lesson_id, lesson.room, lesson.instructor) == ("L-3", "302", "王老师")
        assert lesson.cameras == ("front", "back")
        assert lesson.breaks == (Interval(NINE + 20 * MINUTE, NINE + 25 * MINUTE),)
        assert lesson.online is True
        assert lesson.planned_hours == 1.0
        assert isinstance(lesson.planned_hours, float)
        assert policy.flags.gap_over == 2 * MINUTE

    @pytest.mark.parametrize(
        "written",
        ["2026-11-23T09:00:00+08:00", " 2026-11-23T01:00:00Z ", "2026-11-23 09:00+08:00", "20261123T010000Z"],
    )
    def test_an_instant_may_be_text(self, written):
        lesson, _ = parse_lesson(document(starts_at=written))
        assert lesson.starts_at == NINE
        assert lesson.starts_at.utcoffset() == timedelta()

    def test_instants_are_kept_in_utc_whatever_zone_they_came_in(self):
        brazil = timezone(timedelta(hours=-3))
        lesson, _ = parse_lesson(
            document(starts_at=NINE.astimezone(brazil), ends_at=(NINE + MINUTE).astimezone(brazil))
        )
        assert lesson.starts_at.tzinfo is UTC
        assert lesson.ends_at - lesson.starts_at == MINUTE

    def test_the_title_is_the_class_where_there_is_none(self):
        assert parse_lesson(document(title=...))[0].title == "HZ-2026-014"
        assert parse_lesson(document(title="  "))[0].title == "HZ-2026-014"

    def test_the_same_file_names_the_same_lesson_again(self):
        first, _ = parse_lesson(document())
        second, _ = parse_lesson(document(title="renamed", starts_at="2026-11-23T01:00:00Z"))
        assert first.lesson_id == second.lesson_id == "HZ-2026-014-20261123T010000Z"

    def test_another_start_is_another_lesson(self):
        later, _ = parse_lesson(document(starts_at=NINE + MINUTE))
        assert later.lesson_id != parse_lesson(document())[0].lesson_id

    def test_breaks_are_sorted(self):
        late = {"starts_at": NINE + 30 * MINUTE, "ends_at": NINE + 32 * MINUTE}
        early = {"starts_at": NINE + 10 * MINUTE, "ends_at": NINE + 12 * MINUTE}
        lesson, _ = parse_lesson(document(breaks=[late, early]))
        assert lesson.breaks == tuple(sorted(lesson.breaks))
        assert len(lesson.breaks) == 2

    def test_a_break_may_touch_either_end_of_the_lesson(self):
        edges = [
            {"starts_at": NINE, "ends_at": NINE + MINUTE},
            {"starts_at": NINE + 44 * MINUTE, "ends_at": NINE + 45 * MINUTE},
        ]
        lesson, _ = parse_lesson(document(breaks=edges))
        assert lesson.teaching_time == 43 * MINUTE

    def test_a_lesson_may_last_a_day_and_no_longer(self):
        day = timedelta(hours=24)
        assert parse_lesson(document(ends_at=NINE + day))[0].interval.duration == day
        assert "longer than a day" in refusal(ends_at=NINE + day + timedelta(seconds=1)).message

    def test_the_classs_policy_is_the_base_of_the_lessons(self):
        base = Policy(version="heze-2")
        same, changed = (
            parse_lesson({**document(), "policy": table}, base=base)[1]
            for table in ({}, {"late_after": "3m"})
        )
        assert same is base
        assert changed.version.startswith("heze-2+")
        assert changed.attendance.late_after == 3 * MINUTE


class TestIdentifiers:
    @pytest.mark.parametrize("code", ["A", "养老-1", "a.b_c-D", "x" * 80, "_hidden"])
    def test_what_can_name_a_file_can_name_a_class(self, code):
        assert parse_lesson(document(class_code=code))[0].class_code == code

    @pytest.mark.parametrize(
        "code", ["../up", "a/b", "a\\b", ".hidden", "-rf", "a b", "x" * 81, "a:b", "a*", "💥", "a\u200b"]
    )
    @pytest.mark.parametrize("key", ["class_code", "lesson_id"])
    def test_what_could_leave_a_folder_cannot(self, key, code):
        error = refusal(**{key: code})
        assert error.place == f"lesson.toml: {key}"
        assert "at most 80" in error.hint

    @pytest.mark.parametrize("key", ["class_code", "lesson_id"])
    @pytest.mark.parametrize("empty", ["", "   "])
    def test_an_empty_one_is_missing(self, key, empty):
        error = refusal(**{key: empty})
        assert (error.message, error.place) == ("is missing", f"lesson.toml: {key}")

    def test_cameras_must_be_able_to_name_files_too(self):
        assert refusal(cameras=["front", "../back"]).place == "lesson.toml: cameras"

    def test_a_camera_named_twice_is_refused(self):
        assert "twice" in refusal(cameras=["front", " front"]).message

    def test_as_many_cameras_as_allowed_and_not_one_more(self):
        names = [f"c{number}" for number in range(MOST_CAMERAS + 1)]
        assert len(parse_lesson(document(cameras=names[:-1]))[0].cameras) == MOST_CAMERAS
        assert str(MOST_CAMERAS) in refusal(cameras=names).hint


class TestRefusals:
    @pytest.mark.parametrize("key", ["class_code", "starts_at", "ends_at"])
    def test_what_must_be_there(self, key):
        error = refusal(**{key: ...})
        assert error.message == "is missing"
        assert error.place == f"lesson.toml: {key}"
        assert f"write {key} = " in error.hint

    @pytest.mark.parametrize(
        ("key", "near"),
        [("start_at", "starts_at"), ("class_kode", "class_code"), ("camera", "cameras"), ("polcy", "policy")],
    )
    def test_an_unknown_key_names_the_nearest(self, key, near):
        error = refusal(**{key: 1})
        assert error.place == f"lesson.toml: {key}"
        assert error.hint == f"did you mean {near}?"

    def test_an_unknown_key_unlike_all_others_lists_them(self):
        hint = refusal(zzzzzz=1).hint
        assert all(key in hint for key in KEYS)

    @pytest.mark.parametrize("minutes", [0, -1, -1440])
    def test_an_end_that_is_not_after_the_start(self, minutes):
        error = refusal(ends_at=NINE + minutes * MINUTE)
        assert error.place == "lesson.toml: ends_at"
        assert "is not after starts_at 2026-11-23 09:00:00+08:00" in error.message
        assert error.hint == "the end must come after the start"

    @pytest.mark.parametrize("key", ["starts_at", "ends_at"])
    @pytest.mark.parametrize("naive", ["2026-11-23T09:00:00", datetime(2026, 11, 23, 9, 0)])
    def test_an_instant_without_a_zone_is_never_guessed(self, key, naive):
        error = refusal(**{key: naive})
        assert error.message == "2026-11-23T09:00:00 has no zone"
        assert error.place == f"lesson.toml: {key}"
        assert "+08:00" in error.hint

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            (date(2026, 11, 23), "a date without a time"),
            (time_of_day(9, 0), "not an instant"),
            (1763859600, "1763859600, not an instant"),
            (True, "not an instant"),
            ("soon", "'soon' is not an instant"),
            ("2026-02-30T09:00:00+08:00", "is not an instant"),
            ("2026-11-23T25:00:00+08:00", "is not an instant"),
            ([], "not an instant"),
            ({}, "not an instant"),
        ],
    )
    def test_what_is_no_instant(self, raw, said):
        error = refusal(starts_at=raw)
        assert said in error.message
        assert error.hint == "write 2026-11-23T09:00:00+08:00"

    @pytest.mark.parametrize(
        "raw",
        [
            "0001-01-01T00:00:00+08:00",
            "9999-12-31T23:59:59-08:00",
            datetime.min.replace(tzinfo=CHINA),
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-8))),
            "1026-11-23T09:00:00+08:00",
        ],
    )
    def test_years_that_nobody_means_are_named_before_arithmetic_fails_on_them(self, raw):
        error = refusal(starts_at=raw)
        assert "year" in error.message
        assert error.place == "lesson.toml: starts_at"

    @pytest.mark.parametrize("key", ["title", "room", "instructor", "class_code", "lesson_id"])
    @pytest.mark.parametrize("raw", [1, 1.5, None, True, [], {}, NINE])
    def test_texts_must_be_text(self, key, raw):
        error = refusal(**{key: raw})
        assert "must be text" in error.message
        assert error.place == f"lesson.toml: {key}"

    @pytest.mark.parametrize("key", ["title", "room", "instructor"])
    @pytest.mark.parametrize("raw", ["x" * 201, "two\nlines", "a\x00b", "a\x7fb", "half \ud800 a pair"])
    def test_texts_are_one_line_that_can_be_kept(self, key, raw):
        error = refusal(**{key: raw})
        assert "one line of at most 200" in error.message
        assert error.place == f"lesson.toml: {key}"

    def test_two_hundred_characters_are_a_text(self):
        assert len(parse_lesson(document(title="课" * 200))[0].title) == 200

    @pytest.mark.parametrize("raw", [0, 1, "yes", "true", None, []])
    def test_online_is_true_or_false(self, raw):
        assert "true or false" in refusal(online=raw).message

    @pytest.mark.parametrize("raw", ["1", True, [], float("nan"), float("inf"), 10**400, 0, 0.0, -1, 48.5])
    def test_planned_hours_are_a_number_within_bounds(self, raw):
        error = refusal(planned_hours=raw)
        assert error.place == "lesson.toml: planned_hours"
        assert error.hint

    @pytest.mark.parametrize("raw", [0.01, 1, 48])
    def test_planned_hours_within_bounds(self, raw):
        assert parse_lesson(document(planned_hours=raw))[0].planned_hours == raw

    @pytest.mark.parametrize("raw", ["front", 1, None, {"front": 1}, True])
    def test_cameras_are_a_list(self, raw):
        if raw is None:
            assert refusal(cameras=raw).place == "lesson.toml: cameras"
        else:
            assert "must be a list" in refusal(cameras=raw).message

    @pytest.mark.parametrize("raw", [[1], ["front", None], [["front"]], [{}]])
    def test_camera_names_are_names(self, raw):
        assert "is not a name" in refusal(cameras=raw).message

    @pytest.mark.parametrize("raw", ["20m", 1, {"starts_at": NINE}, True])
    def test_breaks_are_a_list(self, raw):
        error = refusal(breaks=raw)
        assert (error.place, error.message) == ("lesson.toml: breaks", "must be a list of breaks")
        assert "[[breaks]]" in error.hint

    @pytest.mark.parametrize("raw", ["20m", 1, None, [], ["a"]])
    def test_each_break_is_a_table_and_is_named_by_its_number(self, raw):
        good = {"starts_at": NINE + MINUTE, "ends_at": NINE + 2 * MINUTE}
        error = refusal(breaks=[good, raw])
        assert (error.place, error.message) == ("lesson.toml: breaks[1]", "is not a break")

    @pytest.mark.parametrize("minutes", [0, -5])
    def test_a_break_ends_after_it_starts(self, minutes):
        wrong = {"starts_at": NINE + 10 * MINUTE, "ends_at": NINE + (10 + minutes) * MINUTE}
        error = refusal(breaks=[wrong])
        assert error.place == "lesson.toml: breaks[0]"
        assert "ends before it starts" in error.message

    def test_a_break_knows_only_its_two_ends(self):
        error = refusal(breaks=[{"starts_at": NINE, "ends_at": NINE + MINUTE, "note": "tea"}])
        assert error.place == "lesson.toml: breaks[0]: note"

    @pytest.mark.parametrize("missing", ["starts_at", "ends_at"])
    def test_a_break_needs_both_ends(self, missing):
        whole = {"starts_at": NINE + MINUTE, "ends_at": NINE + 2 * MINUTE}
        error = refusal(breaks=[{key: at for key, at in whole.items() if key != missing}])
        assert error.place == f"lesson.toml: breaks[0]: {missing}"

    @pytest.mark.parametrize(
        ("begin", "end"),
        [(-1, 5), (40, 46), (-5, -1), (50, 55)],
        ids=["before", "after", "all before", "all after"],
    )
    def test_a_break_lies_in_the_lesson(self, begin, end):
        error = refusal(breaks=[{"starts_at": NINE + begin * MINUTE, "ends_at": NINE + end * MINUTE}])
        assert "reaches outside the lesson" in error.message
        assert error.place == "lesson.toml"

    def test_breaks_do_not_overlap_but_may_touch(self):
        def breaks(*spans):
            return [{"starts_at": NINE + a * MINUTE, "ends_at": NINE + b * MINUTE} for a, b in spans]

        assert "two breaks overlap" in refusal(breaks=breaks((10, 20), (19, 25))).message
        assert len(parse_lesson(document(breaks=breaks((10, 20), (20, 25))))[0].breaks) == 2

    def test_breaks_leave_time_for_teaching(self):
        assert (
            "no time for teaching"
            in refusal(breaks=[{"starts_at": NINE, "ends_at": NINE + 45 * MINUTE}]).message
        )

    def test_more_breaks_than_a_day_has_use_for(self):
        spans = [
            {"starts_at": NINE + timedelta(seconds=2 * n), "ends_at": NINE + timedelta(seconds=2 * n + 1)}
            for n in range(MOST_BREAKS + 1)
        ]
        assert len(parse_lesson(document(breaks=spans[:-1]))[0].breaks) == MOST_BREAKS
        assert f"at most {MOST_BREAKS}" in refusal(breaks=spans).hint

    @pytest.mark.parametrize("raw", [1, "late_after = 5m", None, [], True])
    def test_the_policy_is_a_table(self, raw):
        error = refusal(policy=raw)
        assert error.place == "lesson.toml: policy"
        assert error.message == "must be a table"

    def test_a_mistake_in_the_policy_is_a_mistake_of_the_lesson(self):
        error = refusal(policy={"late_aftre": "5m"})
        assert error.place == "lesson.toml: policy"
        assert error.hint == "did you mean late_after?"
        assert refusal(policy={"late_after": "soon"}).place == "lesson.toml: policy.late_after"


class TestHostileInput:
    HUGE = "x" * 10_000_000

    @pytest.mark.parametrize("key", sorted(set(KEYS)))
    def test_ten_megabytes_in_any_key_give_a_short_message(self, key):
        error = refusal(**{key: self.HUGE})
        assert len(str(error)) < 500

    @pytest.mark.parametrize("key", sorted(set(KEYS) - {"policy"}))
    def test_deep_nesting_in_any_key_is_refused_without_falling_over(self, key):
        error = refusal(**{key: nested(50_000)})
        assert len(str(error)) < 500

    @pytest.mark.parametrize("table", [{"late_after": nested(50_000)}, {"flags": nested(50_000)}])
    def test_deep_nesting_in_the_policy(self, table):
        assert len(str(refusal(policy=table))) < 500

    def test_a_key_of_ten_megabytes(self):
        assert len(str(refusal(**{self.HUGE: 1}))) < 800
        assert len(str(refusal(policy={self.HUGE: 1}))) < 1500

    def test_a_key_that_is_no_plain_text_is_quoted(self):
        assert "\n" not in str(refusal(**{"a\nb": 1}))

    @pytest.mark.parametrize("key", sorted(set(KEYS)))
    def test_a_number_that_python_refuses_to_print(self, key):
        giant = 1 << 200_000
        assert len(str(refusal(**{key: giant}))) < 500
        assert len(str(refusal(**{key: [giant]}))) < 500

    def test_a_camera_name_of_ten_megabytes(self):
        assert len(str(refusal(cameras=[self.HUGE]))) < 500

    def test_a_hundred_thousand_cameras_or_breaks(self):
        assert refusal(cameras=[f"c{n}" for n in range(100_000)]).place == "lesson.toml: cameras"
        assert refusal(breaks=[{}] * 100_000).place == "lesson.toml: breaks"


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.datetimes()
    | st.datetimes(timezones=st.just(CHINA))
    | st.dates()
    | st.times()
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["starts_at", "ends_at", "a"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(string.printable, max_size=8), anything, max_size=6))
def test_whatever_a_file_says_it_is_a_lesson_or_a_refusal_that_helps(changes):
    refused = None
    try:
        lesson, policy = parse_lesson({**document(), **changes}, place="L")
    except LessonInvalid as error:
        refused = error
    if refused is None:
        assert lesson.starts_at < lesson.ends_at
        assert policy.version
        return
    assert refused.place.startswith("L")
    assert refused.hint
    assert len(str(refused)) < 1500
    assert "\n" not in str(refused)


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)),
    st.integers(1, 24 * 60),
    st.integers(-14 * 60, 14 * 60),
)
def test_any_lesson_of_any_zone_is_read_as_its_instants(naive, minutes, offset):
    starts_at = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    written = document(starts_at=starts_at.isoformat(), ends_at=starts_at + minutes * MINUTE)
    lesson, _ = parse_lesson(written)
    assert lesson.starts_at == starts_at
    assert lesson.interval.duration == minutes * MINUTE


def test_a_refusal_is_an_error_of_the_one_tree():
    assert isinstance(refusal(title=1), RollcallError)
    assert isinstance(refusal(title=1), InvalidInput)
    assert refusal(title=1).code == "lesson_invalid"
