"""Choose the cast of the synthetic class: ``python -m tests.benchmarks.choose_cast --cache DIR``.

Draws many people, measures them with the product's own encoder and HOG, and prints the seeds of those
that lie far apart while each stays close to the own portrait. Put the printed tuple into
``ingest/synthetic/cast.py`` after any change to how heads are drawn.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from ingest.synthetic.bodies import draw_body
from ingest.synthetic.choosing import (
    VIEWS,
    Embeddings,
    contrasts,
    farthest_first,
    genuine_distances,
    impostor_distances,
)
from ingest.synthetic.enrolment import portrait
from ingest.synthetic.heads import FRAME, Head, Light, Pose
from ingest.synthetic.room import Picture
from ingest.synthetic.sprites import paste
from ingest.synthetic.traits import traits_from_seed
from recognition.detectors import HogDetector
from recognition.encoder import FaceRecognitionEncoder, open_encoder

HEAD_PX = 190
JPEG_QUALITY = 70


class Measure:
    """Embeddings of a synthetic person's views, as a classroom camera would give them."""

    def __init__(self, cache: Path) -> None:
        self._encoder: FaceRecognitionEncoder = open_encoder(cache)
        self._hog = HogDetector(upsample=0)

    def portrait(self, seed: int) -> Embeddings:
        """(1, 128) of the enrolment portrait; NaN where HOG finds no face."""
        return self._embed(portrait(traits_from_seed(seed)))[None]

    def views(self, seed: int, views: tuple[tuple[Pose, Light], ...]) -> Embeddings:
        """(views, 128); NaN where HOG finds no face."""
        traits = traits_from_seed(seed)
        head = Head(traits)
        return np.stack([self._embed(_scene(head, pose, light)) for pose, light in views])

    def _embed(self, picture: Picture) -> np.ndarray:
        middle = picture.shape[1] / 2
        found = [d for d in self._hog.detect(picture) if abs(d.box.centre[0] - middle) < HEAD_PX * 0.2]
        return self._encoder.encode(picture, found[:1])[0] if found else np.full(128, np.nan, np.float32)


def _scene(head: Head, pose: Pose, light: Light) -> Picture:
    """A head on its shoulders before a wall, with the loss of a codec."""
    side = HEAD_PX + 50
    picture = np.full((side, side, 3), (196, 207, 212), np.uint8)
    body, anchor = draw_body(head.traits, HEAD_PX / FRAME)
    paste(picture, body, side // 2 - anchor[0], side // 2 - anchor[1])
    paste(picture, head.render(HEAD_PX, pose, light)[0], 25, 25)
    _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the converted encoder")
    parser.add_argument("--seeds", type=int, default=4800)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--finalists", type=int, default=640)
    parser.add_argument("--genuine", type=float, default=0.36, help="largest distance from the own portrait")
    parser.add_argument("--contrast", type=float, default=0.44, help="nearer to oneself than to others by")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    measure = Measure(options.cache)
    fronts = np.stack([measure.portrait(seed) for seed in range(options.seeds)])
    usable = np.flatnonzero(~np.isnan(fronts[:, 0, 0]))
    spread = usable[list(farthest_first(impostor_distances(fronts[usable]), options.finalists))]
    views = np.stack([measure.views(int(seed), VIEWS) for seed in spread])
    embeddings = np.concatenate([fronts[spread], views], axis=1)
    steady = genuine_distances(embeddings) <= options.genuine
    kept, seeds = embeddings[steady], spread[steady]
    clear = contrasts(kept) >= options.contrast
    kept, seeds = kept[clear], seeds[clear]
    chosen = list(farthest_first(impostor_distances(kept), options.count))
    report(kept[chosen])
    print("CAST_SEEDS =", tuple(int(seed) for seed in seeds[chosen]))
    return 0


def report(cast: Embeddings) -> None:
    """Genuine and impostor distances of a cast."""
    genuine, impostor = genuine_distances(cast), impostor_distances(cast)
    print(f"{len(cast)} people; genuine (own portrait to views): max {genuine.max():.3f}")
    print(f"contrast of the mean view: min {contrasts(cast).min():.3f}")
    for size in (16, 24, 40, 46, len(cast)):
        part = impostor[:size, :size]
        print(f"nearest impostor (any view to a portrait) among the first {size}: {part.min():.3f}")


if __name__ == "__main__":
    sys.exit(main())
