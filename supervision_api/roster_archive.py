"""Where a roster's files lie: a folder, or a zip whose members were all judged before any is read."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path, PurePosixPath

from models.errors import RosterInvalid

TABLE_NAMES = ("roster.csv", "roster.xlsx")
# Bounds that a real class never meets: 10,000 trainees with three photos of 10 MB would pass.
MAX_MEMBERS = 60_000
MAX_UNPACKED_BYTES = 4 * 1024**3
# A photo is compressed already; a member that shrinks more than this was made to fill a disk.
MAX_RATIO = 200
# What zipfile and its decompressors raise for archives that are damaged, or that nobody's program wrote.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
)


class Folder:
    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def names(self) -> list[str]:
        found = []
        for path in self._root.rglob("*"):
            # A link may point anywhere; only what really lies in the folder counts.
            if path.is_file() and path.resolve().is_relative_to(self._root):
                found.append(path.relative_to(self._root).as_posix())
        return found

    def read(self, name: str, limit: int) -> bytes:
        path = self._root / name
        try:
            if path.stat().st_size > limit:
                raise RosterInvalid(f"larger than {limit >> 20} MiB", place=name, hint="shrink it")
            return path.read_bytes()
        except OSError as exc:
            raise RosterInvalid(f"cannot be read ({exc.strerror})", place=name, hint="check it") from None


class Archive:
    """A zip whose members were all judged before any is read."""

    def __init__(self, content: bytes | Path, place: str) -> None:
        self._place = place
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content) if isinstance(content, bytes) else content)
        except _DAMAGE:
            raise RosterInvalid(
                "not a readable zip archive", place=place, hint="zip the folder again"
            ) from None
        self._members = self._judge()

    def _judge(self) -> dict[str, zipfile.ZipInfo]:
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        if len(infos) > MAX_MEMBERS:
            raise self._refused(f"more than {MAX_MEMBERS} files", "split the class")
        if sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
            raise self._refused("unpacks to more than 4 GiB", "shrink the photos")
        self._refuse_overlaps(infos)
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = _decoded_name(info)
            self._judge_member(name, info)
            if name in members:
                raise self._refused(f"holds two files called {_shown(name)}", "keep one of them")
            if not name.startswith("__MACOSX/"):
                members[name] = info
        return _without_top_folder(members)

    def _judge_member(self, name: str, info: zipfile.ZipInfo) -> None:
        if _leaves_folder(name):
            raise self._refused(
                f"holds a file name that leaves its folder: {_shown(name)}", "zip only the roster's folder"
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise self._refused(f"holds a link: {_shown(name)}", "zip the file itself")
        if info.flag_bits & 0x1:
            raise self._refused("is encrypted", "zip it without a password")
        if info.file_size > 1024 * 1024 and info.file_size > MAX_RATIO * max(1, info.compress_size):
            raise self._refused(
                f"{_shown(name)} unpacks to over {MAX_RATIO} times its size",
                "a photo never does; make the archive anew",
            )

    def _refuse_overlaps(self, infos: list[zipfile.ZipInfo]) -> None:
        """Members that share bytes unpack to more than the archive could hold (D. Fifield, 2019)."""
        ordered = sorted(infos, key=lambda info: info.header_offset)
        for one, following in pairwise(ordered):
            if one.header_offset + one.compress_size > following.header_offset:
                raise self._refused("has members that overlap", "make the archive anew")

    def _refused(self, message: str, hint: str) -> RosterInvalid:
        return RosterInvalid(message, place=self._place, hint=hint)

    def names(self) -> list[str]:
        return list(self._members)

    def read(self, name: str, limit: int) -> bytes:
        info = self._members[name]
        if info.file_size > limit:
            raise RosterInvalid(f"larger than {limit >> 20} MiB", place=name, hint="shrink it")
        try:
            with self._zip.open(info) as member:
                content = member.read(limit + 1)
        except _DAMAGE:
            raise RosterInvalid(
                "is damaged in the archive", place=name, hint="zip the folder again"
            ) from None
        if len(content) > limit:
            raise RosterInvalid("is larger than it says", place=name, hint="zip the folder again")
        return content


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """Windows zips Chinese names as GBK without the UTF-8 flag; zipfile then reads them as cp437."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("gbk")
        except UnicodeError:
            name = info.filename
    return name.replace("\\", "/")


def _shown(name: str) -> str:
    """A member's name as a message repeats it: short, and without what a terminal would obey."""
    return repr(name if len(name) <= 80 else f"{name[:79]}…")


def _leaves_folder(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return name.startswith("/") or ".." in parts or "\x00" in name or (len(name) > 1 and name[1] == ":")


def _without_top_folder(members: dict[str, zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """A zip of a folder holds everything under that folder's name; a zip of its content does not."""
    if any(name in TABLE_NAMES for name in members):
        return members
    tops = {name.split("/", 1)[0] for name in members if "/" in name}
    if len(tops) == 1 and all("/" in name for name in members):
        return {name.split("/", 1)[1]: info for name, info in members.items()}
    return members
