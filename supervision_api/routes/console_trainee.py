"""One trainee in one lesson: what stands, and the forms that add to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from models.attendance import ManualKind, Status
from models.correction import CorrectionReason
from models.errors import InvalidInput, NotFound, RollcallError
from models.register import CitedEvidence, Correction, LessonRecord
from models.timetable import LessonState
from supervision_api import problems
from supervision_api.actions import attendance, lessons
from supervision_api.auth_permissions import Permission
from supervision_api.console import lesson_view
from supervision_api.console.i18n import LOCAL_ZONE
from supervision_api.console.pages import PagesHere, as_typed
from supervision_api.request_context import CallerHere, FormWriter, ServicesHere
from supervision_api.routes.console_lessons import lesson_head

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("/lessons/{lesson_id}/trainees/{code}")
def trainee_page(
    *,
    lesson_id: str,
    code: str,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    pages: PagesHere,
) -> Response:
    caller.require(Permission.READ_ATTENDANCE)
    return _trainee_page(request, services, pages, lesson_id, code)


def _trainee_page(
    request: Request,
    services: ServicesHere,
    pages: PagesHere,
    lesson_id: str,
    code: str,
    error: RollcallError | None = None,
    typed: Mapping[str, str] | None = None,
    struck: Sequence[str] = (),
) -> Response:
    """One trainee in one lesson: what stands, and the forms that add to it."""
    language = pages.language(request)
    with services.ledger.read() as work:
        record = lessons.lesson_of(work, lesson_id)
        trainee = work.roster.entry(record.lesson.class_code, code)
        try:
            row = lesson_view.sheet_row(attendance.find_entry(work, record, code), language)
        except NotFound:
            row = None
        values = {
            **lesson_head(work, record, "lesson"),
            "trainee": trainee,
            "row": row,
            "manual": work.verdicts.manual(lesson_id).get(code, ()),
            "statuses": [status.value for status in Status],
            "reason_codes": [reason.value for reason in CorrectionReason],
            "kinds": [kind.value for kind in ManualKind],
            "sealed": record.state is LessonState.SEALED,
            "problem": pages.problem_text(request, error) if error else "",
            "typed": as_typed(typed),
            "cameras": [camera for one in record.lesson.cameras if (camera := work.cameras.find(one))],
            "struck": struck,
        }
    return pages.page(request, "trainee.html", problems.status_of(error) if error else 200, **values)


@router.post("/lessons/{lesson_id}/trainees/{code}/correction")
def correct(
    *,
    lesson_id: str,
    code: str,
    request: Request,
    services: ServicesHere,
    caller: FormWriter,
    pages: PagesHere,
    status: Annotated[str, Form(max_length=40)] = "",
    credited_hours: Annotated[str, Form(max_length=10)] = "",
    reason_code: Annotated[str, Form(max_length=64)] = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
    struck: Annotated[list[str], Form(max_length=8)] = [],  # noqa: B006 - read, never changed
    evidence_camera: Annotated[str, Form(max_length=64)] = "",
    evidence_time: Annotated[str, Form(max_length=20)] = "",
    evidence_note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    caller.require(Permission.CORRECT_ATTENDANCE)
    try:
        hours = _hours(credited_hours)
        with services.ledger.write() as work:
            record = lessons.lesson_of(work, lesson_id)
            correction = Correction(
                lesson_id=lesson_id,
                trainee=code,
                reason_code=reason_code,
                reason=reason.strip(),
                actor=caller.actor,
                at=services.clock.now(),
                status=status or None,
                credited_hours=hours,
                struck=tuple(struck),
                evidence=_cited(record, evidence_camera, evidence_time, evidence_note),
            )
            attendance.correct(work, record, correction, caller.user)
    except RollcallError as error:
        typed = {"status": status, "credited_hours": credited_hours}
        typed |= {"reason_code": reason_code, "reason": reason, "evidence_camera": evidence_camera}
        typed |= {"evidence_time": evidence_time, "evidence_note": evidence_note}
        return _trainee_page(request, services, pages, lesson_id, code, error, typed, struck)
    return RedirectResponse(f"/console/lessons/{quote(lesson_id)}#t-{quote(code)}", status_code=303)


@router.post("/lessons/{lesson_id}/trainees/{code}/manual")
def enter_manually(
    *,
    lesson_id: str,
    code: str,
    request: Request,
    services: ServicesHere,
    caller: FormWriter,
    pages: PagesHere,
    kind: Annotated[str, Form(max_length=40)],
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """For the whole lesson; parts of it through the API."""
    caller.require(Permission.ENTER_ATTENDANCE)
    try:
        entry = attendance.manual_entry(kind, None, None, caller.actor, reason)
        with services.ledger.write() as work:
            record = lessons.lesson_of(work, lesson_id)
            attendance.enter_manually(work, record, code, entry, services.clock.now())
    except RollcallError as error:
        typed = {"kind": kind, "manual_reason": reason}
        return _trainee_page(request, services, pages, lesson_id, code, error, typed)
    services.attendance_changed(lesson_id)
    return RedirectResponse(f"/console/lessons/{quote(lesson_id)}", status_code=303)


@router.post("/lessons/{lesson_id}/corrections/{correction_id}/approval")
def approve(
    lesson_id: str, correction_id: str, services: ServicesHere, caller: FormWriter
) -> RedirectResponse:
    caller.require(Permission.APPROVE_HOURS)
    with services.ledger.write() as work:
        record = lessons.lesson_of(work, lesson_id)
        kept = attendance.approve(work, record, correction_id, caller.user, services.clock.now())
    return RedirectResponse(f"/console/lessons/{quote(lesson_id)}#t-{quote(kept.trainee)}", status_code=303)


def _hours(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise InvalidInput("hours are a number", place="credited_hours", hint="write 0.5, 1, 1.5") from None


def _cited(record: LessonRecord, camera: str, clock: str, note: str) -> CitedEvidence | None:
    """What the evidence fields say; ``None`` where all are empty."""
    if not (camera or clock.strip() or note.strip()):
        return None
    return CitedEvidence(_instant_of(record, clock) if clock.strip() else None, camera, note.strip())


def _instant_of(record: LessonRecord, clock: str) -> datetime:
    """A time of day in the users' zone: on the day the lesson began, or past midnight on the next."""
    try:
        typed = time.fromisoformat(clock.strip()).replace(tzinfo=None)
    except ValueError:
        raise InvalidInput("date or time cannot be read", place="evidence", hint="09:00:00") from None
    lesson = record.lesson
    day = lesson.starts_at.astimezone(LOCAL_ZONE).date()
    days = (day, day + timedelta(days=1))
    likely = [datetime.combine(one, typed, LOCAL_ZONE) for one in days]
    return next((at for at in likely if lesson.starts_at <= at <= lesson.ends_at), likely[0])
