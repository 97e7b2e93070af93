"""Which footage belongs to a claim: the whole segments in which its instants lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.attendance import EvidenceLink
from models.footage import Segment


def segments_of_claim(segments: Iterable[Segment], instants: Iterable[EvidenceLink]) -> tuple[Segment, ...]:
    """The segments that show the instants, by camera and sequence, each once.

    An instant without a camera is looked for in all of them. Where an instant has no footage, the last
    segment before it and the first after it are taken: they show what lies on either side of the gap.
    """
    by_camera: dict[str, list[Segment]] = {}
    for segment in sorted(segments, key=lambda one: (one.camera_id, one.starts_at, one.sequence)):
        by_camera.setdefault(segment.camera_id, []).append(segment)
    chosen: dict[tuple[str, int], Segment] = {}
    for link in instants:
        for camera in [link.camera_id] if link.camera_id else sorted(by_camera):
            for segment in _around(by_camera.get(camera, ()), link):
                chosen[segment.camera_id, segment.sequence] = segment
    return tuple(chosen[key] for key in sorted(chosen))


def _around(segments: Sequence[Segment], link: EvidenceLink) -> list[Segment]:
    showing = [one for one in segments if one.starts_at <= link.at < one.ends_at]
    if showing:
        return showing
    before = [one for one in segments if one.ends_at <= link.at][-1:]
    after = [one for one in segments if one.starts_at > link.at][:1]
    return before + after
