"""Copies of a bundle's footage with faces blurred: derived, marked, never in the place of the original."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from models.footage import Segment
from recognition.blurred_clip import write_blurred_clip
from recognition.detectors import best_detector
from storage.bundle_documents import footage_name
from supervision_api.pipeline.bundling import Derive
from supervision_api.pipeline.faces import face_setup
from supervision_api.settings import Settings


def blurred_copies(settings: Settings, progress: Callable[[float, str], None]) -> Derive:
    """What ``write_ordered_bundle`` calls for ``--blur-faces``.

    Raises:
        WeightsUnusable: the detector's weights are missing or altered.
    """
    setup = face_setup(settings)
    detector = best_detector(*setup.weights_dirs, choice=setup.detector, threads=setup.threads)

    def derive(
        sources: Mapping[Segment, Callable[[], Iterator[bytes]]], folder: Path
    ) -> Mapping[str, tuple[Path, str]]:
        copies: dict[str, tuple[Path, str]] = {}
        for number, (segment, read) in enumerate(sources.items()):
            progress(number / len(sources), "blurring faces")
            original, copy = folder / "original.mp4", folder / f"{number}.mp4"
            with original.open("wb") as out:
                out.writelines(read())
            write_blurred_clip(original, copy, detector, segment.sha256)
            original.unlink()
            copies[derived_name(segment)] = copy, segment.sha256
        return copies

    return derive


def derived_name(segment: Segment) -> str:
    """Where the copy lies in the bundle; it names lesson, camera, sequence and the original's hash."""
    whole = footage_name(segment.camera_id, segment.sequence, segment.sha256, segment.lesson_id)
    return whole.replace("footage/", "derived/", 1).replace(".mp4", "-faces-blurred.mp4")
