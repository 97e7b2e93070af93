"""The few texts that the live page's script needs, in the reader's language."""

from __future__ import annotations

from models.attendance import Mark
from models.timetable import LessonState
from supervision_api.console import phrases
from supervision_api.console.i18n import Language


def live_texts(language: Language) -> dict[str, str | dict[str, str]]:
    """Handed to the script in an attribute: scripts hold no text of their own."""
    return {
        "roll": {code: language.text(text) for code, text in phrases.ROLL_STATE.items()},
        "mark": {mark.value: phrases.say_label(language, "mark", mark.value) for mark in Mark},
        "camera": {code: language.text(text) for code, text in phrases.CAMERA_STATE.items()},
        "lesson": {
            state.value: phrases.say_label(language, "lesson_state", state.value) for state in LessonState
        },
        "unknown": language.text("Unknown {number}"),
        "unknown_face": language.text("Unknown"),
        "connected": language.text("Live"),
        "reconnecting": language.text("Reconnecting"),
        "away": language.text("The server does not answer. This page shows {time}; trying again."),
        "logged_out": language.text("You are logged out. This page shows {time}."),
        "starts_in": language.text("Starts in {time}"),
        "ends_in": language.text("{time} left"),
        "closing": language.text("Waiting for the last sightings"),
    }
