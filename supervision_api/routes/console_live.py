"""The live part of a lesson's page: server-sent events and the cameras' last pictures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from models.errors import NotFound
from models.register import LessonRecord
from supervision_api import auth
from supervision_api.actions.footage import record_view
from supervision_api.actions.lessons import JUDGED, lesson_of
from supervision_api.auth import Caller
from supervision_api.auth_permissions import Permission
from supervision_api.live import LiveKind, Message, Subscription
from supervision_api.request_context import CallerHere, ServicesHere, ViewsHere, session_token
from supervision_api.services import Services

router = APIRouter(prefix="/console/lessons/{lesson_id}/live", include_in_schema=False)

RETRY_MS = 2000


@router.get("/{camera}.jpg")
def picture(
    lesson_id: str, camera: str, services: ServicesHere, caller: CallerHere, views: ViewsHere
) -> Response:
    """The last judged picture. Watching is a viewing like any other: a leaf per sitting."""
    caller.require(Permission.VIEW_FOOTAGE)
    found = services.live.picture(lesson_id, camera)
    if found is None:
        raise NotFound("no live picture of this camera", hint="the lesson may not run")
    with services.ledger.read() as work:
        record = lesson_of(work, lesson_id)
    record_view(services, views, caller, record, {"camera_id": camera, "live": 1})
    return Response(found.jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.get("/events")
async def events(
    lesson_id: str, request: Request, services: ServicesHere, caller: CallerHere
) -> StreamingResponse:
    """A snapshot, then every change. ``Last-Event-ID`` resumes where a broken connection stopped."""
    caller.require(Permission.READ_ATTENDANCE)
    record = await run_in_threadpool(_lesson, services, lesson_id)
    stream = _stream(services, caller, record, session_token(request), request.headers.get("last-event-id"))
    # nginx buffers unless told otherwise, and a buffered event stream is silent.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


def _lesson(services: Services, lesson_id: str) -> LessonRecord:
    with services.ledger.read() as work:
        return lesson_of(work, lesson_id)


async def _stream(
    services: Services, caller: Caller, record: LessonRecord, token: str, last_event_id: str | None
) -> AsyncIterator[bytes]:
    loop, due = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        # called from pipeline threads; the loop may be gone when a server stops.
        if not loop.is_closed():
            loop.call_soon_threadsafe(due.set)

    yield f"retry: {RETRY_MS}\n\n".encode()
    if record.state in JUDGED:
        # judged while this page was cut off: nobody will publish it a second time.
        yield b"event: lesson\ndata: " + orjson.dumps({"state": record.state.value}) + b"\n\n"
    with services.live.subscribe(record.lesson.lesson_id, wake, last_event_id) as subscription:
        while not services.live.closed:
            due.clear()
            for message in _take(subscription, caller):
                yield encode(message)
            try:
                await asyncio.wait_for(due.wait(), services.web.heartbeat_s)
            except TimeoutError:
                # a log-out or an expiry ends the stream as well, no later than the next heartbeat.
                if await run_in_threadpool(auth.find_caller, services, token) is None:
                    return
                yield b": still here\n\n"


def _take(subscription: Subscription, caller: Caller) -> list[Message]:
    return (
        subscription.take()
        if caller.may(Permission.VIEW_FOOTAGE)
        else [_without_pictures(one) for one in subscription.take() if one.kind is not LiveKind.PICTURE]
    )


def _without_pictures(message: Message) -> Message:
    if message.kind is not LiveKind.SNAPSHOT:
        return message
    data = {kind: state for kind, state in message.data.items() if kind != LiveKind.PICTURE.value}
    return Message(message.event_id, message.kind, data)


def encode(message: Message) -> bytes:
    """One event as the wire has it; JSON has no raw line break, so the data is one line."""
    data = orjson.dumps(dict(message.data))
    return f"id: {message.event_id}\nevent: {message.kind.value}\ndata: ".encode() + data + b"\n\n"
