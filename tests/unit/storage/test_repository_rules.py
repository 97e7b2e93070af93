"""Rules that rows follow, tried on random input against a plain model of each rule."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.attendance import Reason
from models.flags import Flag, FlagKind, FlagState
from models.frame import Box, FrameJudgement, Sighting, TrackNaming
from models.policy import Policy
from models.register import LessonRecord, TrainingClass, UnknownPerson
from models.timeline import Interval, union
from models.timetable import Lesson, LessonState
from storage.database import Database, sqlite_url
from storage.repositories import FlagFilter, LessonFilter, SightingFilter
from storage.unit_of_work import Ledger, UnitOfWork
from storage.vault import Vault

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FAST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class TakeBack(Exception):
    """Ends a try without a trace."""


@pytest.fixture(scope="module")
def kept(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, vault: Vault) -> Iterator[Ledger]:
    path = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("rules") / "test.db"))

    class Clock:
        def now(self) -> datetime:
            return NOW

        def monotonic_s(self) -> float:
            return 0.0

    ledger = Ledger(Database(sqlite_url(path)), vault, Clock(), "test.rollcall/log")
    with ledger.write() as work:
        work.classes.add(TrainingClass("C1", "n"), NOW)
        work.lessons.add(lesson("L1", NOW))
    yield ledger
    ledger.database.close()


def lesson(lesson_id: str, starts_at: datetime, state: LessonState = LessonState.RUNNING) -> LessonRecord:
    return LessonRecord(
        Lesson(lesson_id, "C1", "t", starts_at, starts_at + timedelta(minutes=45)), Policy(), state
    )


@contextmanager
def trial(ledger: Ledger) -> Iterator[UnitOfWork]:
    """A unit of work that leaves nothing behind, so that tries do not see each other."""
    try:
        with ledger.write() as work:
            yield work
            raise TakeBack
    except TakeBack:
        pass


pieces = st.builds(
    lambda start, length: Interval(NOW + start * SECOND, NOW + (start + length) * SECOND),
    st.integers(0, 60),
    st.integers(1, 20),
)


@FAST
@given(added=st.lists(pieces, min_size=1, max_size=12))
def test_coverage_is_the_union_of_what_was_added_in_any_order(kept: Ledger, added: list[Interval]) -> None:
    with trial(kept) as work:
        for piece in added:
            work.footage.add_coverage("L1", "cam1", piece)
        assert work.footage.coverage("L1")["cam1"] == union(added)


tracks = st.sampled_from(["a", "b", "c"])
people = st.none() | st.sampled_from(["T1", "T2"])
frame_plans = st.lists(
    st.tuples(
        st.lists(tracks, unique=True, max_size=3),
        st.lists(st.tuples(tracks, people, st.integers(0, 11)), max_size=2),
    ),
    min_size=1,
    max_size=12,
)


def judgement(number: int, seen: list[str], named: list[tuple[str, str | None, int]]) -> FrameJudgement:
    at = NOW + number * SECOND
    sightings = tuple(
        Sighting(at, "cam1", 0.0, Box(0, 0, 1, 1), track, None, 1.0, 1.0, number / 100, f"p-{track}")
        for track in seen
    )
    namings = tuple(
        TrackNaming(track, trainee, None if trainee else f"p-{track}", NOW + since * SECOND, 9.0, 9.0)
        for track, trainee, since in named
    )
    return FrameJudgement("cam1", "L1", number, at, 0.0, 64, 48, "clear", len(seen), sightings, namings, "m")


def names_by_model(frames: list[FrameJudgement]) -> dict[tuple[datetime, str], str | None]:
    """Each naming holds for its track's sightings since its instant, known so far; later ones win."""
    names: dict[tuple[datetime, str], str | None] = {}
    for frame in frames:
        names.update({(sighting.at, sighting.track_id): sighting.trainee for sighting in frame.sightings})
        for naming in frame.namings:
            for at, track in names:
                if track == naming.track_id and at >= naming.since:
                    names[at, track] = naming.trainee
    return names


@FAST
@given(plan=frame_plans, batch=st.integers(1, 5))
def test_tracks_are_named_as_the_rule_says_however_frames_are_batched(
    kept: Ledger, plan: list[tuple[list[str], list[tuple[str, str | None, int]]]], batch: int
) -> None:
    frames = [judgement(number, seen, named) for number, (seen, named) in enumerate(plan)]
    with trial(kept) as work:
        for start in range(0, len(frames), batch):
            work.sightings.add(frames[start : start + batch])
        found = {(item.at, item.track_id): item.trainee for item in work.sightings.of_lesson("L1")}
        assert found == names_by_model(frames)


