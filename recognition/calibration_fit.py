"""Makes a calibration from embeddings of labelled photos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from models.errors import InvalidInput
from recognition.calibration import Calibration, ErrorRates, Spread
from recognition.gallery import Distances, Template, Vectors, build_gallery, pairwise_distances

AVERAGED = (1, 2, 4, 8)
"""Numbers of frames averaged before measuring."""

THRESHOLDS = (0.0, 4.6, 6.9, 9.2, 11.5)
"""Evidence (nats) at which error rates are reported: odds of 1, 100, 1,000, 10,000, 100,000."""

_ROUNDS = 40
_TAIL = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
_TAIL_MIN_SAMPLES = 20
"""A quantile counts when at least so many samples lie below it."""

_SAFETY = 1.05
"""Widens the impostor's spread: other people and other rooms than those of the calibration."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFace:
    """An embedding whose person is known.

    ``photo``: the picture it comes from; renditions of one photo share it. ``condition``: how it was
    rendered (``"enrolment"``, or a probe size and loss). ``group``: label for separate error rates.
    """

    person: str
    photo: str
    condition: str
    embedding: npt.NDArray[np.float32]
    group: str = ""


ENROLMENT = "enrolment"


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """Contrasts of one simulated lesson: ``(k,)`` genuine, ``(k, k - 1)`` impostor."""

    frames: int
    genuine: Distances
    impostor: Distances
    roster_spread: float
    people: tuple[str, ...]


def calibrate(
    embeddings_by_person: Mapping[str, Vectors], *, encoder: str, provenance: str = "", seed: int = 7
) -> Calibration:
    """A calibration from several embeddings per person, every photo serving as enrolment and as probe.

    Raises:
        InvalidInput: fewer than 10 people with at least two photos.
    """
    faces = [
        LabelledFace(person, str(number), ENROLMENT, row)
        for person, rows in embeddings_by_person.items()
        for number, row in enumerate(rows)
    ]
    return calibrate_faces(faces, encoder=encoder, provenance=provenance, seed=seed)


def calibrate_faces(
    faces: Sequence[LabelledFace], *, encoder: str, provenance: str = "", seed: int = 7
) -> Calibration:
    """A calibration from labelled faces in several conditions.

    Every round enrols one photo of each person and probes with means over other photos of theirs, within
    one condition. Where there is no condition but enrolment, those photos are probes as well.

    Raises:
        InvalidInput: fewer than 10 people with at least two photos.
    """
    index = _Index(faces)
    random = np.random.default_rng(seed)
    draft = Calibration(
        encoder=encoder,
        genuine=Spread(-0.4, 0.1),
        impostor=Spread(0.0, 0.07),
        stranger=_stranger_spread(index, random),
        session=_session_spread(index, random),
        people=len(index.people),
        photos=index.photos,
        provenance=provenance,
    )
    trials = list(_trials(index, draft, random))
    fitted = replace(
        draft,
        genuine=_fit_genuine(trials),
        impostor=_fit_impostor(trials),
        roster_spread=float(np.mean([trial.roster_spread for trial in trials])),
    )
    groups = {face.person: face.group for face in faces}
    return replace(fitted, rates=tuple(_rates(trials, fitted, groups)))


