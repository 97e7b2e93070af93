"""Who cannot be an unknown person: names held beside them, held a moment ago, or once in one picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest

from models.frame import Box, Resemblance, TrackNaming
from recognition.calibration_store import default_calibration
from recognition.gallery import Template, build_gallery, with_template
from recognition.naming import HELD_FOR
from recognition.resemblance import Resemblances
from recognition.tracks import Track
from recognition.unknown_people import Standing, UnknownPeople

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CALIBRATION = default_calibration()


def vector(seed: int, length: float = 0.52) -> npt.NDArray[np.float64]:
    drawn = np.random.default_rng(seed).normal(size=128)
    return np.asarray(length * drawn / np.linalg.norm(drawn), dtype=np.float64)


GALLERY = build_gallery([Template(f"T{n}", vector(n).astype(np.float32), "net") for n in range(20)], "net")


@dataclass
class Stage:
    """Tracks of a lesson by hand: who is seen when, under which name."""

    people: UnknownPeople = field(default_factory=lambda: UnknownPeople(CALIBRATION))
    tracks: dict[str, Track] = field(default_factory=dict)
    words: dict[str, TrackNaming] = field(default_factory=dict)
    gallery = GALLERY

    def __post_init__(self) -> None:
        self.resemblances = Resemblances(CALIBRATION, self.people)

    def unknown(self, track_id: str, person: int, off: float = 0.5) -> str:
        """An unnamed track that looks like a trainee, from so far."""
        self.track(track_id)
        standing = Standing(vector(person) + vector(900 + len(self.tracks), off), 4.0, 0.73)
        return self.follow(self.people.see(track_id, standing))

    def follow(self, key: str) -> str:
        """Gives all tracks the keys that they have now."""
        for track in self.tracks.values():
            track.unknown_person = self.people.key_of(track.track_id)
        return key

    def named(self, track_id: str, trainee: str | None) -> bool:
        """Whether this gives, changes or takes a name."""
        track = self.track(track_id)
        changed = track.trainee != trainee
        track.trainee = trainee
        self.words[track_id] = TrackNaming(track_id, trainee, None, START, 12.0, 9.0)
        return changed

    def track(self, track_id: str) -> Track:
        return self.tracks.setdefault(track_id, Track(track_id, Box(0, 0, 50, 50), START, START, START))

    def see(self, second: float, *seen: str, renamed: bool = False) -> dict[str, str | None]:
        for track_id in seen:
            self.tracks[track_id].seen_at = START + timedelta(seconds=second)
        changes = self.resemblances.see(
            [self.tracks[track_id] for track_id in seen],
            list(self.tracks.values()),
            self.words,
            self.gallery,
            renamed=renamed,
        )
        return {one.unknown_person: one.trainee for one in changes}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_likeness_is_told_once(stage: Stage) -> None:
    key = stage.unknown("a", 3)
    assert stage.see(0, "a") == {key: "T3"}
    assert stage.see(2, "a") == {}


def test_a_likeness_that_grows_is_told_again(stage: Stage) -> None:
    key = stage.unknown("a", 3)
    stage.see(0, "a")
    stage.unknown("a", 3, 0.4)
    assert stage.see(2, "a") == {key: "T3"}


@pytest.mark.parametrize(("beyond_s", "told"), [(0.0, False), (0.5, True)])
def test_a_name_held_a_moment_ago_keeps_others_from_the_likeness(
    stage: Stage, beyond_s: float, told: bool
) -> None:
    """Never in one picture: the trainee leaves, then somebody alike sits elsewhere."""
    stage.named("t", "T3")
    stage.see(0, "t", renamed=True)
    key = stage.unknown("a", 3)
    assert stage.see(HELD_FOR.total_seconds() + beyond_s, "a") == ({key: "T3"} if told else {})


def test_who_was_in_one_picture_with_the_name_stays_somebody_else(stage: Stage) -> None:
    stage.named("t", "T3")
    stage.unknown("a", 3)
    assert stage.see(0, "a", "t", renamed=True) == {}
    assert stage.see(600, "a") == {}


def test_a_name_that_was_wrong_keeps_nobody_from_the_likeness(stage: Stage) -> None:
    stage.named("t", "T3")
    key = stage.unknown("a", 3)
    stage.see(0, "a", "t", renamed=True)
    stage.named("t", None)
    assert stage.see(2, "a", renamed=True) == {key: "T3"}


def test_a_name_found_later_takes_the_likeness_back_from_who_has_left(stage: Stage) -> None:
    key = stage.unknown("a", 3)
    stage.named("t", None)
    assert stage.see(0, "a", "t") == {key: "T3"}
    renamed = stage.named("t", "T3")
    assert stage.see(60, "t", renamed=renamed) == {key: None}


def test_a_name_held_before_another_camera_keeps_nobody_from_the_likeness(stage: Stage) -> None:
    """The caller gives the tracks of one camera; two cameras may show one person."""
    key = stage.unknown("a", 3)
    stage.named("t", "T3")
    far = stage.tracks.pop("t")
    assert stage.see(0, "a") == {key: "T3"}
    stage.tracks["t"] = far


def test_the_next_trainee_is_told_where_the_first_is_taken(stage: Stage) -> None:
    stage.named("t", "T3")
    track = stage.track("a")
    between = Standing((vector(3) + vector(4)) / 2, 4.0, 0.73)
    track.unknown_person = stage.people.see("a", between)
    assert stage.see(0, "a", "t", renamed=True) == {"unknown-1": "T4"}


def test_a_person_who_turned_out_to_be_an_earlier_one_is_taken_back(stage: Stage) -> None:
    first, second = stage.unknown("a", 3), stage.unknown("b", 3)
    assert (stage.see(0, "a"), stage.see(2, "b")) == ({first: "T3"}, {second: "T3"})
    mean = stage.people.tracks_of(first)["a"].mean
    assert stage.follow(stage.people.see("b", Standing(mean, 4.0, 0.73))) == first
    assert stage.see(4, "b")[second] is None


def test_a_photo_added_meanwhile_is_looked_at_for_whoever_was_told(stage: Stage) -> None:
    key = stage.unknown("a", 3, 0.55)
    stage.see(0, "a")
    nearer = (vector(3) + vector(901, 0.5)).astype(np.float32)
    stage.gallery = with_template(GALLERY, Template("T99", nearer, "net"))
    stage.named("t", "T5")
    assert stage.see(60, "t", renamed=True) == {key: "T99"}


def test_a_picture_without_a_face_changes_nothing(stage: Stage) -> None:
    stage.unknown("a", 3)
    stage.see(0, "a")
    assert stage.see(2) == {}


def test_without_a_trainee_a_word_takes_back() -> None:
    gone = Resemblance("unknown-1", None)
    assert (gone.evidence, gone.lead) == (0.0, 0.0)
    assert replace(gone, trainee="T3", evidence=2.0) != gone
