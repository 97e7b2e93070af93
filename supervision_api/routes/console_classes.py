"""Classes, their timetable and roster; cameras; flags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from models.errors import InvalidInput, RollcallError
from models.flags import FlagKind, FlagState
from storage.repositories import FlagFilter, LessonFilter
from supervision_api import problems
from supervision_api.actions import cameras, classes, consent, lessons
from supervision_api.actions.cameras import CameraDraft, shown_address
from supervision_api.actions.classes import ClassDraft
from supervision_api.auth_permissions import Permission
from supervision_api.console import lesson_view
from supervision_api.console.i18n import LOCAL_ZONE
from supervision_api.console.pages import Pages, PagesHere, as_typed
from supervision_api.request_context import CallerHere, FormWriter, ServicesHere
from supervision_api.services import Services

router = APIRouter(prefix="/console", include_in_schema=False)

Text = Annotated[str, Form(max_length=200)]
_ROSTER_PAGE = 200
_TIMETABLE_PAGE = 100


@router.get("/classes")
def class_list(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    pages: PagesHere,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    caller.require(Permission.READ_CLASSES)
    return _class_list(request, services, pages, cursor)


def _class_list(
    request: Request,
    services: Services,
    pages: Pages,
    cursor: str | None = None,
    error: RollcallError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    with services.ledger.read() as work:
        found = work.classes.page(cursor)
    return pages.page(
        request,
        "classes.html",
        problems.status_of(error) if error else 200,
        classes=found.items,
        next_link=f"?{urlencode({'cursor': found.next_cursor})}" if found.next_cursor else "",
        problem=pages.problem_text(request, error) if error else "",
        typed=as_typed(typed),
    )


@router.post("/classes")
def create_class(
    *,
    request: Request,
    services: ServicesHere,
    caller: FormWriter,
    pages: PagesHere,
    code: Text = "",
    name: Text = "",
    programme: Text = "",
) -> Response:
    caller.require(Permission.EDIT_CLASSES)
    try:
        with services.ledger.write() as work:
            draft = ClassDraft(code, name, programme)
            made = classes.create_class(work, draft, services.web.institution, services.clock.now())
    except RollcallError as error:
        typed = {"code": code, "name": name, "programme": programme}
        return _class_list(request, services, pages, error=error, typed=typed)
    return RedirectResponse(f"/console/classes/{quote(made.code)}", status_code=303)


@router.get("/classes/{code}")
def class_page(
    code: str,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    pages: PagesHere,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    lessons_from: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Newest lessons and first trainees; each list has its own cursor, and turning one leaves the other."""
    caller.require(Permission.READ_CLASSES)
    return _class_page(request, services, pages, code, cursor, lessons_from)


def _class_page(
    request: Request,
    services: Services,
    pages: Pages,
    code: str,
    cursor: str | None = None,
    lessons_from: str | None = None,
    error: RollcallError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    with services.ledger.read() as work:
        klass = work.classes.get(code)
        wanted = LessonFilter(class_code=code)
        timetable = work.lessons.page(wanted, lessons_from, limit=_TIMETABLE_PAGE)
        lesson_total = work.lessons.count(code)
        roster = work.roster.page(code, cursor, limit=_ROSTER_PAGE)
        total = work.roster.count(code)
        known = work.cameras.all()
    return pages.page(
        request,
        "class.html",
        problems.status_of(error) if error else 200,
        klass=klass,
        lessons=tuple(reversed(timetable.items)),
        lesson_total=lesson_total,
        earlier_link=_turned(cursor=cursor, lessons_from=timetable.next_cursor)
        if timetable.next_cursor
        else "",
        latest_link=_turned(cursor=cursor, lessons_from=None) if lessons_from else "",
        trainees=roster.items,
        trainee_total=total,
        next_link=_turned(cursor=roster.next_cursor, lessons_from=lessons_from) if roster.next_cursor else "",
        cameras=[camera for camera in known if camera.enabled],
        today=services.clock.now().astimezone(LOCAL_ZONE).date().isoformat(),
        problem=pages.problem_text(request, error) if error else "",
        typed=as_typed(typed),
    )


@router.post("/classes/{code}/trainees/{trainee}/consent")
def record_consent(
    *,
    code: str,
    trainee: str,
    request: Request,
    services: ServicesHere,
    caller: FormWriter,
    pages: PagesHere,
    state: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    caller.require(Permission.EDIT_CLASSES)
    try:
        with services.ledger.write() as work:
            consent.record_consent(work, code, trainee, state, caller.actor, services.clock.now())
    except RollcallError as error:
        return _class_page(request, services, pages, code, error=error)
    return RedirectResponse(f"/console/classes/{quote(code)}", status_code=303)


def _turned(**cursors: str | None) -> str:
    """The same page with these cursors."""
    return "?" + urlencode({name: cursor for name, cursor in cursors.items() if cursor})


@router.post("/classes/{code}/lessons")
def plan_lesson(
    *,
    code: str,
    request: Request,
    services: ServicesHere,
    caller: FormWriter,
    pages: PagesHere,
    title: Text = "",
    day: Text = "",
    starts: Text = "",
    ends: Text = "",
    room: Text = "",
    instructor: Text = "",
    camera: Text = "",
) -> Response:
    caller.require(Permission.EDIT_CLASSES)
    try:
        document = {
            "class_code": code,
            "title": title,
            "starts_at": _instant(day, starts),
            "ends_at": _instant(day, ends),
            "room": room,
            "instructor": instructor,
            "cameras": [camera] if camera else [],
        }
        with services.ledger.write() as work:
            lessons.plan_lesson(work, document, services.clock.now())
    except RollcallError as error:
        typed = {"title": title, "day": day, "starts": starts, "ends": ends, "room": room}
        typed |= {"instructor": instructor, "camera": camera}
        return _class_page(request, services, pages, code, error=error, typed=typed)
    return RedirectResponse(f"/console/classes/{quote(code)}", status_code=303)


def _instant(day: str, clock: str) -> datetime:
    """What someone typed into a date and a time field, meant in the users' zone."""
    try:
        return datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), LOCAL_ZONE)
    except ValueError:
        raise InvalidInput("date or time cannot be read", place="starts_at", hint="09:00") from None


