"""Pages of classes, timetables, rosters, flags and cameras."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, cast
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, Response

from models.errors import Conflict, InvalidInput, NotFound
from models.flags import FlagKind, FlagState
from models.register import Camera
from storage.repositories import FlagFilter, LessonFilter
from supervision_api.actions.cameras import CameraDraft, add_camera, shown_address
from supervision_api.actions.classes import ClassDraft, create_class
from supervision_api.actions.lessons import plan_lesson
from supervision_api.actions.roster_import import import_roster, problem_text
from supervision_api.auth import check_csrf
from supervision_api.auth_permissions import Permission
from supervision_api.console.i18n import LOCAL_ZONE
from supervision_api.console.import_jobs import ImportJob, ImportJobs
from supervision_api.console.lesson_view import flag_views
from supervision_api.request_context import CallerHere, FormWriter, ServicesHere, caller_of, session_token
from supervision_api.routes.console_entry import pages_of, see
from supervision_api.routes.console_lessons import problem_line
from supervision_api.routes.roster import read_form
from supervision_api.services import Services

router = APIRouter(prefix="/console", tags=["console"], include_in_schema=False)

_MOST_TRAINEES = 500
ShortText = Annotated[str, Form(max_length=200)]


def _jobs(request: Request) -> ImportJobs:
    return cast(ImportJobs, request.app.state.import_jobs)


@router.get("/classes")
def classes_page(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    caller.require(Permission.READ_CLASSES)
    return _classes(request, services, cursor, "", 200)


def _classes(request: Request, services: Services, cursor: str | None, problem: str, status: int) -> Response:
    with services.ledger.read() as work:
        page = work.classes.page(cursor)
    following = f"/console/classes?{urlencode({'cursor': page.next_cursor})}" if page.next_cursor else ""
    return pages_of(request).page(
        request, "classes.html", status, classes=page.items, next_link=following, problem=problem
    )


@router.post("/classes")
def new_class(
    *,
    request: Request,
    services: ServicesHere,
    caller: FormWriter,
    code: ShortText = "",
    name: ShortText = "",
    programme: ShortText = "",
) -> Response:
    caller.require(Permission.EDIT_CLASSES)
    draft = ClassDraft(code=code, name=name, programme=programme)
    try:
        with services.ledger.write() as work:
            made = create_class(work, draft, services.web.institution, services.clock.now())
    except (InvalidInput, Conflict) as error:
        return _classes(request, services, None, problem_line(error), 422)
    return see(f"/console/classes/{quote(made.code)}")


@router.get("/classes/{code}")
def class_page(code: str, request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    caller.require(Permission.READ_CLASSES)
    return _class(request, services, code, "", 200)


def _class(request: Request, services: Services, code: str, problem: str, status: int) -> Response:
    with services.ledger.read() as work:
        klass = work.classes.get(code)
        trainees = work.roster.page(code, limit=_MOST_TRAINEES).items
        lessons = work.lessons.page(LessonFilter(class_code=code), limit=200).items
        cameras = work.cameras.all()
    return pages_of(request).page(
        request,
        "class.html",
        status,
        klass=klass,
        trainees=trainees,
        lessons=sorted(lessons, key=lambda one: one.lesson.starts_at),
        cameras=cameras,
        today=services.clock.now().astimezone(LOCAL_ZONE).date().isoformat(),
        problem=problem,
    )


@router.post("/classes/{code}/lessons")
def new_lesson(
    *,
    code: str,
    request: Request,
    services: ServicesHere,
    caller: FormWriter,
    title: ShortText = "",
    day: ShortText = "",
    starts: ShortText = "",
    ends: ShortText = "",
    room: ShortText = "",
    instructor: ShortText = "",
    camera: ShortText = "",
) -> Response:
    caller.require(Permission.EDIT_CLASSES)
    try:
        document: dict[str, object] = {
            "class_code": code,
            "title": title,
            "starts_at": _local_instant(day, starts, "starts"),
            "ends_at": _local_instant(day, ends, "ends"),
            "room": room,
            "instructor": instructor,
            "cameras": [camera] if camera else [],
        }
        with services.ledger.write() as work:
            record = plan_lesson(work, document, services.clock.now())
    except (InvalidInput, Conflict) as error:
        return _class(request, services, code, problem_line(error), 422)
    return see(f"/console/lessons/{record.lesson.lesson_id}")


def _local_instant(day: str, clock: str, field: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), LOCAL_ZONE)
    except ValueError:
        raise InvalidInput("this is no day and time", place=field, hint="2026-11-23, 09:00") from None


@router.get("/classes/{code}/roster/import")
def import_page(
    code: str, request: Request, services: ServicesHere, caller: CallerHere, job: Annotated[str, Query()] = ""
) -> Response:
    caller.require(Permission.EDIT_CLASSES)
    found = _jobs(request).find(job, code, caller.actor) if job else None
    return _import_view(request, services, code, found)


def _import_view(request: Request, services: Services, code: str, job: ImportJob | None) -> Response:
    with services.ledger.read() as work:
        klass = work.classes.get(code)
    pages = pages_of(request)
    locale = pages.language(request).locale
    problem, shown = "", None
    if job is not None and job.error is not None:
        problem = problem_line(job.error)
    elif job is not None:
        problems = job.report.problems if job.report else ()
        shown = {
            "job_id": job.job_id,
            "done": job.done,
            "total": job.total,
            "done_photos": job.done_photos,
            "report": job.report,
            "problems": [
                {"line": p.line, "field": p.field, "text": problem_text(p, locale), "fatal": p.fatal}
                for p in problems
            ],
        }
    return pages.page(request, "roster_import.html", klass=klass, job=shown, problem=problem)


@router.post("/classes/{code}/roster/import")
async def start_import(code: str, request: Request, services: ServicesHere) -> Response:
    """Takes the files and shows the progress of the check."""
    caller = caller_of(request)
    caller.require(Permission.EDIT_CLASSES)
    uploads, order = await read_form(request, code)
    form = await request.form()  # parsed by read_form already
    check_csrf(session_token(request), str(form.get("csrf_token", "")))
    job = _jobs(request).start(
        code, caller.actor, lambda progress: import_roster(services, caller, uploads, order, progress)
    )
    return see(f"/console/classes/{quote(code)}/roster/import?job={job.job_id}")


@router.get("/classes/{code}/roster/import/{job_id}/progress")
def import_progress(code: str, job_id: str, request: Request, caller: CallerHere) -> JSONResponse:
    caller.require(Permission.EDIT_CLASSES)
    job = _jobs(request).find(job_id, code, caller.actor)
    if job is None:
        raise NotFound("no such check", hint="upload the roster again")
    return JSONResponse({"done": job.done, "done_photos": job.done_photos, "total": job.total})


@router.get("/flags")
def flags_page(
    *,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    lesson: Annotated[str, Query(max_length=100)] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    state: Annotated[str, Query(max_length=40)] = "",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    caller.require(Permission.READ_FLAGS)
    wanted = FlagFilter(
        states=(_member(FlagState, state, "state"),) if state else (),
        kinds=(_member(FlagKind, kind, "kind"),) if kind else (),
        lesson_id=lesson or None,
    )
    language = pages_of(request).language(request)
    with services.ledger.read() as work:
        page = work.flags.page(wanted, cursor)
        records = {one.flag.lesson_id: work.lessons.get(one.flag.lesson_id) for one in page.items}
        codes = {record.lesson.class_code for record in records.values()}
        names = {t.code: t.name for code in codes for t in work.roster.trainees(code)}
        titles = {lesson_id: record.lesson.title for lesson_id, record in records.items()}
        views = flag_views(page.items, names, titles, language)
    query = {name: value for name, value in (("lesson", lesson), ("kind", kind), ("state", state)) if value}
    following = f"/console/flags?{urlencode({**query, 'cursor': page.next_cursor})}"
    return pages_of(request).page(
        request,
        "flags.html",
        flags=views,
        chosen={"lesson": lesson, "kind": kind, "state": state},
        kinds=[one.value for one in FlagKind],
        states=[one.value for one in FlagState],
        next_link=following if page.next_cursor else "",
    )


def _member(kind: Any, value: str, field: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise InvalidInput(
            f"there is no {field} {value!r}", place=field, hint="choose from the list"
        ) from None


@router.get("/cameras")
def cameras_page(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    caller.require(Permission.READ_CAMERAS)
    return _cameras(request, services, "", 200)


def _cameras(request: Request, services: Services, problem: str, status: int) -> Response:
    with services.ledger.read() as work:
        cameras = work.cameras.all()
    shown = [_shown(camera) for camera in cameras]
    return pages_of(request).page(request, "cameras.html", status, cameras=shown, problem=problem)


def _shown(camera: Camera) -> dict[str, Any]:
    return {
        "camera_id": camera.camera_id,
        "display_name": camera.display_name,
        "room": camera.room,
        "shown_address": shown_address(camera.address),
        "enabled": camera.enabled,
    }


@router.post("/cameras")
def new_camera(
    *,
    request: Request,
    services: ServicesHere,
    caller: FormWriter,
    camera_id: ShortText = "",
    display_name: ShortText = "",
    room: ShortText = "",
    address: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    caller.require(Permission.EDIT_CAMERAS)
    draft = CameraDraft(camera_id=camera_id, display_name=display_name, room=room, address=address)
    try:
        with services.ledger.write() as work:
            add_camera(work, draft)
    except (InvalidInput, Conflict) as error:
        return _cameras(request, services, problem_line(error), 422)
    return see("/console/cameras")
