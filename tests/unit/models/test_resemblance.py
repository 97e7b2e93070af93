"""When a verdict says that an unknown person resembles the trainee, and that it changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attendance import Presence, Status, Verdict
from models.attendance_rules import judge_attendance
from models.correction import standing_of
from models.flag_facts import LessonFacts
from models.flag_rules import lesson_flags, live_flags
from models.flags import Flag, FlagKind
from models.frame import Resemblance
from models.policy import Policy
from models.reason_texts import render_reason
from models.register import Correction
from models.resemblance import NOTE, LookAlike, hint_in, hints_by_person, person_number

FLOOR = Policy().recognition.resemblance_floor
MINUTES = st.integers(-10 * 60, 50 * 60).map(lambda seconds: seconds / 60)
STRETCHES = st.lists(
    st.tuples(MINUTES, st.integers(10, 25 * 60).map(lambda s: s / 60)).map(lambda p: (p[0], p[0] + p[1])),
    max_size=4,
)
EVIDENCE = st.floats(0.01, 16.0).map(lambda nats: round(nats, 2))
fast = settings(max_examples=80, deadline=None)


def look_alike(stage, *stretches, key="unknown-1", trainee="T001", evidence=5.0, lead=4.0, camera="front"):
    """An unknown person there in those stretches, a sighting every twelve seconds, clearest in the end."""
    seen = []
    for begin, end in stretches:
        count = int((end - begin) * 5)
        seen += [
            Presence(stage.at(begin + n / 5), camera, 0.3 + 0.5 * n / max(1, count)) for n in range(count + 1)
        ]
    return LookAlike(Resemblance(key, trainee, evidence, lead), tuple(seen))


def judged(stage, seen, alike, coverage=((-30, 60),), manual=()) -> Verdict:
    watched = [stage.span(*one) for one in coverage]
    return judge_attendance(
        stage.lesson, "T001", stage.policy, seen, watched, stage.sampling, manual, tuple(alike)
    )


def told(verdict: Verdict) -> dict[str, str]:
    """The note's values; empty where nothing is said."""
    hint = hint_in(verdict)
    return dict(hint.reason.values) if hint is not None else {}


def test_the_absent_trainee_s_verdict_points_at_the_look_alike(stage):
    verdict = judged(stage, [], [look_alike(stage, (0, 40), evidence=3.25, lead=1.5)])
    assert verdict.status is Status.ABSENT
    values = told(verdict)
    assert (values["unknown"], values["trainee"]) == ("unknown-1", "T001")
    assert (values["evidence"], values["lead"]) == ("3.25", "1.5")
    assert [reason.code for reason in verdict.reasons][:2] == ["never_seen", NOTE]


def test_the_link_is_the_clearest_instant_of_the_look_alike(stage):
    alike = look_alike(stage, (0, 40))
    verdict = judged(stage, [], [alike])
    (link,) = [one for one in verdict.evidence if one.shows == "resembles"]
    assert (link.at, link.camera_id, link.score) == (stage.at(40), "front", 5.0)
    assert told(verdict)["seen_at"] == "2026-11-23T01:40:00Z"


@pytest.mark.parametrize(("evidence", "said"), [(FLOOR - 0.01, False), (FLOOR, True), (16.0, True)])
def test_nothing_is_said_below_the_floor(stage, evidence, said):
    assert bool(told(judged(stage, [], [look_alike(stage, (0, 40), evidence=evidence)]))) is said


def test_the_floor_is_the_policy_s(stage):
    recognition = replace(stage.policy.recognition, resemblance_floor=6.0)
    strict = replace(stage, policy=replace(stage.policy, recognition=recognition))
    assert told(judged(strict, [], [look_alike(stage, (0, 40), evidence=5.9)])) == {}


def test_who_was_there_is_resembled_by_nobody(stage):
    verdict = judged(stage, stage.seen((0, 40)), [look_alike(stage, (0, 45))])
    assert (verdict.status, told(verdict)) == (Status.PRESENT, {})


def test_where_no_absence_is_said_nothing_is_said_of_look_alikes(stage):
    alike = [look_alike(stage, (0, 45))]
    unseen = judged(stage, [], alike, coverage=((0, 5),))
    excused = judged(stage, [], alike, manual=[stage.leave()])
    assert (unseen.status, told(unseen)) == (Status.NOT_OBSERVABLE, {})
    assert (excused.status, told(excused)) == (Status.EXCUSED, {})


