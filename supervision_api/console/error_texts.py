"""What exactly was wrong with a form, in the reader's language.

Errors speak English to programs and logs. The ones that people meet at the console's forms are known here
by their sentence; one that is not known is shown as it is, behind what its code means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from models.errors import RollcallError
from supervision_api.console import phrases
from supervision_api.console.i18n import N_, Language

FIELDS: Mapping[str, str] = {
    "code": N_("Class code"),
    "name": N_("Name"),
    "programme": N_("Training project"),
    "title": N_("Title"),
    "starts_at": N_("Starts"),
    "ends_at": N_("Ends"),
    "room": N_("Room"),
    "instructor": N_("Instructor"),
    "cameras": N_("Camera"),
    "camera_id": N_("Id"),
    "display_name": N_("Name"),
    "address": N_("Address"),
    "credited_hours": N_("Credited class hours"),
    "status": N_("Right status"),
    "reason": N_("Reason"),
    "reason_code": N_("Reason"),
    "day": N_("Day"),
}

# the domain's sentence, with or without its hint → ours; a named group becomes a value of the text.
SENTENCES: tuple[tuple[str, str], ...] = (
    (r"\w+ '.*' cannot serve as a name", N_("use letters, digits and . _ - only, beginning with a letter.")),
    (r".* cannot name a file", N_("use letters, digits and . _ - only, beginning with a letter.")),
    (r"a class needs a name of at most (?P<most>\d+) characters", N_("needed, at most %(most)s characters.")),
    (r"must be one line of at most (?P<most>\d+) characters", N_("one line of at most %(most)s characters.")),
    (r"holds the control character U\+\w+", N_("holds an invisible character; type it instead of pasting.")),
    (r"date or time cannot be read", N_("the date or the time cannot be read.")),
    (r".+ is not after starts_at .+", N_("the lesson must end after it starts.")),
    (r"the lesson lies in the past", N_("the lesson lies in the past.")),
    (r"the lesson lasts longer than a day", N_("the lesson lasts longer than a day.")),
    (r"no camera (?P<camera>.+)", N_("there is no camera %(camera)s; add it first.")),
    (
        r"camera (?P<camera>\S+) is taken by lesson (?P<lesson>\S+) at that time",
        N_("the camera %(camera)s is taken by lesson %(lesson)s at that time."),
    ),
    (
        r"the room is taken by lesson (?P<lesson>\S+) at that time",
        N_("the room is taken by lesson %(lesson)s at that time."),
    ),
    (r"the address holds blanks or is too long", N_("holds blanks or is too long.")),
    (
        r"SRT cannot be read here",
        N_("SRT cannot be read here; put MediaMTX in front and give its rtsp address."),
    ),
    (r"this is no stream address", N_("begin it with rtsp://, rtsps://, rtmp:// or http(s)://.")),
    (r"the address names no usable host and port", N_("names no usable host and port.")),
    (r"a camera needs an address", N_("needed.")),
    (r"hours are a number", N_("write a number, such as 0.5 or 1.")),
    (
        r"hours are out of bounds \(0 to (?P<most>\S+)\)",
        N_("this lesson can give 0 to %(most)s class hours."),
    ),
    (
        r"hours are counted in whole steps \(steps of (?P<step>\S+)\)",
        N_("class hours are counted in steps of %(step)s."),
    ),
    (r"an absent trainee earns no hours", N_("an absent trainee earns no class hours.")),
    (r"(?:class|camera|lesson) (?P<name>\S+) exists already", N_("%(name)s exists already; choose another.")),
    (
        r"the correction changes nothing",
        N_("The correction changes nothing; give another status or other hours, or strike a mark."),
    ),
    (r"an instant of footage needs its camera", N_("give camera and time together, or neither.")),
    (r"the evidence is empty", N_("cite an instant of footage, or a paper and where it is filed.")),
    (
        r"camera (?P<camera>\S+) did not record this lesson",
        N_("the camera %(camera)s did not record this lesson."),
    ),
    (
        r"camera (?P<camera>\S+) has no footage of that instant",
        N_("the camera %(camera)s has no footage of that instant; choose one that plays."),
    ),
    (r"the instant lies outside the lesson", N_("this instant lies outside the lesson.")),
    (r"the verdict has no mark \S+", N_("this mark is not there any more; load the page again.")),
    (r"this reason needs a sentence", N_("say in a sentence what happened.")),
    (r"a manual entry needs a reason", N_("say in a sentence what happened.")),
    (
        r"nobody can confirm a lesson that has not begun",
        N_("The lesson has not begun; attendance can be confirmed from its start."),
    ),
    (r"this day lies too far away", N_("this day lies too far away.")),
    (r"no file was sent", N_("Choose the roster's zip, or its table and photos.")),
    (
        r"(?P<count>\d+) tables were sent where one is needed",
        N_("%(count)s tables were sent; send one .csv or .xlsx with its photos, or one zip."),
    ),
    (
        r"(?P<file>.+) is neither a table nor a photo",
        N_("%(file)s is neither a table nor a photo."),
    ),
    (r"two files are called (?P<file>.+)", N_("Two files are called %(file)s; rename one.")),
    (
        r"a roster is being checked already",
        N_("A roster of this class is being checked; wait until it is done."),
    ),
    (r"the consent is \w+ already", N_("This consent was recorded already; load the class again.")),
    (r"no consent was given", N_("no consent was given, so none can be withdrawn.")),
    (r"no such import", N_("This import is no longer known; upload the roster again.")),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), text) for pattern, text in SENTENCES)


def explain(language: Language, error: RollcallError) -> str:
    """What was wrong and what to do, for a notice above a form."""
    known = exactly(language, error)
    if known:
        return known
    title = phrases.say(language, phrases.ERROR, error.code)
    advice = language.text(phrases.ADVICE.get(error.code, ""))
    return " ".join(part for part in (title, advice, f"[{error}]") if part)


def exactly(language: Language, error: RollcallError) -> str:
    """The sentence of just this error, headed by its field; empty where it is not known."""
    sentence = _sentence(language, error)
    field = FIELDS.get(error.place.rpartition(" ")[2], "")
    if sentence and field:
        return language.text_of(
            "%(field)s: %(sentence)s", {"field": language.text(field), "sentence": sentence}
        )
    return sentence


def _sentence(language: Language, error: RollcallError) -> str:
    told = (error.message, f"{error.message} ({error.hint})")
    for pattern, text in _PATTERNS:
        found = pattern.fullmatch(told[0]) or pattern.fullmatch(told[1])
        if found:
            return language.text_of(text, found.groupdict())
    return ""
