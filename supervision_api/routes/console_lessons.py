"""The day's lessons and a lesson's own pages: live or sheet, footage, moment, evidence, one trainee."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Header, Query, Request
from fastapi.responses import RedirectResponse, Response

from models.attendance import EvidenceLink, ManualKind, Status
from models.correction import CorrectionReason
from models.errors import InvalidInput, NotFound, RollcallError
from models.flags import FlagState
from models.register import Correction, LessonRecord
from models.timetable import LessonState
from storage.unit_of_work import UnitOfWork
from supervision_api import problems
from supervision_api.actions import attendance, evidence, lessons
from supervision_api.auth_permissions import Permission
from supervision_api.console import footage_view, lesson_view
from supervision_api.console.i18n import LOCAL_ZONE, Language
from supervision_api.console.live_texts import live_texts
from supervision_api.console.pages import PagesHere
from supervision_api.request_context import CallerHere, FormWriter, ServicesHere
from supervision_api.routes.evidence import bundle_response
from supervision_api.routes.footage import parse_instant

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("/today")
def today(
    request: Request, services: ServicesHere, caller: CallerHere, pages: PagesHere, day: date | None = None
) -> Response:
    caller.require(Permission.READ_CLASSES)
    now_day = services.clock.now().astimezone(LOCAL_ZONE).date()
    chosen = day or now_day
    if not date(2000, 1, 2) <= chosen <= date(2100, 12, 30):
        raise InvalidInput("this day lies too far away", place="day", hint="choose another")
    with services.ledger.read() as work:
        listed = lessons.lessons_of_day(work, chosen)
    totals = {
        "running": sum(1 for one in listed if one.record.state is LessonState.RUNNING),
        "expected": sum(one.expected for one in listed),
        "flags": sum(one.open_flags for one in listed),
    }
    return pages.page(
        request,
        "today.html",
        day=chosen,
        is_today=chosen == now_day,
        previous_day=chosen - timedelta(days=1),
        next_day=chosen + timedelta(days=1),
        lessons=listed,
        totals=totals,
    )


@router.get("/lessons/{lesson_id}")
def lesson_page(
    lesson_id: str, request: Request, services: ServicesHere, caller: CallerHere, pages: PagesHere
) -> Response:
    """The live page until the lesson is judged, then the sheet."""
    caller.require(Permission.READ_ATTENDANCE)
    language = pages.language(request)
    with services.ledger.read() as work:
        record = lessons.lesson_of(work, lesson_id)
        head = _head(work, record, "lesson")
        if record.state in lessons.JUDGED:
            return pages.page(request, "lesson_sheet.html", **head, **_sheet(work, record, language))
        live = services.live.snapshot(lesson_id)
        roll = lesson_view.roll_of(work, live, record)
        now = services.clock.now()
        lesson = record.lesson
        return pages.page(
            request,
            "lesson_live.html",
            **head,
            now=now,
            roll=roll,
            cameras=lesson_view.cameras_of(work, services.live, live, record),
            unknown=lesson_view.strangers_of(work, live, lesson_id),
            counts={"seen": sum(1 for one in roll if one.state != "waiting"), "expected": len(roll)},
            coverage_share=attendance.coverage_share(work, record, now),
            elapsed_percent=round(
                100 * min(1.0, max(0.0, (now - lesson.starts_at) / (lesson.ends_at - lesson.starts_at)))
            ),
            texts=live_texts(language),
        )


def _head(work: UnitOfWork, record: LessonRecord, tab: str) -> dict[str, Any]:
    """What the head of every page of a lesson shows."""
    flags = [one for one in work.flags.of_lesson(record.lesson.lesson_id) if one.flag.state is FlagState.OPEN]
    return {
        "lesson": record.lesson,
        "state": record.state.value,
        "is_judged": record.state in lessons.JUDGED,
        "lesson_day": record.lesson.starts_at.astimezone(LOCAL_ZONE).date().isoformat(),
        "class_name": work.classes.get(record.lesson.class_code).name,
        "flag_count": len(flags),
        "tab": tab,
    }


def _sheet(work: UnitOfWork, record: LessonRecord, language: Language) -> dict[str, Any]:
    lesson_id = record.lesson.lesson_id
    rows = lesson_view.sheet_rows(attendance.sheet_of(work, record), language)
    flags = [one for one in work.flags.of_lesson(lesson_id) if one.flag.state is FlagState.OPEN]
    names = {row.code: row.name for row in rows}
    return {
        "rows": rows,
        "counts": lesson_view.counts_of(rows),
        "flags": lesson_view.flag_views(flags, names, {}, language),
        "unknown": lesson_view.strangers_of(work, {}, lesson_id),
        "coverage_share": attendance.coverage_share(work, record, record.lesson.ends_at),
    }


@router.get("/lessons/{lesson_id}/footage")
def footage_page(
    lesson_id: str, request: Request, services: ServicesHere, caller: CallerHere, pages: PagesHere
) -> Response:
    caller.require(Permission.VIEW_FOOTAGE)
    with services.ledger.read() as work:
        record = lessons.lesson_of(work, lesson_id)
        head = _head(work, record, "footage")
        tracks = footage_view.tracks_of(work, record)
    return pages.page(request, "footage.html", **head, tracks=tracks)


@router.get("/lessons/{lesson_id}/moment")
def moment_page(
    *,
    lesson_id: str,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    pages: PagesHere,
    camera: Annotated[str, Query(max_length=64)],
    at: Annotated[str, Query(max_length=64)],
    shows: Annotated[str, Query(max_length=40)] = "",
    trainee: Annotated[str, Query(max_length=64)] = "",
    flag: Annotated[str, Query(max_length=64)] = "",
    x_fragment: Annotated[str, Header()] = "",
) -> Response:
    """The footage of an instant beside the claim; only the inner part where a script asks for it."""
    caller.require(Permission.VIEW_FOOTAGE)
    link = EvidenceLink(shows, parse_instant(at), camera, 0.0)
    language = pages.language(request)
    with services.ledger.read() as work:
        record = lessons.lesson_of(work, lesson_id)
        head = _head(work, record, "footage")
        claim = footage_view.Claim(language.text("Footage of this instant"))
        if trainee:
            claim = footage_view.claim_of_trainee(work, record, trainee, language)
        elif flag:
            claim = footage_view.claim_of_flag(work, record, flag, language)
        moment = footage_view.moment_of(work, record, link, claim, language)
    template = "_moment.html" if x_fragment == "moment" else "moment.html"
    response = pages.page(request, template, **head, moment=moment)
    response.headers["Vary"] = "X-Fragment"
    return response


@router.get("/lessons/{lesson_id}/evidence")
def evidence_page(
    *,
    lesson_id: str,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    pages: PagesHere,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    caller.require(Permission.READ_EVIDENCE)
    with services.ledger.read() as work:
        record = lessons.lesson_of(work, lesson_id)
        found = evidence.leaves_of(work, lesson_id, cursor, 100)
        checkpoint = evidence.latest_checkpoint(work)
        values = {
            **_head(work, record, "evidence"),
            "leaves": [
                {
                    "sequence": leaf.seq,
                    "at": leaf.at,
                    "kind": leaf.kind.value,
                    "about": evidence.about(leaf),
                    "hash": leaf.leaf_hash.hex(),
                }
                for leaf in found.items
            ],
            "leaf_total": evidence.leaf_count(work, lesson_id),
            "next_link": f"?cursor={found.next_cursor}" if found.next_cursor else "",
            "checkpoint": checkpoint
            and {
                "origin": services.web.origin,
                "size": checkpoint.size,
                "at": checkpoint.at,
                "root": evidence.base64_of(checkpoint.root),
            },
            "keys": [str(key["fingerprint"]) for key in evidence.key_documents(work)],
        }
    return pages.page(
        request,
        "evidence.html",
        **values,
        store=services.store_capabilities,
        bundle_ready=record.state in lessons.JUDGED,
    )


@router.post("/lessons/{lesson_id}/bundle")
def take_bundle(lesson_id: str, services: ServicesHere, caller: FormWriter) -> Response:
    caller.require(Permission.EXPORT)
    with services.ledger.read() as work:
        record = lessons.lesson_of(work, lesson_id)
    return bundle_response(evidence.write_bundle(services, record, caller.actor), lesson_id)


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
            **_head(work, record, "lesson"),
            "trainee": trainee,
            "row": row,
            "manual": work.verdicts.manual(lesson_id).get(code, ()),
            "statuses": [status.value for status in Status],
            "reason_codes": [reason.value for reason in CorrectionReason],
            "kinds": [kind.value for kind in ManualKind],
            "sealed": record.state is LessonState.SEALED,
            "problem": pages.problem_text(request, error) if error else "",
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
) -> Response:
    caller.require(Permission.CORRECT_ATTENDANCE)
    try:
        hours = _hours(credited_hours)
        with services.ledger.write() as work:
            correction = Correction(
                lesson_id=lesson_id,
                trainee=code,
                reason_code=reason_code,
                reason=reason.strip(),
                actor=caller.actor,
                at=services.clock.now(),
                status=status or None,
                credited_hours=hours,
            )
            attendance.correct(work, lessons.lesson_of(work, lesson_id), correction, caller.user)
    except RollcallError as error:
        return _trainee_page(request, services, pages, lesson_id, code, error)
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
        return _trainee_page(request, services, pages, lesson_id, code, error)
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
