"""Live events: what a page gets that comes, falls behind, goes away and comes back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import Conflict
from supervision_api.live import LiveBox, LiveEvent, LiveHub, LiveKind, Message, Subscription

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
JPEG = b"\xff\xd8picture\xff\xd9"


def roll(key: str, state: str = "here", second: int = 0) -> LiveEvent:
    return LiveEvent(LiveKind.ROLL, key, AT + timedelta(seconds=second), {"trainee": key, "state": state})


class Page:
    """Somebody who listens, and counts how often there was something to take."""

    def __init__(self, hub: LiveHub, lesson: str = "L1", last: str | None = None) -> None:
        self.woken = 0
        self.subscription: Subscription = hub.subscribe(lesson, self._wake, last)

    def _wake(self) -> None:
        self.woken += 1

    def take(self) -> list[Message]:
        return self.subscription.take()

    def kinds(self) -> list[LiveKind]:
        return [message.kind for message in self.take()]


def first_id(hub: LiveHub, lesson: str = "L1") -> str:
    """The id of the newest event, as a page would remember it."""
    with hub.subscribe(lesson, lambda: None) as page:
        return page.take()[-1].event_id


def test_a_fresh_page_gets_one_snapshot_of_all_that_is_known() -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    hub.publish("L1", roll("T2", "waiting"))
    hub.publish("L1", LiveEvent(LiveKind.LESSON, "", AT, {"state": "running"}))
    (message,) = Page(hub).take()
    assert message.kind is LiveKind.SNAPSHOT
    assert message.data == {
        "roll": {"T1": {"trainee": "T1", "state": "here"}, "T2": {"trainee": "T2", "state": "waiting"}},
        "lesson": {"": {"state": "running"}},
    }


def test_a_page_of_a_lesson_nobody_spoke_of_gets_an_empty_snapshot() -> None:
    (message,) = Page(LiveHub()).take()
    assert (message.kind, message.data) == (LiveKind.SNAPSHOT, {})


def test_after_the_snapshot_each_event_comes_once_and_in_order() -> None:
    hub = LiveHub()
    page = Page(hub)
    page.take()
    for name in ("T3", "T1", "T2"):
        hub.publish("L1", roll(name))
    assert [message.data["trainee"] for message in page.take()] == ["T3", "T1", "T2"]
    assert page.take() == []


def test_the_newest_word_on_a_trainee_is_the_snapshot_s() -> None:
    hub = LiveHub()
    for state in ("waiting", "here", "away"):
        hub.publish("L1", roll("T1", state))
    assert hub.snapshot("L1")[LiveKind.ROLL]["T1"]["state"] == "away"


def test_a_snapshot_is_a_copy() -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    hub.snapshot("L1")[LiveKind.ROLL].clear()
    assert "T1" in hub.snapshot("L1")[LiveKind.ROLL]


def test_lessons_do_not_hear_each_other() -> None:
    hub = LiveHub()
    one, other = Page(hub, "L1"), Page(hub, "L2")
    one.take(), other.take()
    hub.publish("L1", roll("T1"))
    assert one.kinds() == [LiveKind.ROLL]
    assert other.take() == []
    assert other.woken == 0
    assert hub.snapshot("L2") == {}


def test_every_page_of_a_lesson_is_woken_for_every_event() -> None:
    hub = LiveHub()
    pages = [Page(hub) for _ in range(3)]
    hub.publish("L1", roll("T1"))
    hub.publish("L1", roll("T2"))
    assert [page.woken for page in pages] == [2, 2, 2]


def test_a_page_that_comes_back_gets_what_it_missed_and_no_snapshot() -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    seen = first_id(hub)
    hub.publish("L1", roll("T2"))
    hub.publish("L1", roll("T3"))
    messages = Page(hub, last=seen).take()
    assert [(m.kind, m.data["trainee"]) for m in messages] == [(LiveKind.ROLL, "T2"), (LiveKind.ROLL, "T3")]


def test_a_page_that_missed_nothing_gets_nothing() -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    assert Page(hub, last=first_id(hub)).take() == []


def test_a_page_that_was_away_longer_than_the_history_gets_a_snapshot() -> None:
    hub = LiveHub(history=3)
    hub.publish("L1", roll("T0"))
    seen = first_id(hub)
    for number in range(1, 6):
        hub.publish("L1", roll(f"T{number}"))
    (message,) = Page(hub, last=seen).take()
    assert message.kind is LiveKind.SNAPSHOT
    assert set(message.data["roll"]) == {f"T{number}" for number in range(6)}


def test_exactly_the_history_can_be_resumed() -> None:
    hub = LiveHub(history=3)
    hub.publish("L1", roll("T0"))
    seen = first_id(hub)
    for number in range(1, 4):
        hub.publish("L1", roll(f"T{number}"))
    assert [m.data["trainee"] for m in Page(hub, last=seen).take()] == ["T1", "T2", "T3"]


@pytest.mark.parametrize("last", ["", "7", "nonsense", "0123abcd-1", "-1", "x-", "-", "a-b-c", "٣-٣"])
def test_an_id_of_another_run_or_none_gets_a_snapshot(last: str) -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    assert Page(hub, last=last).kinds() == [LiveKind.SNAPSHOT]


def test_an_id_of_the_same_count_of_another_run_is_not_resumed() -> None:
    before, after = LiveHub(), LiveHub()
    for hub in (before, after):
        hub.publish("L1", roll("T1"))
    seen = first_id(before)
    after.publish("L1", roll("T2"))
    assert Page(after, last=seen).kinds() == [LiveKind.SNAPSHOT]


def test_an_id_from_the_future_gets_a_snapshot() -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    run = first_id(hub).partition("-")[0]
    assert Page(hub, last=f"{run}-99").kinds() == [LiveKind.SNAPSHOT]


def test_a_number_in_other_digits_than_ascii_is_no_number() -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    run = first_id(hub).partition("-")[0]
    assert Page(hub, last=f"{run}-１").kinds() == [LiveKind.SNAPSHOT]


def test_a_page_that_falls_behind_gets_a_snapshot_instead_of_a_flood() -> None:
    hub = LiveHub(queue=4)
    page = Page(hub)
    page.take()
    for number in range(10):
        hub.publish("L1", roll(f"T{number}"))
    (message,) = page.take()
    assert message.kind is LiveKind.SNAPSHOT
    assert len(message.data["roll"]) == 10


def test_a_full_queue_is_not_yet_a_lost_one() -> None:
    hub = LiveHub(queue=4)
    page = Page(hub)
    page.take()
    for number in range(4):
        hub.publish("L1", roll(f"T{number}"))
    assert page.kinds() == [LiveKind.ROLL] * 4


def test_after_the_snapshot_a_slow_page_goes_on_with_events() -> None:
    hub = LiveHub(queue=2)
    page = Page(hub)
    for number in range(9):
        hub.publish("L1", roll(f"T{number}"))
    assert page.kinds() == [LiveKind.SNAPSHOT]
    hub.publish("L1", roll("T1", "away"))
    assert page.kinds() == [LiveKind.ROLL]


def test_a_slow_page_does_not_hold_up_the_others() -> None:
    hub = LiveHub(queue=2)
    slow, quick = Page(hub), Page(hub)
    quick.take()
    for number in range(6):
        hub.publish("L1", roll(f"T{number}"))
        assert quick.kinds() == [LiveKind.ROLL]
    assert slow.kinds() == [LiveKind.SNAPSHOT]


def test_a_picture_replaces_the_one_that_nobody_took_yet() -> None:
    hub = LiveHub()
    page = Page(hub)
    page.take()
    for second in range(3):
        hub.set_picture("L1", "front", JPEG, (), AT + timedelta(seconds=second))
    hub.set_picture("L1", "back", JPEG, (), AT)
    assert [(m.data["camera"], m.data["version"]) for m in page.take()] == [("front", 3), ("back", 1)]


def test_pictures_never_push_events_out_of_the_queue() -> None:
    hub = LiveHub(queue=3)
    page = Page(hub)
    page.take()
    hub.publish("L1", roll("T1"))
    for second in range(20):
        hub.set_picture("L1", "front", JPEG, (), AT + timedelta(seconds=second))
    assert page.kinds() == [LiveKind.ROLL, LiveKind.PICTURE]


def test_pictures_are_not_sent_again_to_who_comes_back() -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    seen = first_id(hub)
    hub.set_picture("L1", "front", JPEG, (), AT)
    hub.publish("L1", roll("T2"))
    assert Page(hub, last=seen).kinds() == [LiveKind.ROLL]


def test_a_picture_is_kept_with_the_boxes_that_belong_to_it() -> None:
    hub = LiveHub()
    assert hub.picture("L1", "front") is None
    hub.set_picture("L1", "front", JPEG, [LiveBox(0.1, 0.2, 0.3, 0.4, trainee="T1")], AT)
    picture = hub.picture("L1", "front")
    assert picture is not None
    assert (picture.jpeg, picture.at, picture.version) == (JPEG, AT, 1)
    assert picture.boxes == (LiveBox(0.1, 0.2, 0.3, 0.4, trainee="T1"),)
    assert hub.picture("L1", "back") is None


def test_a_box_is_told_in_shares_of_the_picture_and_without_its_score() -> None:
    box = LiveBox(1 / 3, 0.123456, 0.5, 1.0, unknown_person="u1", score=99.0)
    assert box.as_json() == {"x": 0.3333, "y": 0.1235, "w": 0.5, "h": 1.0, "trainee": None, "unknown": "u1"}


def test_a_page_past_the_limit_is_refused_with_a_next_step() -> None:
    hub = LiveHub(listeners=2)
    pages = [Page(hub), Page(hub)]
    with pytest.raises(Conflict) as refused:
        Page(hub)
    assert refused.value.hint
    pages[0].subscription.close()
    Page(hub)
    assert hub.listeners() == 2


def test_the_limit_is_each_lesson_s_own() -> None:
    hub = LiveHub(listeners=1)
    Page(hub, "L1")
    Page(hub, "L2")
    assert hub.listeners() == 2


def test_a_page_that_left_is_woken_no_more() -> None:
    hub = LiveHub()
    page = Page(hub)
    with page.subscription:
        hub.publish("L1", roll("T1"))
    hub.publish("L1", roll("T2"))
    assert page.woken == 1
    assert hub.listeners() == 0


def test_to_leave_twice_does_nothing() -> None:
    hub = LiveHub()
    page = Page(hub)
    page.subscription.close()
    page.subscription.close()
    assert hub.listeners() == 0


def test_a_lesson_that_only_listeners_knew_leaves_nothing_behind() -> None:
    hub = LiveHub()
    page = Page(hub)
    page.subscription.close()
    assert hub._rooms == {}


def test_what_is_over_is_forgotten_with_its_pictures() -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    hub.set_picture("L1", "front", JPEG, (), AT)
    hub.forget("L1")
    hub.forget("never known")
    assert hub.snapshot("L1") == {}
    assert hub.picture("L1", "front") is None


def test_an_open_page_goes_on_listening_after_its_lesson_was_forgotten() -> None:
    hub = LiveHub()
    page = Page(hub)
    page.take()
    hub.publish("L1", roll("T1"))
    hub.forget("L1")
    hub.publish("L1", roll("T2"))
    assert [m.data["trainee"] for m in page.take()] == ["T1", "T2"]
    assert set(hub.snapshot("L1")[LiveKind.ROLL]) == {"T2"}


def test_who_missed_the_end_of_a_lesson_since_forgotten_gets_a_snapshot() -> None:
    hub = LiveHub()
    Page(hub)
    hub.publish("L1", roll("T1"))
    seen = first_id(hub)
    hub.publish("L1", LiveEvent(LiveKind.LESSON, "", AT, {"state": "judged"}))
    hub.forget("L1")
    assert Page(hub, last=seen).kinds() == [LiveKind.SNAPSHOT]


def test_a_lesson_forgotten_and_begun_anew_does_not_repeat_its_numbers() -> None:
    hub = LiveHub()
    hub.publish("L1", roll("T1"))
    seen = first_id(hub)
    hub.forget("L1")
    hub.publish("L1", roll("T2"))
    hub.publish("L1", roll("T3"))
    assert [m.data["trainee"] for m in Page(hub, last=seen).take()] == ["T2", "T3"]


def test_a_server_that_stops_wakes_every_page() -> None:
    hub = LiveHub()
    pages = [Page(hub, "L1"), Page(hub, "L2")]
    hub.close()
    assert hub.closed
    assert [page.woken for page in pages] == [1, 1]


def test_wakers_may_take_at_once() -> None:
    """The hub's lock is not held while a page is woken."""
    hub = LiveHub()
    taken: list[Message] = []
    page: list[Subscription] = []
    page.append(hub.subscribe("L1", lambda: taken.extend(page[0].take())))
    page[0].take()
    hub.publish("L1", roll("T1"))
    assert [message.kind for message in taken] == [LiveKind.ROLL]


