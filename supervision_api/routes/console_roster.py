"""The roster's import page: upload, progress, row report."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from models.errors import RollcallError
from supervision_api import auth, problems
from supervision_api.actions.roster_import import import_roster
from supervision_api.auth_permissions import Permission
from supervision_api.console.i18n import Language
from supervision_api.console.pages import Pages, PagesHere
from supervision_api.request_context import CallerHere, ServicesHere, jobs_of, session_token
from supervision_api.roster_jobs import JobState
from supervision_api.routes.roster import import_out, read_form
from supervision_api.services import Services

router = APIRouter(prefix="/console/classes/{code}/roster", include_in_schema=False)


@router.get("/import")
def import_page(
    code: str,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    pages: PagesHere,
    job: str = "",
) -> Response:
    caller.require(Permission.EDIT_CLASSES)
    found = jobs_of(request).get(job, caller.actor, code) if job else None
    return _page(request, services, pages, code, found)


@router.post("/import")
async def start_import(
    code: str, request: Request, services: ServicesHere, caller: CallerHere, pages: PagesHere
) -> Response:
    """The session's token is checked as soon as the form is read; nothing is done before."""
    caller.require(Permission.EDIT_CLASSES)
    uploads, order, token = await read_form(request, code)
    auth.check_csrf(session_token(request), token)
    try:
        job = jobs_of(request).start(
            caller.actor, code, partial(import_roster, services, caller, uploads, order)
        )
    except RollcallError as error:
        return await run_in_threadpool(_page, request, services, pages, code, None, error)
    return RedirectResponse(f"/console/classes/{quote(code)}/roster/import?job={job.job_id}", status_code=303)


@router.get("/import/{job_id}/progress")
def progress(code: str, job_id: str, request: Request, caller: CallerHere) -> dict[str, Any]:
    caller.require(Permission.EDIT_CLASSES)
    job = jobs_of(request).get(job_id, caller.actor, code)
    return {"done": job.done, "percent": job.percent}


def _page(
    request: Request,
    services: Services,
    pages: Pages,
    code: str,
    job: JobState | None,
    error: RollcallError | None = None,
) -> Response:
    with services.ledger.read() as work:
        klass = work.classes.get(code)
    error = error or (job.error if job else None)
    return pages.page(
        request,
        "roster_import.html",
        problems.status_of(error) if error else 200,
        klass=klass,
        running=job if job and not job.done else None,
        report=_report(job, pages.language(request)),
        problem=pages.problem_text(request, error) if error else "",
    )


def _report(job: JobState | None, language: Language) -> dict[str, Any] | None:
    if job is None or job.report is None:
        return None
    return import_out(job.report, language.locale).model_dump()
