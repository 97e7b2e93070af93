"""The immutable attribute of Linux filesystems (``chattr +i``), by ioctl (linux/fs.h).

A file that has it cannot be written, renamed, linked or removed by anyone, root included, until root takes
the attribute off again. It needs CAP_LINUX_IMMUTABLE and a filesystem that has the attribute.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

_GET_FLAGS: Final = 0x80086601
_SET_FLAGS: Final = 0x40086602
_IMMUTABLE: Final = 0x10
_WORD: Final = struct.Struct("@i")


def set_immutable(path: Path, immutable: bool) -> bool:
    """Set or clear the attribute; whether that worked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        flags = _flags(descriptor)
        wanted = flags | _IMMUTABLE if immutable else flags & ~_IMMUTABLE
        if wanted != flags:
            fcntl.ioctl(descriptor, _SET_FLAGS, _WORD.pack(wanted))
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def is_immutable(path: Path) -> bool:
    """Whether the file has the attribute; ``False`` where the filesystem knows none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return bool(_flags(descriptor) & _IMMUTABLE)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def immutability_works(probe: Path) -> bool:
    """Whether the attribute really protects here, found by trying to remove a file that has it.

    ``probe``: a file of the caller's, which may be gone afterwards.
    """
    try:
        if not set_immutable(probe, True):
            return False
        try:
            probe.unlink()
        except PermissionError:
            return True
        return False
    finally:
        set_immutable(probe, False)


def _flags(descriptor: int) -> int:
    answer = fcntl.ioctl(descriptor, _GET_FLAGS, _WORD.pack(0))
    return int(_WORD.unpack(answer)[0])
