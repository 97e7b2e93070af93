"""How a store opens the file that it is to keep: plainly, or through a limit on bytes per second."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from typing import BinaryIO, Final, cast

from models.errors import NotFound, StorageError
from models.token_bucket import TokenBucket, bucket_of

# A read waits for its bytes; larger ones would let a connection fall silent for long at a low limit.
SLICE_BYTES: Final = 64 * 1024

OpenSource = Callable[[str], BinaryIO]
"""Opens a file of the spool for reading, from its beginning. Raises ``NotFound``, ``OSError``."""


def open_plainly(path: str) -> BinaryIO:
    """Raises ``NotFound`` where no file is, ``OSError`` where it cannot be read."""
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb")
    except FileNotFoundError:
        raise NotFound("the file to store is not there", place=path) from None


def unreadable(error: OSError, place: str) -> StorageError:
    """What is wrong with the file must not look like a line that fails."""
    reason = os.strerror(error.errno) if error.errno else "read error"
    return StorageError(f"the file to store cannot be read ({reason})", place=place)


class Throttle:
    """One bandwidth limit for all workers of a process. Thread-safe.

    ``mbit_s``: 0 means no limit. ``rest``: waits so many seconds, or shorter once the event is set.
    """

    def __init__(
        self,
        mbit_s: float,
        monotonic_s: Callable[[], float],
        rest: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._monotonic_s = monotonic_s
        self._rest = rest
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._bucket: TokenBucket | None = bucket_of(mbit_s, monotonic_s()) if mbit_s > 0 else None

    def spend(self, size_bytes: int) -> None:
        """Returns when so many bytes may go."""
        if self._bucket is None or self._released.is_set():
            return
        with self._lock:
            self._bucket, wait_s = self._bucket.take(size_bytes, self._monotonic_s())
        if wait_s > 0:
            self._rest(self._released, wait_s)

    def release(self) -> None:
        """From now on nothing waits: the program ends, and its last files shall not hold it up."""
        self._released.set()

    def open(self, path: str) -> BinaryIO:
        """An ``OpenSource`` whose reads wait for their bytes; nothing of the file is held in memory."""
        plain = open_plainly(path)
        return plain if self._bucket is None else cast(BinaryIO, MeteredFile(plain, self))


class MeteredFile(io.RawIOBase):
    """A file that is read no faster than its throttle allows, in slices; seeking costs nothing."""

    def __init__(self, file: BinaryIO, throttle: Throttle) -> None:
        super().__init__()
        self._file = file
        self._throttle = throttle

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fills at most one slice; 0 at the end."""
        content = self._file.read(min(len(buffer), SLICE_BYTES))
        self._throttle.spend(len(content))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()
        super().close()