def test_a_look_alike_who_was_there_only_with_the_trainee_is_another(stage):
    seen = stage.seen((0, 25))
    assert told(judged(stage, seen, [look_alike(stage, (2, 24))])) == {}
    later = told(judged(stage, seen, [look_alike(stage, (2, 24), (30, 44))]))
    assert later["present_minutes"] == "19", "the bridge from 24 to 30 counts, what the trainee has not"


def test_time_that_an_instructor_vouches_for_is_the_trainee_s(stage):
    manual = [stage.confirmation(0, 20)]
    assert told(judged(stage, [], [look_alike(stage, (1, 19))], manual=manual)) == {}


@pytest.mark.parametrize(("minutes", "said"), [(4.5, False), (5.5, True)])
def test_a_look_alike_s_stay_must_be_worth_a_status(stage, minutes, said):
    assert bool(told(judged(stage, [], [look_alike(stage, (10, 10 + minutes))]))) is said


def test_what_the_next_better_status_lacks_is_enough(stage):
    """Two minutes short of present; three of the look-alike would have filled them."""
    seen = stage.seen((0, 34))
    verdict = judged(stage, seen, [look_alike(stage, (41, 44))])
    assert verdict.status is Status.PARTIAL
    assert told(verdict)["unknown"] == "unknown-1"
    assert told(judged(stage, stage.seen((0, 20)), [look_alike(stage, (41, 44))])) == {}


def test_a_policy_without_a_least_stretch_still_asks_for_a_sighting(stage):
    bare = stage.under(min_stretch=timedelta())
    assert told(judged(bare, [], [look_alike(stage)])) == {}
    assert told(judged(bare, [], [look_alike(stage, (10, 10))]))["unknown"] == "unknown-1"


def test_time_between_two_sightings_alone_shows_nobody(stage):
    """Seen before the trainee left and after they came back: there is no picture to look at."""
    seen = stage.seen((0, 10), (22, 30))
    alike = LookAlike(Resemblance("u", "T001", 5.0), tuple(stage.glimpses(9, 10, 22.5)))
    assert told(judged(stage.under(presence_gap=timedelta(minutes=15)), seen, [alike])) == {}


def test_the_strongest_who_was_there_long_enough_is_told(stage):
    short = look_alike(stage, (0, 1), key="unknown-1", evidence=9.0)
    strong = look_alike(stage, (0, 30), key="unknown-2", evidence=4.0)
    weak = look_alike(stage, (0, 45), key="unknown-3", evidence=2.0)
    assert told(judged(stage, [], [weak, short, strong]))["unknown"] == "unknown-2"


def test_who_resembles_somebody_else_or_nobody_is_not_told(stage):
    other = look_alike(stage, (0, 45), trainee="T002")
    nobody = look_alike(stage, (0, 45), trainee=None)
    assert told(judged(stage, [], [other, nobody])) == {}


def test_sightings_of_another_lesson_do_not_count(stage):
    assert told(judged(stage, [], [look_alike(stage, (-200, -100))])) == {}


@fast
@given(STRETCHES, STRETCHES, STRETCHES, EVIDENCE)
def test_the_note_changes_no_status_no_mark_and_no_hour(stage, present, there, coverage, evidence):
    seen = stage.seen(*present)
    without = judged(stage, seen, [], coverage)
    given_one = judged(stage, seen, [look_alike(stage, *there, evidence=evidence)], coverage)
    reasons = tuple(one for one in given_one.reasons if one.code != NOTE)
    links = tuple(one for one in given_one.evidence if one.shows != "resembles")
    assert replace(given_one, reasons=reasons, evidence=links) == without


@fast
@given(STRETCHES, STRETCHES, EVIDENCE)
def test_the_instant_is_a_sighting_of_the_look_alike_and_not_of_the_trainee_s_time(
    stage, present, there, evidence
):
    alike = look_alike(stage, *there, evidence=evidence)
    verdict = judged(stage, stage.seen(*present), [alike])
    hint = hint_in(verdict)
    if hint is None:
        return
    assert evidence >= FLOOR
    assert verdict.status in (Status.ABSENT, Status.PARTIAL)
    assert hint.link.at in {one.at for one in alike.seen}
    assert not any(span.contains(hint.link.at) for span in verdict.present)


