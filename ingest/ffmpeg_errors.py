"""Foreign errors stop here: FFmpeg's own messages hold the whole address, password included.

Every function gives an error to raise *outside* the ``except`` block, so that no chain leads back to the
foreign one.
"""

from __future__ import annotations

import errno
import os

import av.error

from ingest.address import TLS_SCHEMES, StreamAddress
from models.errors import (
    StreamDenied,
    StreamError,
    StreamLost,
    StreamStalled,
    StreamUnreachable,
    StreamUnsupported,
    VideoInvalid,
)

FFMPEG_ERRORS = (av.error.FFmpegError, OSError, ValueError, EOFError, IndexError)
"""All that PyAV raises when a stream cannot be opened or read (its own errors mix these built-ins in).

IndexError: the end of a stream (FLV, RTMP) in which FFmpeg found another one, say sound, while it was read.
"""

_DENIED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)
_UNSUPPORTED = (
    av.error.ProtocolNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.DecoderNotFoundError,
    av.error.PatchWelcomeError,
)

_TIMED_OUT = frozenset({errno.ETIMEDOUT, errno.EAGAIN})


def open_failure(
    exc: BaseException, address: StreamAddress, waited_s: float, *, timed_out: bool = False
) -> StreamError:
    """Why a stream could not be opened, in words without secrets.

    ``timed_out``: the policy's ``waited_s`` were over when the error came; FFmpeg often calls that otherwise.
    """
    shown = address.shown
    if isinstance(exc, _DENIED):
        return StreamDenied(
            f"the camera refused the login for {shown}", hint="check user name and password of this camera"
        )
    if isinstance(exc, av.error.HTTPNotFoundError):
        return StreamUnreachable(
            f"the camera answers but has no such stream: {shown}", hint="check the path of the address"
        )
    if isinstance(exc, _UNSUPPORTED):
        return StreamUnsupported(
            f"this kind of stream cannot be read: {shown}",
            hint="choose H.264 or H.265 in the camera's settings",
        )
    if timed_out or isinstance(exc, av.error.ExitError) or _errno(exc) in _TIMED_OUT:
        return StreamUnreachable(
            f"no stream within {waited_s:g} s from {shown}",
            hint="check that the camera is on and that this machine reaches its address and port",
        )
    return StreamUnreachable(f"cannot open {shown}: {_plain_cause(exc)}", hint=_open_hint(exc, address))


def read_failure(exc: BaseException, address: StreamAddress, waited_s: float) -> StreamLost:
    """Why an open stream gave no more packets."""
    if isinstance(exc, av.error.ExitError) or _errno(exc) in _TIMED_OUT:
        return stalled(address, waited_s)
    if isinstance(exc, EOFError):
        return StreamLost(f"the camera ended the stream {address.shown}", hint="it is opened again by itself")
    return StreamLost(
        f"the stream {address.shown} broke: {_plain_cause(exc)}", hint="it is opened again by itself"
    )


def stalled(address: StreamAddress, waited_s: float) -> StreamStalled:
    return StreamStalled(
        f"no video for {waited_s:.3g} s from {address.shown}", hint="it is opened again by itself"
    )


def file_failure(exc: BaseException, address: StreamAddress) -> VideoInvalid:
    """Why a file is not a usable video."""
    if isinstance(exc, FileNotFoundError):
        return VideoInvalid(f"no such file: {address.shown}", hint="check the path")
    if isinstance(exc, IsADirectoryError):
        return VideoInvalid(f"{address.shown} is a folder", hint="name the video file in it")
    if isinstance(exc, PermissionError):
        return VideoInvalid(f"{address.shown} may not be read", hint="give this user the right to read it")
    return VideoInvalid(
        f"{address.shown} is not a video that can be read: {_plain_cause(exc)}",
        hint="play it in a video player to see if it is whole; export it again as MP4 (H.264) if not",
    )


def _plain_cause(exc: BaseException) -> str:
    """Cause in general words: the system's text for the error number, never the foreign message."""
    # EINVAL is FFmpeg's word for a form outside the whitelist: text, a playlist, a single picture.
    if isinstance(exc, av.error.InvalidDataError) or _errno(exc) == errno.EINVAL:
        return "what it holds is not a video in any known form"
    if isinstance(exc, EOFError):
        return "it ends before any video"
    number = _errno(exc)
    if number is not None and 0 < number < 200:
        return os.strerror(number).lower()
    return type(exc).__name__


def _open_hint(exc: BaseException, address: StreamAddress) -> str:
    if address.ca_file is not None and address.scheme in TLS_SCHEMES and _errno(exc) == errno.EIO:
        # FFmpeg has one error number for a line that broke and for a certificate it did not believe.
        return "check that the camera's certificate is signed by an authority in the CA file, and not expired"
    if _errno(exc) == errno.ECONNREFUSED:
        return "the machine is there but nothing listens: check the port, and that the camera's RTSP is on"
    if isinstance(exc, av.error.InvalidDataError):
        return "check that the address is the stream's, not that of a web page"
    return "check the address, the network, and that the camera is on"


def _errno(exc: BaseException) -> int | None:
    number = getattr(exc, "errno", None)
    return number if isinstance(number, int) else None
