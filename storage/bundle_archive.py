"""A bundle as one zip file, for sending."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Final

from models.errors import Conflict, DiskFull, StorageError

# The earliest date a zip entry can bear: the same for all, so that equal bundles make equal archives.
_NO_DATE: Final = (1980, 1, 1, 0, 0, 0)


def zip_bundle(folder: Path, target: Path) -> Path:
    """Pack a bundle's folder into ``target``, stored without compression, with equal bytes for equal bundles.

    The archive appears whole or not at all.

    Raises:
        Conflict: the target exists.
        DiskFull, StorageError: it cannot be written.
    """
    if target.exists():
        raise Conflict(f"{target} exists", hint="name another file")
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as out:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
                for path in _files(folder):
                    _add(archive, path.relative_to(folder).as_posix(), path)
            out.flush()
            os.fsync(out.fileno())
        partial.rename(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        kind = DiskFull if error.errno in (28, 122) else StorageError
        raise kind(f"the archive cannot be written: {error.strerror}", place=str(target)) from None
    return target


def _files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.as_posix())


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    entry = zipfile.ZipInfo(name, _NO_DATE)
    entry.external_attr = 0o100644 << 16
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(entry, "w") as out:
        shutil.copyfileobj(source, out, 1 << 20)
