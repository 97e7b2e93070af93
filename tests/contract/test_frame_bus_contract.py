"""The contract of frame buses: bounded per camera, oldest first out, fair between cameras, losses counted.

A bus over a network joins ``BUSES``; its frames may take a while, so every wait is bounded, none is exact.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.bus import InProcessBus
from models.frame import EncodedFrame
from models.ports import FrameBus

LIMIT = 3
BUSES: dict[str, Callable[[], FrameBus]] = {"in process": lambda: InProcessBus(LIMIT)}
PATIENCE_S = 5.0
LULL_S = 0.005


def frame(camera_id: str, sequence: int) -> EncodedFrame:
    at = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    return EncodedFrame(camera_id, "L1", sequence, at, float(sequence), "h264", b"sets", b"picture", 64, 48)


@pytest.fixture(params=sorted(BUSES))
def bus(request: pytest.FixtureRequest) -> Iterator[FrameBus]:
    made = BUSES[request.param]()
    yield made
    made.close()


def take_all(bus: FrameBus) -> list[EncodedFrame]:
    taken = []
    while (next_frame := bus.take(LULL_S)) is not None:
        taken.append(next_frame)
    return taken


def test_a_frame_arrives_as_it_was_sent(bus: FrameBus) -> None:
    bus.publish(frame("c1", 1))
    assert bus.take(PATIENCE_S) == frame("c1", 1)


def test_frames_of_a_camera_come_in_their_order(bus: FrameBus) -> None:
    for sequence in range(LIMIT):
        bus.publish(frame("c1", sequence))
    assert [taken.sequence for taken in take_all(bus)] == list(range(LIMIT))


def test_nothing_there_is_none_after_the_wait(bus: FrameBus) -> None:
    assert bus.take(0.0) is None
    assert bus.take(0.01) is None


def test_when_full_the_oldest_frame_goes_and_is_counted(bus: FrameBus) -> None:
    for sequence in range(LIMIT + 4):
        bus.publish(frame("c1", sequence))
    assert bus.dropped("c1") == 4
    assert [taken.sequence for taken in take_all(bus)] == [4, 5, 6]


def test_a_busy_camera_costs_another_nothing(bus: FrameBus) -> None:
    bus.publish(frame("quiet", 1))
    for sequence in range(100):
        bus.publish(frame("busy", sequence))
    assert bus.dropped("quiet") == 0
    assert "quiet" in {taken.camera_id for taken in take_all(bus)}


def test_cameras_are_served_in_turn(bus: FrameBus) -> None:
    for camera_id in ("a", "b", "c"):
        for sequence in range(LIMIT):
            bus.publish(frame(camera_id, sequence))
    order = [taken.camera_id for taken in take_all(bus)]
    assert [sorted(order[at : at + 3]) for at in (0, 3, 6)] == [["a", "b", "c"]] * 3


def test_a_waiting_taker_is_woken_by_a_frame(bus: FrameBus) -> None:
    taken: list[EncodedFrame | None] = []
    taker = threading.Thread(target=lambda: taken.append(bus.take(PATIENCE_S)))
    taker.start()
    bus.publish(frame("c1", 1))
    taker.join(PATIENCE_S)
    assert taken == [frame("c1", 1)]


def test_closing_wakes_every_waiting_taker(bus: FrameBus) -> None:
    taken: list[EncodedFrame | None] = []
    takers = [threading.Thread(target=lambda: taken.append(bus.take(PATIENCE_S))) for _ in range(3)]
    for taker in takers:
        taker.start()
    bus.close()
    for taker in takers:
        taker.join(PATIENCE_S)
    assert taken == [None, None, None]


def test_what_was_queued_before_closing_can_still_be_taken(bus: FrameBus) -> None:
    bus.publish(frame("c1", 1))
    bus.close()
    assert bus.take(0.0) == frame("c1", 1)
    assert bus.take(0.0) is None


def test_what_comes_after_closing_is_counted_as_lost(bus: FrameBus) -> None:
    bus.close()
    bus.close()
    bus.publish(frame("c1", 1))
    assert bus.take(0.0) is None
    assert bus.dropped("c1") == 1


def test_a_camera_never_heard_of_has_lost_nothing(bus: FrameBus) -> None:
    assert bus.dropped("nobody") == 0


def test_many_threads_lose_no_frame_uncounted(bus: FrameBus) -> None:
    published, cameras = 300, ("a", "b", "c", "d")
    taken: Counter[str] = Counter()
    lock, done = threading.Lock(), threading.Event()

    def publish(camera_id: str) -> None:
        for sequence in range(published):
            bus.publish(frame(camera_id, sequence))

    def take() -> None:
        while True:
            one = bus.take(0.01)
            if one is None:
                if done.is_set():
                    return
                continue
            with lock:
                taken[one.camera_id] += 1

    takers = [threading.Thread(target=take) for _ in range(2)]
    publishers = [threading.Thread(target=publish, args=(camera_id,)) for camera_id in cameras]
    for thread in (*takers, *publishers):
        thread.start()
    for thread in publishers:
        thread.join(PATIENCE_S)
    done.set()
    for thread in takers:
        thread.join(PATIENCE_S)
    assert {camera_id: taken[camera_id] + bus.dropped(camera_id) for camera_id in cameras} == dict.fromkeys(
        cameras, published
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(st.sampled_from("abc"), st.none()), max_size=60))
@pytest.mark.parametrize("kind", sorted(BUSES))
def test_whatever_the_order_each_camera_gives_its_newest_frames_in_order(
    kind: str, steps: list[str | None]
) -> None:
    """``None`` takes, a letter publishes: what is taken rises, and taken + dropped + queued = published."""
    bus = BUSES[kind]()
    published: Counter[str] = Counter()
    seen: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    for step in steps:
        if step is not None:
            published[step] += 1
            bus.publish(frame(step, published[step]))
            continue
        one = bus.take(0.0)
        if one is not None:
            seen[one.camera_id].append(one.sequence)
    for one in take_all(bus):
        seen[one.camera_id].append(one.sequence)
    bus.close()
    for camera_id, sequences in seen.items():
        assert sequences == sorted(set(sequences))
        assert len(sequences) + bus.dropped(camera_id) == published[camera_id]
        assert not published[camera_id] or sequences[-1] == published[camera_id], (
            "the newest is never dropped"
        )


def test_a_bus_without_room_is_no_bus() -> None:
    with pytest.raises(ValueError, match="at least one"):
        InProcessBus(0)