@FAST
@given(plan=frame_plans)
def test_unknown_people_are_counted_as_their_sightings_stand(
    kept: Ledger, plan: list[tuple[list[str], list[tuple[str, str | None, int]]]]
) -> None:
    with trial(kept) as work:
        for number, (seen, named) in enumerate(plan):
            work.sightings.add([judgement(number, seen, named)])
        unnamed: dict[str, list[Sighting]] = {}
        for item in work.sightings.of_lesson("L1", SightingFilter()):
            if item.trainee is None and item.unknown_person is not None:
                unnamed.setdefault(item.unknown_person, []).append(item)
        expected = {
            UnknownPerson("L1", key, seen[0].at, seen[-1].at, len(seen), max(s.quality for s in seen))
            for key, seen in unnamed.items()
        }
        assert set(work.sightings.unknown_people("L1")) == expected
        assert set(work.sightings.presences("L1")) <= {"T1", "T2"}


subjects = st.sampled_from(["T1", "T2", "T3"])
kinds = st.sampled_from([FlagKind.LATE, FlagKind.ABSENCE])
flag_sets = st.dictionaries(st.tuples(kinds, subjects), st.sampled_from(["5", "6"]), max_size=5)


@FAST
@given(rounds=st.lists(flag_sets, min_size=1, max_size=6))
def test_after_each_round_open_flags_are_those_of_the_round_and_no_row_is_ever_doubled(
    kept: Ledger, rounds: list[dict[tuple[FlagKind, str], str]]
) -> None:
    ever: set[tuple[FlagKind, str]] = set()
    with trial(kept) as work:
        for number, wanted in enumerate(rounds):
            at = NOW + number * SECOND
            flags = [
                Flag(kind, "L1", subject, "v", (Reason("r", (("minutes", minutes),)),), ())
                for (kind, subject), minutes in wanted.items()
            ]
            before = {record.flag.identity: record.flag for record in work.flags.of_lesson("L1")}
            changes = work.flags.settle("L1", flags, (FlagKind.LATE, FlagKind.ABSENCE), at)
            ever |= set(wanted)
            records = work.flags.of_lesson("L1")
            assert {(r.flag.kind, r.flag.subject) for r in records} == ever
            assert len(records) == len(ever)
            assert sorted(r.flag.identity for r in records if r.flag.state is FlagState.OPEN) == sorted(
                flag.identity for flag in flags
            )
            after = {record.flag.identity: record.flag for record in records}
            changed = {change.record.flag.identity for change in changes}
            assert changed == {key for key in after if after[key] != before.get(key)}
            assert all(change.before == before.get(change.record.flag.identity) for change in changes)
            assert work.flags.settle("L1", flags, (FlagKind.LATE, FlagKind.ABSENCE), at) == ()


@FAST
@given(starts=st.lists(st.integers(0, 5), min_size=1, max_size=12), limit=st.integers(1, 4))
def test_pages_of_lessons_join_to_the_whole_list_in_order(
    kept: Ledger, starts: list[int], limit: int
) -> None:
    """Also where many lessons start at one instant."""
    with trial(kept) as work:
        for number, start in enumerate(starts):
            work.lessons.add(lesson(f"X{number:03d}", NOW + timedelta(days=1, hours=start)))
        wanted = LessonFilter(class_code="C1")
        seen: list[tuple[datetime, str]] = []
        cursor: str | None = None
        for _ in range(len(starts) + 2):
            got = work.lessons.page(wanted, cursor, limit)
            seen += [(record.lesson.starts_at, record.lesson.lesson_id) for record in got.items]
            cursor = got.next_cursor
            if cursor is None:
                break
        assert cursor is None
        assert seen == sorted(seen, reverse=True)
        assert len(set(seen)) == len(starts) + 1


@FAST
@given(count=st.integers(0, 9), limit=st.integers(1, 4))
def test_pages_of_flags_join_to_the_whole_list(kept: Ledger, count: int, limit: int) -> None:
    with trial(kept) as work:
        for number in range(count):
            work.flags.put(Flag(FlagKind.LATE, "L1", f"T{number}", "v", (), ()), NOW)
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(count + 1):
            got = work.flags.page(FlagFilter(), cursor, limit)
            seen += [record.flag.subject for record in got.items]
            cursor = got.next_cursor
            if cursor is None:
                break
        assert sorted(seen) == [f"T{number}" for number in range(count)]