class _Index:
    """Faces by condition, person and photo."""

    def __init__(self, faces: Sequence[LabelledFace]) -> None:
        self._faces: dict[str, dict[str, dict[str, npt.NDArray[np.float32]]]] = {}
        for face in faces:
            person = self._faces.setdefault(face.condition, {}).setdefault(face.person, {})
            person[face.photo] = face.embedding
        enrolment = self._faces.get(ENROLMENT, {})
        self.people = tuple(person for person, photos in enrolment.items() if len(photos) > 1)
        self.photos = sum(len(enrolment[person]) for person in self.people)
        self.conditions = tuple(name for name in self._faces if name != ENROLMENT) or (ENROLMENT,)
        if len(self.people) < 10:
            raise InvalidInput(
                f"{len(self.people)} people with two photos or more; a calibration needs 10",
                hint="add photos of more people, several of each",
            )

    def photos_of(self, condition: str, person: str) -> Mapping[str, npt.NDArray[np.float32]]:
        return self._faces.get(condition, {}).get(person, {})

    def draw(
        self, condition: str, frames: int, random: np.random.Generator
    ) -> Iterator[tuple[str, npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
        """For each person who has enough photos: name, enrolled embedding, mean over other photos."""
        for person in self.people:
            enrolment = self.photos_of(ENROLMENT, person)
            enrolled = str(random.choice(sorted(enrolment)))
            probes = self.photos_of(condition, person)
            others = sorted(set(probes) - {enrolled})
            if len(others) >= frames:
                drawn = random.choice(others, size=frames, replace=False)
                mean = np.stack([probes[str(name)] for name in drawn]).mean(0)
                yield person, enrolment[enrolled], np.asarray(mean, dtype=np.float32)


def _stranger_spread(index: _Index, random: np.random.Generator) -> Spread:
    """Mean distance of a probe to other people's photos, and how it varies from probe to probe."""
    means: dict[int, list[float]] = {frames: [] for frames in AVERAGED}
    for condition in index.conditions:
        for frames in AVERAGED:
            drawn = list(index.draw(condition, frames, random))
            if len(drawn) < 3:
                continue
            distances = pairwise_distances(
                np.stack([probe for _, _, probe in drawn]), np.stack([enrolled for _, enrolled, _ in drawn])
            )
            others = ~np.eye(len(drawn), dtype=bool)
            means[frames].extend((distances * others).sum(1) / others.sum(1))
    return _spread_over_frames({frames: np.array(found) for frames, found in means.items() if found})


def _session_spread(index: _Index, random: np.random.Generator) -> Spread:
    """Distance of one photo to the mean of the same person's other photos in one condition."""
    found: dict[int, list[float]] = {frames: [] for frames in AVERAGED}
    for condition in index.conditions:
        for person in index.people:
            rows = np.array(list(index.photos_of(condition, person).values()))
            for frames in AVERAGED:
                if len(rows) <= frames:
                    continue
                for _ in range(4):
                    order = random.permutation(len(rows))
                    mean = rows[order[1 : frames + 1]].mean(0)
                    found[frames].append(float(np.linalg.norm(rows[order[0]] - mean)))
    return _spread_over_frames({frames: np.array(values) for frames, values in found.items() if values})


def _trials(index: _Index, draft: Calibration, random: np.random.Generator) -> Iterator[_Trial]:
    for _ in range(_ROUNDS):
        for condition in index.conditions:
            for frames in AVERAGED:
                drawn = list(index.draw(condition, frames, random))
                if len(drawn) >= 5:
                    yield _trial(drawn, frames, draft)


def _trial(
    drawn: Sequence[tuple[str, npt.NDArray[np.float32], npt.NDArray[np.float32]]],
    frames: int,
    draft: Calibration,
) -> _Trial:
    gallery = build_gallery([Template(person, enrolled, "") for person, enrolled, _ in drawn], "")
    size = gallery.size
    contrasts = np.empty((size, size))
    for row, (_, _, probe) in enumerate(drawn):
        distances = gallery.distances(probe)
        contrasts[row] = distances - draft.expected_stranger(distances, gallery.shape, frames)
    own = np.eye(size, dtype=bool)
    return _Trial(
        frames,
        contrasts[own],
        contrasts[~own].reshape(size, size - 1),
        gallery.shape.spread,
        gallery.trainees,
    )


def _fit_genuine(trials: Sequence[_Trial]) -> Spread:
    return _spread_over_frames(
        {
            frames: np.concatenate([trial.genuine for trial in trials if trial.frames == frames])
            for frames in sorted({trial.frames for trial in trials})
        }
    )


def _fit_impostor(trials: Sequence[_Trial]) -> Spread:
    """The impostor's spread is taken from its near tail, the part that decides, not from its middle."""
    means, widths = [], []
    for frames in AVERAGED:
        found = [trial.impostor.ravel() for trial in trials if trial.frames == frames]
        if found:
            values = np.concatenate(found)
            means.append(float(values.mean()))
            widths.append(_tail_width(values))
    shares = np.array([1.0 / frames for frames in AVERAGED[: len(means)]])
    slope, width = np.polyfit(shares, widths, 1) if len(widths) > 1 else (0.0, widths[0])
    # A line through four points may fall below one of them: raise it to cover all.
    width += max(0.0, float(np.max(np.array(widths) - (width + slope * shares))))
    return Spread(float(np.mean(means)), float(width) * _SAFETY, 0.0, float(slope) * _SAFETY)


def _tail_width(values: Distances) -> float:
    """The widest Gaussian that any of the near quantiles asks for."""
    mean = float(values.mean())
    widths = [float(values.std())]
    for share in _TAIL:
        if share * len(values) >= _TAIL_MIN_SAMPLES:
            widths.append((mean - float(np.quantile(values, share))) / -NormalDist().inv_cdf(share))
    return max(widths)


def _spread_over_frames(samples: Mapping[int, Distances]) -> Spread:
    """Least squares of mean and standard deviation over ``1/n``."""
    if not samples:
        raise InvalidInput("no two photos of one person in one condition", hint="add photos of each person")
    shares = np.array([1.0 / frames for frames in samples])
    means = np.array([values.mean() for values in samples.values()])
    sds = np.array([values.std() for values in samples.values()])
    if len(samples) == 1:
        return Spread(float(means[0]), float(sds[0]))
    mean_slope, mean = np.polyfit(shares, means, 1)
    sd_slope, sd = np.polyfit(shares, sds, 1)
    return Spread(float(mean), float(sd), float(mean_slope), float(sd_slope))


def _rates(
    trials: Sequence[_Trial], calibration: Calibration, groups: Mapping[str, str]
) -> Iterator[ErrorRates]:
    names = ["all", *sorted({group for group in groups.values() if group})]
    for name in names:
        for frames in sorted({trial.frames for trial in trials}):
            genuine, impostor = _evidence_of(trials, calibration, frames, groups, name)
            for llr in THRESHOLDS if len(genuine) else ():
                yield ErrorRates(
                    group=name,
                    frames=frames,
                    llr=llr,
                    false_match_rate=float((impostor >= llr).mean()),
                    false_non_match_rate=float((genuine < llr).mean()),
                    genuine=len(genuine),
                    impostor=len(impostor),
                )


def _evidence_of(
    trials: Sequence[_Trial], calibration: Calibration, frames: int, groups: Mapping[str, str], name: str
) -> tuple[Distances, Distances]:
    genuine: list[Distances] = []
    impostor: list[Distances] = []
    for trial in trials:
        if trial.frames != frames:
            continue
        chosen = np.array([name in ("all", groups.get(person, "")) for person in trial.people])
        roster = (frames, len(trial.people), trial.roster_spread)
        genuine.append(calibration.contrast_evidence(trial.genuine[chosen], *roster))
        impostor.append(calibration.contrast_evidence(trial.impostor[chosen].ravel(), *roster))
    return np.concatenate(genuine), np.concatenate(impostor)
