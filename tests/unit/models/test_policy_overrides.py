"""Policies changed by a lesson file: typed, bounded, and renamed so that it shows."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.durations import format_duration, parse_duration
from models.errors import InvalidInput
from models.policy import AttendancePolicy, FlagPolicy, Policy, RecognitionPolicy, RecordingPolicy
from models.policy_overrides import GROUPS, field_names, policy_values, with_overrides

KINDS = (AttendancePolicy, FlagPolicy, RecognitionPolicy, RecordingPolicy)
DEFAULTS = {
    field.name: (group, getattr(getattr(Policy(), group), field.name))
    for group, kind in zip(GROUPS, KINDS, strict=True)
    for field in dataclasses.fields(kind)
}
TIMES = sorted(name for name, (_, value) in DEFAULTS.items() if isinstance(value, timedelta))
WHOLE = sorted(name for name, (_, value) in DEFAULTS.items() if isinstance(value, int))
SHARES = sorted(name for name, (_, value) in DEFAULTS.items() if isinstance(value, float))
# (lowest, highest) that are still taken
BOUNDS = {
    "required_share": (0.01, 1.0),
    "hour_step": (0.01, 8.0),
    "roll_calls": (0, 24),
    "low_turnout_share": (0.0, 1.0),
    "headcount_tolerance": (0, 1000),
    "low_coverage_share": (0.0, 1.0),
    "naming_odds": (10.0, 1e12),
    "naming_frames": (2, 100),
    "min_face_px": (10, 1000),
    "min_quality": (0.0, 1.0),
    "resemblance_floor": (0.0, 16.0),
    "max_segment_bytes": (1024 * 1024, 64 * 1024 * 1024),
    "retention_years": (5, 30),
}
# A zero here would divide, sample for ever, never time out, or call everyone absent between two looks.
NEVER_ZERO = {
    "class_hour",
    "class_hour_online",
    "fragment",
    "full_detect_every",
    "headcount_after",
    "max_keyframe_interval",
    "open_timeout",
    "presence_gap",
    "read_timeout",
    "reencode_every",
    "sample_every",
    "segment",
    "settled_every",
    "stall_after",
}


def value_of(policy: Policy, name: str):
    return getattr(getattr(policy, DEFAULTS[name][0]), name)


def refusal(table, place="policy") -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        with_overrides(Policy(), table, place=place)
    return caught.value


def test_defaults_are_those_of_the_rules():
    attendance, flags = AttendancePolicy(), FlagPolicy()
    minutes = {
        "presence_gap": 10,
        "late_after": 5,
        "early_before": 5,
        "min_stretch": 5,
        "class_hour": 45,
        "class_hour_online": 30,
        "check_in_before": 30,
    }
    for name, length in minutes.items():
        assert getattr(attendance, name) == timedelta(minutes=length), name
    assert (attendance.required_share, attendance.hour_step) == (0.8, 0.5)
    assert flags.stranger_after == timedelta(minutes=10)
    assert RecordingPolicy().retention_years == 5
    assert RecordingPolicy().segment == timedelta(seconds=60)
    assert RecordingPolicy().max_segment_bytes == 64 * 1024 * 1024
    assert (RecordingPolicy().drift_reanchor, RecordingPolicy().jump_close) == (
        timedelta(seconds=1),
        timedelta(seconds=5),
    )
    assert RecordingPolicy().stall_after < timedelta(seconds=10)


def test_field_names_are_unique_over_all_policies():
    assert len(DEFAULTS) == sum(len(dataclasses.fields(kind)) for kind in KINDS)
    assert field_names() == tuple(sorted(DEFAULTS))
    assert not set(GROUPS) & set(DEFAULTS)


@pytest.mark.parametrize("name", TIMES)
class TestTimes:
    def test_flat_and_in_its_group_are_the_same(self, name):
        group = DEFAULTS[name][0]
        flat = with_overrides(Policy(), {name: "17s"})
        grouped = with_overrides(Policy(), {group: {name: "17s"}})
        assert flat == grouped
        assert value_of(flat, name) == timedelta(seconds=17)

    def test_a_day_is_the_longest(self, name):
        assert value_of(with_overrides(Policy(), {name: "24h"}), name) == timedelta(days=1)
        error = refusal({name: "24h0.001s"})
        assert "out of bounds" in error.message
        assert error.place == f"policy.{name}"
        assert error.hint.endswith("to 1d")

    def test_zero_only_where_nothing_divides_by_it(self, name):
        if name in NEVER_ZERO:
            assert refusal({name: "0s"}).hint.startswith("more than 0s")
        else:
            assert value_of(with_overrides(Policy(), {name: "0s"}), name) == timedelta()

    @pytest.mark.parametrize("raw", [5, 5.0, True, None, [], {}, "five", "", "-5m"])
    def test_only_durations(self, name, raw):
        error = refusal({name: raw})
        assert error.place == f"policy.{name}"
        assert "5m" in error.hint


@pytest.mark.parametrize("name", sorted(BOUNDS))
class TestNumbers:
    def test_both_bounds_are_taken(self, name):
        for bound in BOUNDS[name]:
            assert value_of(with_overrides(Policy(), {name: bound}), name) == bound

    def test_beyond_the_bounds_is_refused(self, name):
        low, high = BOUNDS[name]
        step = 1 if name in WHOLE else 0.001
        for raw in (low - step, high + step):
            error = refusal({name: raw})
            assert (error.place, error.hint) == (f"policy.{name}", f"{low} to {high}")

    @pytest.mark.parametrize("raw", ["1", True, False, None, [], {}, "0.5"])
    def test_only_numbers(self, name, raw):
        error = refusal({name: raw})
        assert "must be a" in error.message
        assert error.hint == f"write {name} = {DEFAULTS[name][1]}"

    @pytest.mark.parametrize("raw", [float("nan"), float("inf"), -float("inf"), 10**400, -(10**400)])
    def test_no_number_that_is_in_no_range(self, name, raw):
        error = refusal({name: raw})
        assert error.place == f"policy.{name}"
        assert len(str(error)) < 300


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_take_no_fraction(name):
    assert "a whole number" in refusal({name: float(DEFAULTS[name][1])}).message


@pytest.mark.parametrize("name", SHARES)
def test_a_whole_number_stands_for_a_fraction_and_becomes_one(name):
    low, high = BOUNDS[name]
    raw = int(high) if int(high) <= high else int(low)
    assert isinstance(value_of(with_overrides(Policy(), {name: raw}), name), float)


def test_bounds_are_known_for_every_number():
    assert set(BOUNDS) == set(WHOLE) | set(SHARES)


class TestUnknownFields:
    @pytest.mark.parametrize(
        ("key", "near"),
        [("late_afer", "late_after"), ("stranger_afte", "stranger_after"), ("flgas", "flags")],
    )
    def test_the_nearest_is_named(self, key, near):
        error = refusal({key: 1})
        assert error.message == f"{key!r} is not a policy field"
        assert (error.place, error.hint) == ("policy", f"did you mean {near}?")

    def test_a_field_of_another_group_is_unknown_here(self):
        error = refusal({"flags": {"late_after": "5m"}})
        assert error.place == "policy.flags"
        assert "late_after" in error.message

    def test_what_is_near_nothing_lists_the_fields(self):
        hint = refusal({"attendance": {"zzz": 1}}).hint
        assert all(field.name in hint for field in dataclasses.fields(AttendancePolicy))
        assert "stranger_after" not in hint

    @pytest.mark.parametrize("group", GROUPS)
    @pytest.mark.parametrize("raw", [1, "5m", None, [], True])
    def test_a_group_is_a_table(self, group, raw):
        error = refusal({group: raw})
        assert error.place == f"policy.{group}"
        assert "must be a table" in error.message
        assert f"[policy.{group}]" in error.hint

    def test_a_field_given_flat_and_in_its_group_is_given_twice(self):
        error = refusal({"late_after": "3m", "attendance": {"late_after": "3m"}})
        assert error.message == "is given twice"

    def test_the_place_is_what_the_caller_says(self):
        assert refusal({"late_after": 1}, place="a.toml: policy").place == "a.toml: policy.late_after"


class TestVersions:
    def test_nothing_changed_is_the_same_policy(self):
        base = Policy(version="heze-1")
        assert with_overrides(base, {}) is base
        assert with_overrides(base, {"late_after": "5m", "flags": {}}) is base
        assert with_overrides(base, {"required_share": 0.8}) is base

    def test_a_change_shows_in_the_version(self):
        changed = with_overrides(Policy(version="heze-1"), {"late_after": "3m"})
        assert re.fullmatch(r"heze-1\+[0-9a-f]{8}", changed.version)

    def test_equal_rules_have_equal_names_however_they_are_written(self):
        tables = (
            {"late_after": "180s", "gap_over": "2m"},
            {"flags": {"gap_over": "120s"}, "late_after": "3m"},
            {"attendance": {"late_after": "3m", "required_share": 0.8}, "flags": {"gap_over": "2m"}},
        )
        assert len({with_overrides(Policy(), table) for table in tables}) == 1

    def test_unequal_rules_have_unequal_names(self):
        tables = ({"late_after": "3m"}, {"early_before": "3m"}, {"late_after": "4m"}, {"roll_calls": 3})
        assert len({with_overrides(Policy(), table).version for table in tables}) == len(tables)

    def test_only_what_is_named_changes(self):
        changed = with_overrides(Policy(), {"late_after": "3m"})
        assert (
            dataclasses.replace(
                changed,
                version=Policy().version,
                attendance=dataclasses.replace(changed.attendance, late_after=timedelta(minutes=5)),
            )
            == Policy()
        )

    def test_a_second_override_adds_a_second_name(self):
        first = with_overrides(Policy(), {"late_after": "3m"})
        second = with_overrides(first, {"roll_calls": 4})
        assert second.version.startswith(first.version + "+")


def test_values_are_ready_to_be_written_and_read_again():
    values = policy_values(Policy())
    assert list(values) == sorted(DEFAULTS)
    assert values["late_after"] == "5m"
    assert with_overrides(Policy(), values) == Policy()


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(TIMES), st.integers(1, 86_400_000_000), max_size=4),
    st.dictionaries(st.sampled_from(sorted(BOUNDS)), st.floats(0, 1), max_size=4),
)
def test_whatever_is_taken_can_be_written_down_and_taken_again(times, shares):
    table = {name: format_duration(timedelta(microseconds=us)) for name, us in times.items()}
    for name, share in shares.items():
        low, high = BOUNDS[name]
        value = low + share * (high - low)
        table[name] = int(value) if name in WHOLE else value
    policy = with_overrides(Policy(), table)
    for name, us in times.items():
        assert value_of(policy, name) == timedelta(microseconds=us)
    again = with_overrides(Policy(), policy_values(policy))
    assert again == policy


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("5m", 300),
            ("90s", 90),
            ("1h30m", 5400),
            ("0.5s", 0.5),
            ("250ms", 0.25),
            ("1d", 86_400),
            ("1d2h3m4s5ms", 93_784.005),
            (" 5 m ", 300),
            ("5M", 300),
            ("1H 30M", 5400),
            ("0s", 0),
            ("1.5h", 5400),
            ("0.000001s", 1e-6),
            ("0.001ms", 1e-6),
        ],
    )
    def test_what_people_write(self, text, seconds):
        assert parse_duration(text) == timedelta(microseconds=round(seconds * 1_000_000))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "5",
            "m",
            "-5m",
            "+5m",
            "5 minutes",
            "5m later",
            "5,5m",
            ".5m",
            "5.m",
            "1e3s",
            "٥m",
            "5µs",
            "1w",
            "5\tm",
            "1h;30m",
        ],
    )
    def test_what_is_no_duration(self, text):
        with pytest.raises(InvalidInput, match="is not a duration") as caught:
            parse_duration(text)
        assert caught.value.hint == "write 5m, 90s, 1h30m or 0.5s"

    @pytest.mark.parametrize("text", ["30m1h", "1m1m", "1s1d", "5ms1s", "1h1h1h"])
    def test_units_come_once_and_the_largest_first(self, text):
        with pytest.raises(InvalidInput, match="repeats a unit or has them out of order"):
            parse_duration(text)

    @pytest.mark.parametrize("text", ["0.0001ms", "0.00001ms", "0.000001ms"])
    def test_nothing_finer_than_a_microsecond(self, text):
        with pytest.raises(InvalidInput, match="finer than a microsecond"):
            parse_duration(text)

    def test_nothing_longer_than_can_be_counted(self):
        assert parse_duration("999999999d") == timedelta(days=999_999_999)
        with pytest.raises(InvalidInput, match="too long"):
            parse_duration("999999999d999999999h")

    def test_a_megabyte_of_units_is_refused_shortly(self):
        with pytest.raises(InvalidInput) as caught:
            parse_duration("1m" * 500_000)
        assert len(str(caught.value)) < 300

    def test_a_negative_duration_cannot_be_written(self):
        with pytest.raises(InvalidInput, match="cannot be negative"):
            format_duration(timedelta(microseconds=-1))

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0s"),
            (300, "5m"),
            (90, "1m30s"),
            (5400, "1h30m"),
            (86_400, "1d"),
            (0.5, "0.5s"),
            (10, "10s"),
            (60.25, "1m0.25s"),
        ],
    )
    def test_the_shortest_text(self, seconds, text):
        assert format_duration(timedelta(seconds=seconds)) == text

    @given(st.integers(0, 10**15))
    def test_what_is_written_is_read_back(self, micros):
        duration = timedelta(microseconds=micros)
        assert parse_duration(format_duration(duration)) == duration
