"""The day's lessons and a lesson's own pages: live or sheet, footage, moment, evidence, one trainee."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from models.attendance import EvidenceLink
from models.errors import InvalidInput
from models.flags import FlagState
from models.register import LessonRecord
from models.timetable import LessonState
from storage.unit_of_work import UnitOfWork
from supervision_api.actions import attendance, evidence, lessons
from supervision_api.auth_permissions import Permission
from supervision_api.console import evidence_view, footage_view, lesson_view
from supervision_api.console.i18n import LOCAL_ZONE, Language
from supervision_api.console.live_texts import live_texts
from supervision_api.console.pages import PagesHere
from supervision_api.request_context import CallerHere, ServicesHere
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
        head = lesson_head(work, record, "lesson")
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


def lesson_head(work: UnitOfWork, record: LessonRecord, tab: str) -> dict[str, Any]:
    """What the head of every page of a lesson shows."""
    flags = [one for one in work.flags.of_lesson(record.lesson.lesson_id) if one.flag.state is FlagState.OPEN]
    return {
        "lesson": record.lesson,
        "state": record.state.value,
        "is_judged": record.state in lessons.JUDGED,
        "lesson_day": record.lesson.starts_at.astimezone(LOCAL_ZONE).date().isoformat(),
        "class_name": work.classes.get(record.lesson.class_code).name,
        "flag_count": len(flags),
        "holds": [hold for hold in work.holds.of_lesson(record.lesson.lesson_id) if hold.open],
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
        "unknown": lesson_view.strangers_of(work, {}, lesson_id, rows),
        "coverage_share": attendance.coverage_share(work, record, record.lesson.ends_at),
    }


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
        head = lesson_head(work, record, "footage")
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
    language = pages.language(request)
    with services.ledger.read() as work:
        record = lessons.lesson_of(work, lesson_id)
        found = evidence.leaves_of(work, lesson_id, cursor, 100)
        checkpoint = evidence.latest_checkpoint(work)
        values = {
            **lesson_head(work, record, "evidence"),
            "leaves": [evidence_view.leaf_line(leaf, language) for leaf in found.items],
            **evidence_view.vouched(work, lesson_id),
            "leaf_total": evidence.leaf_count(work, lesson_id),
            "all_holds": work.holds.of_lesson(lesson_id),
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
        trial=services.store_trial(),
        bundle_ready=record.state in lessons.JUDGED,
    )