def test_ids_rise_and_carry_the_run() -> None:
    hub = LiveHub()
    page = Page(hub)
    page.take()
    for number in range(12):
        hub.publish("L1", roll(f"T{number}"))
    runs, numbers = zip(*(m.event_id.split("-") for m in page.take()), strict=True)
    assert len(set(runs)) == 1
    assert [int(number) for number in numbers] == list(range(1, 13))


def test_many_publishers_lose_nothing() -> None:
    hub = LiveHub(queue=10_000)
    page = Page(hub)
    page.take()

    def speak(speaker: int) -> None:
        for number in range(50):
            hub.publish("L1", roll(f"{speaker}/{number}"))

    threads = [threading.Thread(target=speak, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    messages = page.take()
    assert len({message.data["trainee"] for message in messages}) == 200
    assert len({message.event_id for message in messages}) == 200
    assert page.woken == 200


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(["T1", "T2", "T3"]), st.sampled_from(["here", "away"])),
        st.tuples(st.just("take"), st.just(""), st.just("")),
        st.tuples(st.just("leave"), st.just(""), st.just("")),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 5), st.integers(1, 5))
def test_however_a_page_reads_it_ends_with_the_hub_s_own_state(
    steps: list[tuple[str, str, str]], history: int, queue: int
) -> None:
    hub = LiveHub(history=history, queue=queue)
    page, known, last = Page(hub), {}, None

    def read() -> None:
        nonlocal last
        for message in page.take():
            last = message.event_id
            if message.kind is LiveKind.SNAPSHOT:
                known.clear()
                known.update({key: entry["state"] for key, entry in message.data.get("roll", {}).items()})
            else:
                known[message.data["trainee"]] = message.data["state"]

    for step, trainee, state in steps:
        if step == "say":
            hub.publish("L1", roll(trainee, state))
        elif step == "take":
            read()
        else:
            page.subscription.close()
            page = Page(hub, last=last)
    read()
    assert known == {key: entry["state"] for key, entry in hub.snapshot("L1").get(LiveKind.ROLL, {}).items()}
