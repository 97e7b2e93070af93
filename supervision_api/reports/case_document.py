"""case.json: a flag, what is linked to it, and which footage the claim rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from models.attendance import EvidenceLink, Verdict
from models.footage import Segment
from models.register import FlagRecord
from models.timetable import Lesson
from supervision_api.reports.attendance_document import flag_object, instant, lesson_object, reason_object


def linked_flags(chosen: FlagRecord, of_lesson: Sequence[FlagRecord]) -> tuple[FlagRecord, ...]:
    """The flag first, then those of the same lesson and subject: person, camera, or the room as a whole.

    Withdrawn ones are among them: a case shows what was claimed and taken back, too.
    """
    others = [
        one for one in of_lesson if one.flag_id != chosen.flag_id and one.flag.subject == chosen.flag.subject
    ]
    return (chosen, *others)


def instants_of(flags: Sequence[FlagRecord], verdict: Verdict | None) -> tuple[EvidenceLink, ...]:
    """The instants that the claim names, and those that the verdict on the same person rests on."""
    links = [link for one in flags for link in one.flag.evidence]
    return tuple(dict.fromkeys([*links, *(verdict.evidence if verdict is not None else ())]))


def case_bytes(
    flags: Sequence[FlagRecord], lesson: Lesson, verdict: Verdict | None, footage: Sequence[Segment]
) -> bytes:
    """The document; ``footage``: the segments that are in the bundle whole."""
    document: dict[str, Any] = {
        "case": flags[0].flag_id,
        "lesson": lesson_object(lesson),
        "flags": [
            {
                "id": one.flag_id,
                "raised_at": instant(one.raised_at),
                "changed_at": instant(one.changed_at),
                **flag_object(one.flag, lesson),
            }
            for one in flags
        ],
        "verdict": verdict
        and {
            "trainee": verdict.trainee,
            "status": verdict.status.value,
            "reasons": [reason_object(reason) for reason in verdict.reasons],
        },
        "footage": [
            {
                "camera": one.camera_id,
                "sequence": one.sequence,
                "from": instant(one.starts_at),
                "to": instant(one.ends_at),
                "sha256": one.sha256,
            }
            for one in footage
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"
