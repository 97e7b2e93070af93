"""Writing so that it lasts: temporary file → fsync → rename or link → fsync of the folder."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_disk_full(error: OSError) -> bool:
    """Whether an operating system's error says that there is no room left (disk or quota)."""
    return error.errno in _FULL


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; without it a crash may lose a file that was itself synced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's bytes durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path, root: Path) -> None:
    """Make a folder below ``root`` with all its parents, each durable in the one above it."""
    missing = []
    step = folder
    while step != root and not step.is_dir():
        missing.append(step)
        step = step.parent
    for made in reversed(missing):
        made.mkdir(exist_ok=True)
        sync_folder(made.parent)


def write_durably(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a small file as a whole: readers see the old or the new content, never a mixture."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
