"""Files on their way into the store: each belongs to the process that writes it, until it is done or dead.

A writer keeps its file locked (``flock``) from its making to its end; the lock dies with the process. So
whoever gets the lock of a file here knows that nobody is at it any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storage.objects.immutable import set_immutable

# Each further try needs another process that starts within the same microseconds.
_TRIES: Final = 64


@contextmanager
def claimed(folder: Path) -> Iterator[tuple[Path, int]]:
    """A new, empty file (0600) and its descriptor; no sweeper touches it inside the block.

    Afterwards name and descriptor are gone.

    Raises:
        OSError: it cannot be made.
    """
    path, descriptor = _claim(folder)
    try:
        yield path, descriptor
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove what dead processes left; their bytes are in the spool still."""
    for leftover in folder.iterdir():
        try:
            descriptor = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # its writer was done meanwhile
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            set_immutable(leftover, False)  # a probe that was interrupted
            leftover.unlink(missing_ok=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)


def _claim(folder: Path) -> tuple[Path, int]:
    for _ in range(_TRIES):
        path = folder / secrets.token_hex(16)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between making and locking, a sweeper of another process may have taken it for a leftover.
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)
    raise OSError(errno.EBUSY, "others keep sweeping this folder", str(folder))
