"""A roster as a browser sends it: one zip, or the table with its photos as separate files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from models.errors import RosterInvalid
from supervision_api.problems import UnsupportedUpload
from supervision_api.roster_files import PHOTO_SUFFIXES, RosterFiles, read_roster_archive, roster_of

MOST_FILES = 2_000
_TABLE_SUFFIXES = (".csv", ".xlsx")


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file; ``name`` is what the browser says and is not trusted."""

    name: str
    content: bytes


def read_upload(uploads: Sequence[Upload]) -> RosterFiles:
    """The roster in an upload.

    Raises:
        UnsupportedUpload: a kind of file that no roster has.
        RosterInvalid: no table, several, or a zip beside other files.
    """
    given = [upload for upload in uploads if upload.name or upload.content]
    if not given:
        raise RosterInvalid("no file was sent", hint="choose the roster's zip, or its table and photos")
    if len(given) > MOST_FILES:
        raise RosterInvalid(f"more than {MOST_FILES} files", hint="send the folder as one zip")
    if len(given) == 1 and _suffix(given[0]) == ".zip":
        return read_roster_archive(given[0].content, _plain(given[0]))
    return roster_of(_LooseFiles(_by_name(given)), "upload")


class _LooseFiles:
    """Uploaded files as the folder they were chosen from; their bytes are not copied."""

    def __init__(self, uploads: Mapping[str, Upload]) -> None:
        self._uploads = uploads

    def names(self) -> list[str]:
        return list(self._uploads)

    def read(self, name: str, limit: int) -> bytes:
        content = self._uploads[name].content
        if len(content) > limit:
            raise RosterInvalid(f"larger than {limit >> 20} MiB", place=name, hint="shrink it")
        return content


def _by_name(uploads: Sequence[Upload]) -> dict[str, Upload]:
    """The files by plain names. A table of any name becomes ``roster``: people upload 学员花名册.xlsx."""
    tables = [upload for upload in uploads if _suffix(upload) in _TABLE_SUFFIXES]
    if len(tables) != 1:
        raise RosterInvalid(
            f"{len(tables)} tables were sent where one is needed", hint="send one .csv or .xlsx, or one zip"
        )
    found: dict[str, Upload] = {}
    seen: set[str] = set()
    for upload in uploads:
        name = f"roster{_suffix(upload)}" if upload is tables[0] else _plain(upload)
        if _suffix(upload) not in (*_TABLE_SUFFIXES, *PHOTO_SUFFIXES):
            raise UnsupportedUpload(
                f"{_plain(upload)} is neither a table nor a photo",
                hint="send .csv or .xlsx and photos, or a .zip",
            )
        if name.lower() in seen:
            raise RosterInvalid(f"two files are called {name}", hint="rename one of them")
        seen.add(name.lower())
        found[name] = upload
    return found


def _plain(upload: Upload) -> str:
    """The last part of the name: a browser may send a path, an attacker one that climbs."""
    name = PurePosixPath(upload.name.replace("\\", "/")).name.replace("\x00", "")
    return name[:200] or "file"


def _suffix(upload: Upload) -> str:
    return PurePosixPath(_plain(upload)).suffix.lower()
