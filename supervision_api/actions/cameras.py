"""Cameras: their addresses go in and never come out whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from models.errors import InvalidInput
from models.plain_text import plain_text, unfit_character
from models.register import Camera
from storage.repositories.writing import checked_id
from storage.unit_of_work import UnitOfWork

SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "http", "https"})
LONGEST_ADDRESS = 2000


@dataclass(frozen=True, slots=True)
class CameraDraft:
    """What someone files for a camera; ``address`` ``None``: keep the stored one."""

    camera_id: str
    display_name: str = ""
    room: str = ""
    address: str | None = None
    enabled: bool = True


def add_camera(work: UnitOfWork, draft: CameraDraft) -> Camera:
    """Raises ``Conflict`` when the id is taken, ``InvalidInput`` naming the field."""
    if draft.address is None:
        raise InvalidInput("a camera needs an address", place="address", hint="write rtsp://host/path")
    camera_id = checked_id(draft.camera_id.strip(), "camera_id")
    return work.cameras.add(_filled(Camera(camera_id, "", ""), draft))


def change_camera(work: UnitOfWork, current: Camera, draft: CameraDraft) -> Camera:
    """Raises ``Conflict`` when it was changed meanwhile, ``InvalidInput`` naming the field."""
    return work.cameras.change(_filled(current, draft))


def shown_address(address: str) -> str:
    """The address as people may see it: scheme, host and path; user, password and query left out."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    port = f":{parts.port}" if _port(address) is not None else ""
    secret = "•••@" if "@" in parts.netloc else ""
    query = "?•••" if parts.query else ""
    return f"{parts.scheme}://{secret}{host}{port}{parts.path}{query}"


def _filled(base: Camera, draft: CameraDraft) -> Camera:
    address = base.address if draft.address is None else checked_address(draft.address)
    return replace(
        base,
        display_name=plain_text(draft.display_name, "display_name")[:200],
        room=plain_text(draft.room, "room")[:100],
        address=address,
        enabled=draft.enabled,
    )


def checked_address(address: str) -> str:
    """An address a recorder may open: a stream of the network, never a file of this machine.

    Raises:
        InvalidInput: says what is wrong without repeating the address, which may hold a password.
    """
    text = address.strip()
    if len(text) > LONGEST_ADDRESS or any(ord(char) < 33 for char in text) or unfit_character(text):
        raise InvalidInput(
            "the address holds blanks or is too long", place="address", hint="encode blanks as %20"
        )
    scheme = text.partition("://")[0].lower()
    if scheme == "srt":
        raise InvalidInput(
            "SRT cannot be read here", place="address", hint="put MediaMTX in front and give its rtsp address"
        )
    if scheme not in SCHEMES or "://" not in text:
        known = ", ".join(sorted(SCHEMES))
        raise InvalidInput("this is no stream address", place="address", hint=f"begin it with one of {known}")
    try:
        host = urlsplit(text).hostname
    except ValueError:
        host = None
    if not host or (_port(text) is None and _has_port(text)):
        raise InvalidInput(
            "the address names no usable host and port", place="address", hint="rtsp://host:554/path"
        )
    return text


def _port(address: str) -> int | None:
    try:
        return urlsplit(address).port
    except ValueError:
        return None


def _has_port(address: str) -> bool:
    netloc = urlsplit(address).netloc.rpartition("@")[2]
    return netloc.rpartition("]")[2].startswith(":") if "[" in netloc else ":" in netloc