@fast
@given(st.lists(st.tuples(STRETCHES, EVIDENCE), max_size=4), st.randoms(use_true_random=False))
def test_order_changes_no_byte(stage, people, shuffler):
    alike = [
        look_alike(stage, *there, key=f"unknown-{number}", evidence=evidence)
        for number, (there, evidence) in enumerate(people)
    ]
    first = judged(stage, [], alike)
    mixed = [replace(one, seen=tuple(shuffler.sample(one.seen, len(one.seen)))) for one in alike]
    shuffler.shuffle(mixed)
    assert judged(stage, [], mixed) == first


# flags


def facts(stage, verdicts: list[Verdict], alike: LookAlike, corrections: tuple[Correction, ...] = ()):
    return LessonFacts(
        stage.lesson,
        stage.policy,
        stage.sampling,
        (stage.span(-30, 60),),
        tuple(standing_of(one, corrections) for one in verdicts),
        unknown={"unknown-1": alike.seen},
    )


def of_kind(flags: tuple[Flag, ...], kind: FlagKind) -> Flag:
    (found,) = [flag for flag in flags if flag.kind is kind]
    return found


def test_the_flags_of_absence_and_of_the_stranger_hold_the_same_note(stage):
    alike = look_alike(stage, (0, 40))
    verdict = judged(stage, [], [alike])
    flags = lesson_flags(facts(stage, [verdict], alike))
    note = hint_in(verdict)
    absence, stranger = of_kind(flags, FlagKind.ABSENCE), of_kind(flags, FlagKind.STRANGER)
    assert [reason.code for reason in absence.reasons] == ["never_seen", NOTE]
    assert note.link in absence.evidence
    assert [reason.code for reason in stranger.reasons] == ["stranger_stayed", NOTE]
    assert absence.reasons[1] == stranger.reasons[1] == note.reason
    assert note.link.at in {link.at for link in stranger.evidence}


def test_the_stranger_s_links_show_the_instant_once(stage):
    whole = look_alike(stage, (0, 40))
    half = look_alike(stage, (0, 20))
    longer = replace(half, seen=(*half.seen, *(Presence(stage.at(30), "front", 0.99),)))
    for alike, verdict in (
        (whole, judged(stage, [], [whole])),
        (longer, judged(stage, stage.seen((25, 45)), [longer])),
    ):
        links = of_kind(lesson_flags(facts(stage, [verdict], alike)), FlagKind.STRANGER).evidence
        best = [link.at for link in links if link.shows in ("best", "resembles")]
        assert len(best) == len(set(best)), "named twice"
        assert hint_in(verdict).link.at in best


def test_flags_of_a_running_lesson_say_nothing_of_look_alikes(stage):
    flags = live_flags(facts(stage, [], look_alike(stage, (0, 40))))
    assert [reason.code for reason in of_kind(flags, FlagKind.STRANGER).reasons] == ["stranger_stayed"]


def test_where_a_person_decided_the_absence_their_word_stands_alone(stage):
    alike = look_alike(stage, (30, 45))
    verdict = judged(stage, stage.seen((0, 20)), [alike])
    word = Correction("L1", "T001", "fraud_found", "", "li", stage.at(60), "ABSENT", 0.0)
    flag = of_kind(lesson_flags(facts(stage, [verdict], alike, (word,))), FlagKind.ABSENCE)
    assert [reason.code for reason in flag.reasons] == ["corrected"]


def test_notes_are_found_by_the_person_they_speak_of(stage):
    verdict = judged(stage, [], [look_alike(stage, (0, 40))])
    assert {key: hint.trainee for key, hint in hints_by_person([verdict]).items()} == {"unknown-1": "T001"}
    assert hints_by_person([judged(stage, [], [])]) == {}


# words


@pytest.mark.parametrize(
    ("language", "parts", "never"),
    [
        ("en", ("09:40:00", "person 1,", "T001", "resembles", "look at the footage before deciding"), " is "),
        ("zh_CN", ("09:40:00", "未知人员 1 ", "T001", "相像", "请先查看录像再作认定"), "就是"),
    ],
)
def test_the_sentence_points_and_neither_accuses_nor_promises(stage, language, parts, never):
    hint = hint_in(judged(stage, [], [look_alike(stage, (0, 40))]))
    sentence = render_reason(hint.reason, language)
    assert [part for part in parts if part not in sentence] == []
    assert never not in sentence


@pytest.mark.parametrize(("key", "number"), [("unknown-12", "12"), ("u-1", "1"), ("u7", "u7"), ("", "")])
def test_an_unknown_person_is_called_by_the_number_in_the_key(key, number):
    assert person_number(key) == number
