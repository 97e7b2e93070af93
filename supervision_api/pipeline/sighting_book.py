"""Collects a lesson's judged frames and applies names that were decided later to the sightings before."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from models.attendance import EvidenceLink, Presence
from models.frame import FrameJudgement, Sighting, TrackNaming
from models.timeline import Interval, union
from supervision_api.reports.lesson_outcome import UnknownPerson


class SightingBook:
    """One lesson's sightings in memory, in the order of judgement."""

    def __init__(self) -> None:
        self._sightings: list[Sighting] = []
        self._by_track: dict[str, list[int]] = defaultdict(list)
        self._clear: dict[str, list[datetime]] = defaultdict(list)
        self._lens: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._headcounts: list[tuple[datetime, str, int]] = []
        self.model = ""

    def add(self, judgement: FrameJudgement) -> None:
        """Takes a judged frame; its namings reach back to earlier sightings of their tracks."""
        self.model = judgement.model
        camera = judgement.camera_id
        self._lens[camera].append((judgement.at, judgement.lens))
        if judgement.lens == "clear":
            self._clear[camera].append(judgement.at)
            self._headcounts.append((judgement.at, camera, judgement.faces_found))
        for sighting in judgement.sightings:
            self._by_track[sighting.track_id].append(len(self._sightings))
            self._sightings.append(sighting)
        for naming in judgement.namings:
            self.rename(naming)

    def rename(self, naming: TrackNaming) -> None:
        """Gives a track's sightings since the naming's instant their name, or takes it away."""
        for index in self._by_track.get(naming.track_id, ()):
            sighting = self._sightings[index]
            if sighting.at >= naming.since:
                self._sightings[index] = replace(
                    sighting, trainee=naming.trainee, unknown_person=naming.unknown_person
                )

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        return tuple(self._sightings)

    @property
    def clear_instants(self) -> Mapping[str, list[datetime]]:
        """Per camera, when a clear frame was judged."""
        return self._clear

    @property
    def lens_states(self) -> Mapping[str, list[tuple[datetime, str]]]:
        return self._lens

    @property
    def headcounts(self) -> list[tuple[datetime, str, int]]:
        return self._headcounts


def presences_by_trainee(sightings: Iterable[Sighting]) -> dict[str, list[Presence]]:
    """What attendance needs of the named sightings."""
    found: dict[str, list[Presence]] = defaultdict(list)
    for s in sightings:
        if s.trainee is not None:
            found[s.trainee].append(Presence(s.at, s.camera_id, s.score))
    return dict(found)


def unknown_people(
    sightings: Iterable[Sighting], sampling: timedelta, bridge: timedelta
) -> tuple[UnknownPerson, ...]:
    """Unnamed people with their stays: sightings closer than ``bridge`` are one stay."""
    seen: dict[str, list[Sighting]] = defaultdict(list)
    for s in sightings:
        if s.trainee is None and s.unknown_person is not None:
            seen[s.unknown_person].append(s)
    people = []
    for key in sorted(seen):
        shots = sorted(seen[key], key=lambda s: s.at)
        best = max(shots, key=lambda s: s.quality)
        links = [("first_seen", shots[0]), ("best_view", best), ("last_seen", shots[-1])]
        evidence = tuple(EvidenceLink(what, s.at, s.camera_id, s.quality) for what, s in links)
        people.append(UnknownPerson(key, _stays([s.at for s in shots], sampling, bridge), evidence))
    return tuple(people)


def _stays(instants: list[datetime], sampling: timedelta, bridge: timedelta) -> tuple[Interval, ...]:
    half = sampling / 2
    pieces = [Interval(at - half, at + half) for at in instants]
    pieces += [
        Interval(before, after)
        for before, after in itertools.pairwise(instants)
        if timedelta() < after - before <= bridge
    ]
    return union(pieces)
