"""What codes are called in the console and in problem documents: code → text of the catalogue.

A code that is missing here is shown as it is, and a test says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from models.attendance import Mark, Status
from models.attendance_evidence import Shows
from models.correction import CorrectionReason
from models.flags import FlagKind, FlagState
from models.footage import GapCause
from models.label_texts import label
from models.timetable import LessonState
from supervision_api.console.i18n import N_, Language

STATUS_MEANING: Mapping[str, str] = {
    "PRESENT": N_("Seen for long enough."),
    "PARTIAL": N_("Seen, but not long enough."),
    "ABSENT": N_("The camera could see, and the trainee was not there."),
    "NOT_OBSERVABLE": N_("The camera could not see long enough to say; this is not an absence."),
    "EXCUSED": N_("On approved leave."),
}
ROLL_STATE: Mapping[str, str] = {
    "waiting": N_("Not seen yet"),
    "here": N_("Here"),
    "away": N_("Out of sight"),
}
CAMERA_STATE: Mapping[str, str] = {
    "connecting": N_("Connecting"),
    "recording": N_("Recording"),
    "waiting": N_("Waiting to reconnect"),
    "disk_full": N_("Disk full"),
    "stopped": N_("Stopped"),
}
ROLE: Mapping[str, str] = {
    "operator": N_("Operator"),
    "instructor": N_("Instructor"),
    "supervisor": N_("Supervisor"),
    "chief": N_("Chief supervisor"),
    "inspector": N_("Inspector"),
    "auditor": N_("Auditor"),
    "administrator": N_("Administrator"),
    "platform": N_("Platform"),
}
CONSENT: Mapping[str, str] = {
    "unknown": N_("Not recorded"),
    "given": N_("Given"),
    "refused": N_("Refused"),
    "withdrawn": N_("Withdrawn"),
}
MANUAL: Mapping[str, str] = {
    "leave_approved": N_("Approved leave"),
    "instructor_confirmed": N_("Confirmed by the instructor"),
}
LEAF: Mapping[str, str] = {
    "log_opened": N_("Log opened"),
    "lesson_published": N_("Lesson published"),
    "lesson_closed": N_("Lesson closed"),
    "recorder_started": N_("Recorder started"),
    "recorder_stopped": N_("Recorder stopped"),
    "segment_closed": N_("Segment closed"),
    "segment_stored": N_("Segment stored and locked"),
    "original_stored": N_("Original stored and locked"),
    "gap": N_("Gap declared"),
    "coverage": N_("Coverage"),
    "verdict": N_("Verdict"),
    "correction": N_("Correction"),
    "flag": N_("Flag"),
    "view": N_("Footage viewed"),
    "export": N_("Export"),
    "consent": N_("Consent"),
    "erasure": N_("Erasure"),
    "enrolment": N_("Enrolment"),
    "hold": N_("Hold"),
    "key_rotated": N_("Key rotated"),
    "purge": N_("Purge"),
    "log_stored": N_("Log stored"),
    "timestamped": N_("Time certified"),
    "rehashed": N_("Footage read again"),
    "store_tried": N_("Store tried"),
    "heartbeat": N_("Heartbeat"),
}
VIEW: Mapping[str, str] = {
    "film": N_("played as a film"),
    "hls": N_("played as HLS"),
    "stills": N_("stills looked at"),
    "derived": N_("derived copy played"),
}
STORE: Mapping[str, str] = {
    "server-enforced": N_("locked by the storage server"),
    "os-immutable": N_("locked by the operating system"),
    "software-only": N_("locked by software only"),
}
FOOTAGE_PROBLEM: Mapping[str, str] = {
    "footage_altered": N_("Other bytes than recorded"),
    "footage_missing": N_("Gone from the store"),
    "lock_missing": N_("No retention lock"),
    "lock_short": N_("Retention lock too short"),
    "footage_not_in_log": N_("No record in the log"),
}
TRIAL: Mapping[str, str] = {
    "held": N_("The locks were tried: they hold."),
    "repaired": N_("The locks were tried: they hold; some had to be set again after writing."),
    "broken": N_("The locks were tried: they do NOT hold."),
}
ERROR: Mapping[str, str] = {
    "rollcall_error": N_("Something went wrong."),
    "internal_error": N_("The program made a mistake. It has been logged."),
    "invalid_input": N_("This cannot be used as it is."),
    "not_found": N_("This does not exist, or is not yours to see."),
    "conflict": N_("The state does not allow this, or someone changed it first."),
    "not_allowed": N_("Your role does not allow this."),
    "not_authenticated": N_("Please log in."),
    "roster_invalid": N_("The roster was refused as a whole; nothing was imported."),
    "lesson_invalid": N_("The lesson contradicts itself."),
    "photo_refused": N_("This photo cannot be used for enrolment."),
    "stream_error": N_("The camera's stream failed."),
    "stream_unsupported": N_("This kind of stream cannot be read."),
    "stream_unreachable": N_("The camera could not be reached."),
    "stream_denied": N_("The camera refused the user name or password."),
    "stream_lost": N_("The stream was lost."),
    "stream_stalled": N_("The stream stood still."),
    "frame_damaged": N_("A picture of the stream is damaged."),
    "recogniser_gone": N_("The recogniser stopped; it is started again by itself."),
    "video_invalid": N_("The file has no usable video."),
    "storage_error": N_("The data could not be kept."),
    "store_unavailable": N_("The object store does not answer. What waits for it is kept and tried again."),
    "store_key_refused": N_("The object store refuses the key. What waits for it is kept and tried again."),
    "disk_full": N_("The disk is full. Nothing was deleted."),
    "database_busy": N_("The database is busy. Please try again."),
    "object_locked": N_("This is locked and cannot be changed."),
    "object_exists": N_("This exists already."),
    "evidence_broken": N_("An evidence check failed."),
    "key_unusable": N_("A key file cannot be used."),
    "weights_unusable": N_("The recognition network's weights cannot be used."),
    "setting_invalid": N_("A setting has a value that cannot work."),
    "csrf_refused": N_("This page was open for too long. Load it again and retry."),
    "method_not_allowed": N_("This address does not know that method."),
    "precondition_required": N_("Say which version you change (If-Match)."),
    "precondition_failed": N_("Someone else changed this in the meantime. Load it again."),
    "range_not_satisfiable": N_("The requested part lies outside the file."),
    "request_too_large": N_("The upload is too large."),
    "too_many_attempts": N_("Too many failed attempts. Please wait."),
    "unsupported_upload": N_("This kind of file is not taken here."),
    "idempotency_mismatch": N_("The Idempotency-Key was used for another request."),
}


ADVICE: Mapping[str, str] = {
    "internal_error": N_("Try again; if it stays, give the request number to whoever runs this system."),
    "invalid_input": N_("Check the field that is named and send it again."),
    "not_found": N_("Check the address, or ask for access."),
    "conflict": N_("Load the page again, then repeat the change."),
    "not_allowed": N_("Ask someone whose role allows it."),
    "roster_invalid": N_("Mend the table and upload it again."),
    "lesson_invalid": N_("Check date, time and camera."),
    "database_busy": N_("Wait a moment, then try again."),
    "store_unavailable": N_("Tell whoever runs this system; recording goes on meanwhile."),
    "store_key_refused": N_("Have the key of the object store let in again, or another one set."),
    "disk_full": N_("Free room on the disk; recording resumes by itself."),
    "storage_error": N_("Tell whoever runs this system; nothing was lost that was stored."),
    "evidence_broken": N_("Keep everything as it is and have the evidence verified."),
    "request_too_large": N_("Send fewer or smaller files, or one zip."),
    "unsupported_upload": N_("Send .csv or .xlsx with photos, or a .zip."),
    "csrf_refused": N_("Load the page again, then repeat what you did."),
    "rollcall_error": N_("Try again; if it stays, give the request number to whoever runs this system."),
    "not_authenticated": N_("Log in, then repeat what you did."),
    "photo_refused": N_("Take a sharp photo of one face, seen from the front."),
    "stream_error": N_("Check the camera, its cable and its address."),
    "stream_unsupported": N_("Use RTSP, RTMP or HLS, or put a converter in front of the camera."),
    "stream_unreachable": N_("Check the camera, its cable and its address."),
    "stream_denied": N_("Correct the camera's user name and password."),
    "stream_lost": N_("Nothing to do at once: it reconnects by itself. If it recurs, check the line."),
    "stream_stalled": N_("Nothing to do at once: it reconnects by itself. If it recurs, check the line."),
    "frame_damaged": N_("Nothing to do once; if it recurs, check the line and the camera."),
    "recogniser_gone": N_("Nothing to do: it is started again by itself."),
    "video_invalid": N_("Choose a video file, or convert this one with FFmpeg."),
    "object_locked": N_("Wait until the lock's date has passed."),
    "object_exists": N_("Nothing to do: what was stored first stays."),
    "key_unusable": N_("Bring the key file back from the backup, or correct its rights."),
    "weights_unusable": N_("See which files are missing with: rollcall models list"),
    "setting_invalid": N_("Correct the setting that is named and start again."),
    "precondition_required": N_("Send the ETag of what you read as If-Match."),
    "precondition_failed": N_("Load the page again, then repeat the change."),
    "range_not_satisfiable": N_("Ask for bytes inside the file."),
    "too_many_attempts": N_("Wait as long as the answer says, then try again."),
    "idempotency_mismatch": N_("Use a new key for each request."),
    "method_not_allowed": N_("Use a method that this address knows."),
}

LABELLED: Mapping[str, type[StrEnum]] = {
    "status": Status,
    "mark": Mark,
    "lesson_state": LessonState,
    "flag": FlagKind,
    "flag_state": FlagState,
    "gap_cause": GapCause,
    "correction_reason": CorrectionReason,
    "shows": Shows,
}


def say(language: Language, table: Mapping[str, str], code: str) -> str:
    """The text of a code, or the code itself where the table lacks it."""
    return language.text(table[code]) if code in table else code


def say_label(language: Language, kind: str, code: str) -> str:
    """The short name of an enumeration's value, as a heading writes it; an unknown code as it is."""
    try:
        text = label(LABELLED[kind](code), language.locale)
    except (KeyError, ValueError):
        return code
    return text[:1].upper() + text[1:]