@router.get("/cameras")
def camera_list(request: Request, services: ServicesHere, caller: CallerHere, pages: PagesHere) -> Response:
    caller.require(Permission.READ_CAMERAS)
    return _camera_list(request, services, pages)


def _camera_list(
    request: Request,
    services: Services,
    pages: Pages,
    error: RollcallError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    with services.ledger.read() as work:
        found = work.cameras.all()
    listed = [
        {
            "camera_id": one.camera_id,
            "display_name": one.display_name,
            "room": one.room,
            "enabled": one.enabled,
            "shown_address": shown_address(one.address),
        }
        for one in found
    ]
    status = problems.status_of(error) if error else 200
    problem = pages.problem_text(request, error) if error else ""
    return pages.page(request, "cameras.html", status, cameras=listed, problem=problem, typed=as_typed(typed))


@router.post("/cameras")
def add_camera(
    *,
    request: Request,
    services: ServicesHere,
    caller: FormWriter,
    pages: PagesHere,
    camera_id: Text = "",
    display_name: Text = "",
    room: Text = "",
    address: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    caller.require(Permission.EDIT_CAMERAS)
    try:
        with services.ledger.write() as work:
            cameras.add_camera(work, CameraDraft(camera_id, display_name, room, address))
    except RollcallError as error:
        # the address is typed again: it may hold a password, and no page repeats one.
        typed = {"camera_id": camera_id, "display_name": display_name, "room": room}
        return _camera_list(request, services, pages, error, typed)
    return RedirectResponse("/console/cameras", status_code=303)


@router.get("/flags")
def flag_list(
    *,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    pages: PagesHere,
    kind: Annotated[str, Query(max_length=40)] = "",
    state: Annotated[str, Query(max_length=40)] = "",
    lesson: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """A filter that names nothing known shows all: a link from elsewhere must not end in an error."""
    caller.require(Permission.READ_FLAGS)
    chosen = {
        "kind": kind if kind in tuple(FlagKind) else "",
        "state": state if state in tuple(FlagState) else "",
        "lesson": lesson,
    }
    wanted = FlagFilter(
        states=(FlagState(chosen["state"]),) if chosen["state"] else (),
        kinds=(FlagKind(chosen["kind"]),) if chosen["kind"] else (),
        lesson_id=lesson or None,
    )
    with services.ledger.read() as work:
        page = work.flags.page(wanted, cursor)
        records = {one.flag.lesson_id: work.lessons.get(one.flag.lesson_id) for one in page.items}
        names = {
            trainee.code: trainee.name
            for code in {one.lesson.class_code for one in records.values()}
            for trainee in work.roster.trainees(code)
        }
    titles = {lesson_id: record.lesson.title for lesson_id, record in records.items()}
    following = urlencode({**chosen, "cursor": page.next_cursor}) if page.next_cursor else ""
    return pages.page(
        request,
        "flags.html",
        flags=lesson_view.flag_views(page.items, names, titles, pages.language(request)),
        kinds=[one.value for one in FlagKind],
        states=[one.value for one in FlagState],
        chosen=chosen,
        next_link=f"?{following}" if following else "",
    )
