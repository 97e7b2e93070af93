"""Files that are whole or not there: written beside, synced, then renamed."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import DiskFull, StorageError


@contextmanager
def written_atomically(target: Path) -> Iterator[Path]:
    """A path to write to; on leaving without an error it becomes ``target``, else it is removed.

    The folder is created when missing. Two processes may write the same target at once; the last one wins.

    Raises:
        StorageError: the folder or the file cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".partial-")
        os.close(handle)
    except OSError as exc:
        raise unwritable(target, exc) from None
    partial = Path(name)
    try:
        yield partial
        publish(partial, target)
    except OSError as exc:
        raise unwritable(target, exc) from None
    finally:
        partial.unlink(missing_ok=True)


def publish(partial: Path, target: Path) -> None:
    """Syncs a finished file and gives it its name, also across a power cut.

    Raises:
        OSError: not possible.
    """
    _sync(partial)
    # Temporary files are private to their maker; other accounts of the service read weights and caches too.
    partial.chmod(0o644)
    partial.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(target: Path, exc: OSError) -> StorageError:
    """Our error for a failed write; a full disk is told apart."""
    kind = DiskFull if exc.errno == errno.ENOSPC else StorageError
    return kind(
        f"cannot be written: {exc.strerror or 'input or output failed'}",
        place=str(target),
        hint="make the folder writable and see that the disk has room",
    )
