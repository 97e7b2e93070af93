"""Addresses of streams: which kinds are read here, and how to show one without its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from models.errors import StreamUnsupported

# Some cameras carry the password in the query (``?user=admin&password=…``): no list of names is ever whole,
# so a query is shown by its keys only.
HIDDEN = "***"


class Scheme(StrEnum):
    """Kinds of address that a recorder opens."""

    RTSP = "rtsp"
    RTSPS = "rtsps"
    RTMP = "rtmp"
    RTMPS = "rtmps"
    HTTP = "http"
    HTTPS = "https"
    FILE = "file"


class Transport(StrEnum):
    """How RTP packets travel under RTSP."""

    TCP = "tcp"
    UDP = "udp"


LIVE_SCHEMES = frozenset(Scheme) - {Scheme.FILE}
RTSP_SCHEMES = frozenset({Scheme.RTSP, Scheme.RTSPS})
TLS_SCHEMES = frozenset({Scheme.RTSPS, Scheme.RTMPS, Scheme.HTTPS})

_ADVICE = {
    "srt": "SRT is not built in: put MediaMTX in front of the camera and give its rtsp:// address",
    "webrtc": "put MediaMTX in front of the camera and give its rtsp:// address",
    "whep": "put MediaMTX in front of the camera and give its rtsp:// address",
    "udp": "a bare UDP stream has no owner: put MediaMTX in front and give its rtsp:// address",
    "rtp": "a bare RTP stream has no owner: put MediaMTX in front and give its rtsp:// address",
}
_KNOWN = "use rtsp://, rtsps://, rtmp://, rtmps://, an http(s):// address ending in .m3u8, or a file"


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """A checked address. ``url`` may hold a password and stays out of ``repr``; ``shown`` never does.

    ``ca_file``: certificates (PEM) of the authorities that a TLS server must be vouched for by, if any.
    """

    scheme: Scheme
    url: str = field(repr=False)
    shown: str
    transport: Transport = Transport.TCP
    ca_file: Path | None = None

    @property
    def live(self) -> bool:
        return self.scheme in LIVE_SCHEMES

    def __str__(self) -> str:
        return self.shown


def parse_address(text: str, transport: Transport | None = None) -> StreamAddress:
    """Check one address and say how it is opened.

    ``#transport=udp`` at the end chooses UDP for RTSP; a fragment never reaches the camera, so it cannot
    collide with the camera's own query. ``transport`` (a configured field) goes before it.

    Raises:
        StreamUnsupported: another kind of address (SRT with advice), or no host.
    """
    text = text.strip()
    if not text:
        raise StreamUnsupported("no address is configured", hint="enter the camera's stream address")
    parts = _split(text)
    name = parts.scheme.lower()
    if "://" not in text and not text.lower().startswith("file:"):
        return StreamAddress(Scheme.FILE, text, _shown_path(text))
    if name == Scheme.FILE:
        path = unquote(parts.path)
        return StreamAddress(Scheme.FILE, path, _shown_path(path))
    scheme = _live_scheme(name, parts)
    chosen = transport or _fragment_transport(parts.fragment)
    return StreamAddress(scheme, urlunsplit(parts._replace(fragment="")), redact(text), chosen)


def redact(text: str) -> str:
    """The address without user, password and the values of its query. Anything unreadable becomes ``***``."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return HIDDEN
    if not parts.scheme or not parts.netloc:
        return _shown_path(text)
    if "@" not in parts.netloc and "@" in f"{parts.path}?{parts.query}#{parts.fragment}":
        # An unquoted #, / or ? in a password: what looks like the host is the user.
        return f"{parts.scheme}://{HIDDEN}"
    if ":" in host:
        host = f"[{host}]"
    netloc = f"{host}:{port}" if port is not None else host
    if "@" in parts.netloc:
        netloc = f"{HIDDEN}@{netloc}"
    keys = (item.partition("=")[0] for item in parts.query.split("&") if item)
    # A value without a key ("?token") may be the secret itself.
    query = "&".join(f"{key}={HIDDEN}" if "=" in parts.query else HIDDEN for key in keys)
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def with_login(url: str, username: str, password: str) -> str:
    """``url`` with user and password in it, percent-quoted; one that already has them keeps its own."""
    parts = urlsplit(url)
    if not username or "@" in parts.netloc or not parts.netloc:
        return url
    login = f"{quote(username, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise StreamUnsupported(f"not an address: {redact(text)}", hint=_KNOWN) from None
    return parts


def _live_scheme(name: str, parts: SplitResult) -> Scheme:
    shown = redact(urlunsplit(parts))
    if name not in {scheme.value for scheme in LIVE_SCHEMES}:
        hint = _ADVICE.get(name, _KNOWN)
        raise StreamUnsupported(f"cannot read {name}:// addresses: {shown}", hint=hint)
    if not parts.hostname:
        raise StreamUnsupported(f"the address has no host: {shown}", hint=_KNOWN)
    scheme = Scheme(name)
    if scheme in {Scheme.HTTP, Scheme.HTTPS} and not parts.path.lower().endswith(".m3u8"):
        hint = "give the HLS playlist's address, ending in .m3u8; download other files first"
        raise StreamUnsupported(f"only HLS playlists are read over {name}: {shown}", hint=hint)
    return scheme


def _fragment_transport(fragment: str) -> Transport:
    for item in fragment.split("&"):
        key, _, value = item.partition("=")
        if key == "transport" and value.lower() in {member.value for member in Transport}:
            return Transport(value.lower())
        if key == "transport":
            raise StreamUnsupported("this transport is unknown", hint="use #transport=tcp or #transport=udp")
    return Transport.TCP


def _shown_path(path: str) -> str:
    return PurePath(path).name or path
