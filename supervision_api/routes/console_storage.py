"""The storage page, and the forms of legal holds on a lesson's evidence page."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from models.errors import NotFound
from supervision_api.actions import holds, storage_use
from supervision_api.actions.lessons import lesson_of
from supervision_api.auth_permissions import Permission
from supervision_api.console import spool_view, storage_view
from supervision_api.console.pages import PagesHere
from supervision_api.request_context import CallerHere, FormWriter, ServicesHere

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("/storage")
def storage_page(request: Request, services: ServicesHere, caller: CallerHere, pages: PagesHere) -> Response:
    caller.require(Permission.READ_STORAGE)
    now = services.clock.now()
    with services.ledger.read() as work:
        found = storage_use.forecast_of(work, now)
        window, expiring = storage_use.expiring(work, now)
        names = {camera.camera_id: camera.display_name for camera in work.cameras.all()}
        codes = {code for code in found.by_institution() if code}
        institutions = {code: work.classes.institution_name(code) for code in codes}
        held = len(work.holds.open())
    chart = storage_view.chart_of(found, now)
    report = services.spool_report()
    return pages.page(
        request,
        "storage.html",
        forecast=found,
        chart=chart,
        labelled=storage_view.every_other(chart.bars),
        names=names,
        institutions=institutions,
        window=window,
        expiring=expiring,
        expiring_bytes=sum(one.size_bytes for one in expiring),
        held=held,
        spool=None if report is None else spool_view.spool_panel(report, pages.language(request)),
        store=services.store_capabilities,
        removing=services.web.remove_expired,
    )


@router.post("/lessons/{lesson_id}/holds")
def place_hold(
    lesson_id: str,
    services: ServicesHere,
    caller: FormWriter,
    reason: Annotated[str, Form()] = "",
    case_ref: Annotated[str, Form()] = "",
) -> Response:
    caller.require(Permission.PLACE_HOLD)
    with services.ledger.write() as work:
        holds.place(work, lesson_of(work, lesson_id), case_ref, reason, caller.actor)
    return _back(lesson_id)


@router.post("/lessons/{lesson_id}/holds/{hold_id}/release")
def release_hold(
    lesson_id: str,
    hold_id: str,
    services: ServicesHere,
    caller: FormWriter,
    reason: Annotated[str, Form()] = "",
) -> Response:
    caller.require(Permission.PLACE_HOLD)
    with services.ledger.write() as work:
        if work.holds.get(hold_id).lesson_id != lesson_of(work, lesson_id).lesson.lesson_id:
            raise NotFound("no such hold on this lesson", hint="load the lesson again")
        holds.release(work, hold_id, reason, caller.actor)
    return _back(lesson_id)


def _back(lesson_id: str) -> RedirectResponse:
    return RedirectResponse(f"/console/lessons/{quote(lesson_id)}/evidence#holds", status_code=303)
