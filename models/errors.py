"""The one error tree.

Every error carries a stable ``code`` (documented in docs/guides/errors.md, mapped to RFC 9457 problem
documents at the HTTP edge), a message that names the place, and a ``hint`` that names the next step.
Messages never contain secrets: a foreign error is translated at the seam and its text dropped there.
"""

from __future__ import annotations

from typing import ClassVar


def _rebuilt(
    kind: type[RollcallError], arguments: tuple[object, ...], state: dict[str, object]
) -> RollcallError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(state)
    return error


class RollcallError(Exception):
    """Root of all errors that a user may meet."""

    code: ClassVar[str] = "rollcall_error"

    def __init__(self, message: str, *, hint: str = "", place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders; their arguments are keyword-only, which plain pickling forgets."""
        return (_rebuilt, (type(self), self.args, self.__dict__.copy()))

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}" if self.place else self.message
        return f"{head} ({self.hint})" if self.hint else head


class InvalidInput(RollcallError):
    """What was given cannot be used: a file, a field, an argument."""

    code = "invalid_input"


class NotFound(RollcallError):
    """Absent, or outside the caller's scope (which must look the same)."""

    code = "not_found"


class Conflict(RollcallError):
    """The state does not allow this move, or someone else changed it first."""

    code = "conflict"


class NotAllowed(RollcallError):
    """The caller is known but this action is not theirs."""

    code = "not_allowed"


class NotAuthenticated(RollcallError):
    """No valid session or key."""

    code = "not_authenticated"


class RosterInvalid(InvalidInput):
    """A roster was refused as a whole; the row report says why."""

    code = "roster_invalid"


class LessonInvalid(InvalidInput):
    """A lesson file or timetable entry contradicts itself."""

    code = "lesson_invalid"


class PhotoRefused(InvalidInput):
    """An enrolment photo cannot serve (no face, several faces, small, blurred, someone else's).

    ``reason`` is the stable name of why: docs/guides/models.md lists them.
    """

    code = "photo_refused"

    def __init__(self, message: str, *, reason: str = "", hint: str = "", place: str = "") -> None:
        super().__init__(message, hint=hint, place=place)
        self.reason = reason


class StreamError(RollcallError):
    """A stream failed; the address in the message is always stripped of credentials."""

    code = "stream_error"


class StreamUnsupported(StreamError):
    """This kind of address or codec cannot be read here; the hint says what to do instead."""

    code = "stream_unsupported"


class StreamUnreachable(StreamError):
    """Could not be opened: refused, timed out, wrong path."""

    code = "stream_unreachable"


class StreamDenied(StreamError):
    """The camera refused the user name or password."""

    code = "stream_denied"


class StreamLost(StreamError):
    """Was open, then ended, stalled or broke."""

    code = "stream_lost"


class StreamStalled(StreamLost):
    """The connection stood, but no video came for longer than the policy allows."""

    code = "stream_stalled"


class VideoInvalid(StreamError):
    """A file without usable video: empty, truncated at the head, audio only."""

    code = "video_invalid"


class FrameDamaged(StreamError):
    """One frame cannot be decoded; the stream itself goes on."""

    code = "frame_damaged"


class StorageError(RollcallError):
    """Bytes or rows could not be kept."""

    code = "storage_error"


class StoreUnavailable(StorageError):
    """The object store is away, overloaded or was so a moment ago; what waits for it is tried again."""

    code = "store_unavailable"


class StoreKeyRefused(StorageError):
    """The object store does not take our key: withdrawn, suspended, wrong, or without the right to this."""

    code = "store_key_refused"


class DiskFull(StorageError):
    """No room: new recording stops, nothing is purged."""

    code = "disk_full"


class DatabaseBusy(StorageError):
    """The database stayed locked longer than the configured wait."""

    code = "database_busy"


class ObjectLocked(StorageError):
    """Refused because the object is retained or held."""

    code = "object_locked"


class ObjectExists(StorageError):
    """A key is written once."""

    code = "object_exists"


class EvidenceBroken(StorageError):
    """A hash, proof, signature or order does not hold."""

    code = "evidence_broken"


class KeyUnusable(StorageError):
    """A key file is missing, unreadable for its purpose, or readable by others."""

    code = "key_unusable"


class WeightsUnusable(RollcallError):
    """A network's weights are missing, altered or of another shape."""

    code = "weights_unusable"


class SettingInvalid(RollcallError):
    """A setting has a value that cannot work."""

    code = "setting_invalid"


class RecogniserGone(RollcallError):
    """The recogniser's process ended or hung; it is started again by itself."""

    code = "recogniser_gone"
