"""Ports between rooms: at most four methods each. Contract suites live in tests/contract/."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from models.footage import CameraReport, Gap, KeyVersion, Segment, StoredObject
from models.frame import Detection, EncodedFrame, FrameJudgement

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) uint8, BGR."""

Embedding = npt.NDArray[np.float32]
"""(128,) float32, unit: none."""


class Clock(Protocol):
    """Where time enters. ``monotonic_s`` never steps back; ``now`` is aware UTC and may."""

    def now(self) -> datetime: ...

    def monotonic_s(self) -> float: ...


class FrameBus(Protocol):
    """Encoded frames from recorders to recognisers. Full per camera: the oldest frame goes, counted."""

    def publish(self, frame: EncodedFrame) -> None: ...

    def take(self, timeout_s: float) -> EncodedFrame | None: ...

    def dropped(self, camera_id: str) -> int: ...

    def close(self) -> None: ...


class RecorderSink(Protocol):
    """What a recorder tells the rest. Called from the recorder's thread; must not block on network."""

    def segment_closed(self, segment: Segment) -> None: ...

    def gap_declared(self, gap: Gap) -> None: ...

    def camera_changed(self, report: CameraReport) -> None: ...


class JudgementSink(Protocol):
    """Where judged frames go."""

    def frame_judged(self, judgement: FrameJudgement) -> None: ...


class Detector(Protocol):
    """Finds faces. ``fingerprint`` names network and settings."""

    @property
    def fingerprint(self) -> str: ...

    def detect(self, picture: Picture) -> Sequence[Detection]: ...


class Encoder(Protocol):
    """Turns aligned faces into embeddings, ``(n, 128) float32``."""

    @property
    def fingerprint(self) -> str: ...

    def encode(self, picture: Picture, detections: Sequence[Detection]) -> npt.NDArray[np.float32]: ...


@runtime_checkable
class ObjectWriter(Protocol):
    """Writes once and locks. ``retain_until`` is an explicit instant; ``put_locked`` reads its lock back."""

    def put_locked(
        self, key: str, path: str, sha256: str, retain_until: datetime, *, hold: bool = False
    ) -> StoredObject: ...

    def extend_lock(self, key: str, version: str, retain_until: datetime) -> StoredObject: ...

    def set_hold(self, key: str, version: str, held: bool) -> StoredObject: ...

    def capabilities(self) -> str: ...


@runtime_checkable
class ObjectReader(Protocol):
    """Reads. ``end`` is exclusive; ``None`` means to the end."""

    def stat(self, key: str, version: str | None = None) -> StoredObject: ...

    def read_range(self, key: str, start: int, end: int | None) -> bytes: ...

    def list_versions(self, prefix: str) -> Sequence[StoredObject]: ...

    def presign(self, key: str, expires_s: int) -> str | None: ...


@runtime_checkable
class ObjectPurger(Protocol):
    """Removes what is neither retained nor held; everything else raises ``ObjectLocked``.

    ``versions``: all that lies under this very key, delete markers too, the oldest first; a key is gone when
    there is none. ``delete_version`` takes any of them.
    """

    def versions(self, key: str) -> Sequence[KeyVersion]: ...

    def delete_version(self, key: str, version: str) -> None: ...

    def purge_expired(self, prefix: str, now: datetime) -> Sequence[StoredObject]: ...
