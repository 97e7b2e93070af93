"""Sightings in bulk: once each, named and renamed by their tracks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from models.attendance import Presence
from models.frame import Box, FrameJudgement, Sighting, TrackNaming
from models.timeline import Interval
from storage.repositories import SightingFilter
from storage.unit_of_work import Ledger

SECOND = timedelta(seconds=1)


def sighting(at: datetime, track: str, trainee: str | None = None, **more: object) -> Sighting:
    values: dict[str, object] = {
        "at": at,
        "camera_id": "cam1",
        "frame_pts_s": 1.5,
        "box": Box(1.5, 2.0, 40.0, 50.0),
        "track_id": track,
        "trainee": trainee,
        "score": 9.5,
        "margin": 3.25,
        "quality": 0.5,
        "unknown_person": None,
        "distance": 0.375,
    }
    return Sighting(**(values | more))  # type: ignore[arg-type]


def judgement(
    at: datetime, *sightings: Sighting, namings: tuple[TrackNaming, ...] = (), **more: object
) -> FrameJudgement:
    values: dict[str, object] = {
        "camera_id": "cam1",
        "lesson_id": "L1",
        "sequence": int(at.timestamp()),
        "at": at,
        "pts_s": 1.5,
        "width": 1920,
        "height": 1080,
        "lens": "clear",
        "faces_found": len(sightings),
        "sightings": sightings,
        "namings": namings,
        "model": "yunet+dlib",
    }
    return FrameJudgement(**(values | more))  # type: ignore[arg-type]


def naming(track: str, trainee: str | None, since: datetime, unknown: str | None = None) -> TrackNaming:
    return TrackNaming(track, trainee, unknown, since, 12.0, 8.0)


def found(ledger: Ledger, wanted: SightingFilter | None = None) -> list[Sighting]:
    with ledger.read() as work:
        return list(work.sightings.of_lesson("L1", wanted))


def test_sightings_come_back_as_they_were(with_lesson: Ledger, now: datetime) -> None:
    first = sighting(now, "a", "T1")
    second = sighting(now, "b", None, unknown_person="p1", distance=None)
    with with_lesson.write() as work:
        assert work.sightings.add([judgement(now, first, second)]) == 1
    assert found(with_lesson) == [first, second]


def test_a_frame_delivered_twice_counts_once(with_lesson: Ledger, now: datetime) -> None:
    frame = judgement(now, sighting(now, "a", "T1"))
    with with_lesson.write() as work:
        assert work.sightings.add([frame, frame]) == 1
    with with_lesson.write() as work:
        assert work.sightings.add([frame, judgement(now + SECOND)]) == 1
        assert work.sightings.add([]) == 0
    assert len(found(with_lesson)) == 1
    with with_lesson.read() as work:
        assert [frame.at for frame in work.sightings.judged_frames("L1")] == [now, now + SECOND]


def test_a_naming_holds_for_the_track_since_its_instant(with_lesson: Ledger, now: datetime) -> None:
    times = [now + number * SECOND for number in range(4)]
    with with_lesson.write() as work:
        work.sightings.add([judgement(at, sighting(at, "a"), sighting(at, "b")) for at in times[:3]])
        last = judgement(times[3], sighting(times[3], "a"), namings=(naming("a", "T1", times[1]),))
        work.sightings.add([last])
    named = [(item.at, item.trainee) for item in found(with_lesson) if item.track_id == "a"]
    assert named == [(times[0], None), (times[1], "T1"), (times[2], "T1"), (times[3], "T1")]
    assert {item.trainee for item in found(with_lesson) if item.track_id == "b"} == {None}


def test_a_name_can_be_changed_and_withdrawn_and_its_history_stays(
    with_lesson: Ledger, now: datetime
) -> None:
    with with_lesson.write() as work:
        work.sightings.add([judgement(now, sighting(now, "a"), namings=(naming("a", "T1", now),))])
        later = now + SECOND
        work.sightings.add([judgement(later, sighting(later, "a"), namings=(naming("a", "T2", later),))])
        end = now + 2 * SECOND
        work.sightings.add([judgement(end, namings=(naming("a", None, now, "p1"),))])
    assert [(item.trainee, item.unknown_person) for item in found(with_lesson)] == [(None, "p1")] * 2
    with with_lesson.read() as work:
        assert [item.trainee for item in work.sightings.namings("L1")] == ["T1", "T2", None]


def test_equal_track_names_of_two_cameras_stay_apart(with_lesson: Ledger, now: datetime) -> None:
    other = judgement(now, sighting(now, "a", camera_id="cam2"), camera_id="cam2")
    with with_lesson.write() as work:
        work.sightings.add([judgement(now, sighting(now, "a"), namings=(naming("a", "T1", now),)), other])
    assert [(item.camera_id, item.trainee) for item in found(with_lesson)] == [("cam1", "T1"), ("cam2", None)]


def test_filters_narrow(with_lesson: Ledger, now: datetime) -> None:
    later = now + 10 * SECOND
    with with_lesson.write() as work:
        work.sightings.add(
            [
                judgement(now, sighting(now, "a", "T1"), sighting(now, "b", unknown_person="p1")),
                judgement(later, sighting(later, "a", "T1")),
            ]
        )
    assert len(found(with_lesson, SightingFilter(trainee="T1"))) == 2
    assert len(found(with_lesson, SightingFilter(unknown_person="p1"))) == 1
    assert len(found(with_lesson, SightingFilter(within=Interval(now, later)))) == 2
    assert len(found(with_lesson, SightingFilter(within=Interval(now, later), trainee="T1"))) == 1
    assert found(with_lesson, SightingFilter(camera_id="cam9")) == []


def test_attendance_reads_named_sightings_by_trainee_and_time(with_lesson: Ledger, now: datetime) -> None:
    times = [now + number * SECOND for number in (2, 0, 1)]
    with with_lesson.write() as work:
        work.sightings.add([judgement(at, sighting(at, "a", "T1"), sighting(at, "b")) for at in times])
        work.sightings.add([judgement(now + 9 * SECOND, sighting(now + 9 * SECOND, "c", "T0"))])
        presences = work.sightings.presences("L1")
    assert list(presences) == ["T0", "T1"]
    assert presences["T1"] == tuple(Presence(at, "cam1", 9.5) for at in sorted(times))


def test_unknown_people_follow_the_naming_of_their_tracks(with_lesson: Ledger, now: datetime) -> None:
    times = [now, now + SECOND]
    with with_lesson.write() as work:
        for at in times:
            work.sightings.add(
                [
                    judgement(
                        at,
                        sighting(at, "a", unknown_person="p1", quality=0.25),
                        sighting(at, "b", unknown_person="p2"),
                    )
                ]
            )
        first, second = work.sightings.unknown_people("L1")
        assert (first.key, first.first_seen, first.last_seen, first.sightings) == ("p1", *times, 2)
        assert (second.key, second.best_quality) == ("p2", 0.5)
        work.sightings.add([judgement(now + 2 * SECOND, namings=(naming("a", "T1", now),))])
        assert [person.key for person in work.sightings.unknown_people("L1")] == ["p2"]


@pytest.mark.parametrize("camera_id", [None, "cam1"])
def test_judged_frames_tell_what_coverage_needs(
    with_lesson: Ledger, now: datetime, camera_id: str | None
) -> None:
    with with_lesson.write() as work:
        work.sightings.add([judgement(now, lens="covered"), judgement(now + SECOND)])
        frames = list(work.sightings.judged_frames("L1", camera_id))
    assert [(frame.lens, frame.faces_found, frame.model) for frame in frames] == [
        ("covered", 0, "yunet+dlib"),
        ("clear", 0, "yunet+dlib"),
    ]


def test_a_whole_lesson_of_forty_people_is_written_and_read_in_order(
    with_lesson: Ledger, now: datetime
) -> None:
    frames = [
        judgement(at, *(sighting(at, f"t{seat}", f"T{seat:02d}") for seat in range(40)))
        for at in (now + number * 5 * SECOND for number in range(60))
    ]
    with with_lesson.write() as work:
        assert work.sightings.add(frames) == 60
    got = found(with_lesson)
    assert len(got) == 2400
    assert [item.at for item in got] == sorted(item.at for item in got)
    with with_lesson.read() as work:
        assert {len(seen) for seen in work.sightings.presences("L1").values()} == {60}
