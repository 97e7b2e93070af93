"""Files that hold secrets: created once, readable by their owner alone, never replaced by accident.

A secret is written 0600, synced, and only then linked under its name, so that neither a crash nor a full
disk leaves half a key behind. A file that others can read is refused: a key that leaked is not a key.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from models.errors import DiskFull, KeyUnusable
from storage.durable import is_disk_full, sync_folder

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LARGEST_BYTES = 64 * 1024


def create_secret_file(path: Path, content: bytes) -> None:
    """Write a new secret file, 0600, durable when this returns.

    Raises:
        KeyUnusable: the file exists already, or cannot be written here.
        DiskFull: no room for it.
    """
    _make_key_folder(path.parent)
    temporary = _write_temporary(path, content)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise KeyUnusable(
            "a key file is already there and is never replaced", place=str(path), hint="use the existing key"
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace_secret_file(path: Path, content: bytes) -> None:
    """Replace a secret file by a fuller one (a rotation adds keys), atomically and durably."""
    temporary = _write_temporary(path, content)
    try:
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from None
    sync_folder(path.parent)


def read_secret_file(path: Path) -> bytes:
    """Content of a secret file.

    Raises:
        KeyUnusable: missing, not a plain file, too large to be a key, not ours to read, or readable by
            its group or by others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise KeyUnusable(
            "the key file is missing", place=str(path), hint="restore it from a backup"
        ) from None
    except OSError as error:
        raise KeyUnusable(
            f"the key file cannot be opened ({error.strerror})", place=str(path), hint="check owner and path"
        ) from None
    try:
        _refuse_open_to_others(path, os.fstat(descriptor))
        content = os.read(descriptor, _LARGEST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _LARGEST_BYTES:
        raise KeyUnusable("too large to be a key file", place=str(path), hint="restore it from a backup")
    return content


def _refuse_open_to_others(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyUnusable("this is not a plain file", place=str(path), hint="name the key file itself")
    if status.st_mode & _OTHERS:
        raise KeyUnusable(
            f"the key file is readable by others (mode {stat.S_IMODE(status.st_mode):04o})",
            place=str(path),
            hint=f"run: chmod 600 {path}",
        )


def _make_key_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyUnusable(
            f"the key folder cannot be made ({error.strerror})", place=str(folder), hint="check the path"
        ) from None


def _write_temporary(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from None
    return temporary


def _unwritable(path: Path, error: OSError) -> DiskFull | KeyUnusable:
    if is_disk_full(error):
        return DiskFull("no room to write a key file", place=str(path), hint="free space on this disk")
    return KeyUnusable(
        f"the key file cannot be written ({error.strerror})", place=str(path), hint="check owner and path"
    )
