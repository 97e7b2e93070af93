"""Pages of footage and evidence: timelines, an instant beside its claim, the log, the bundle."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from models.attendance import EvidenceLink
from models.checkpoint import utc_text
from supervision_api.actions import evidence
from supervision_api.actions.lessons import JUDGED, lesson_of
from supervision_api.auth_permissions import Permission
from supervision_api.console.footage_view import Claim, claim_of_flag, claim_of_trainee, moment_of, tracks_of
from supervision_api.request_context import CallerHere, FormWriter, ServicesHere
from supervision_api.routes.console_entry import pages_of
from supervision_api.routes.console_lessons import lesson_head
from supervision_api.routes.footage import parse_instant

router = APIRouter(prefix="/console/lessons/{lesson_id}", tags=["console"], include_in_schema=False)

_LEAVES_A_PAGE = 100


@router.get("/footage")
def footage_page(lesson_id: str, request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    caller.require(Permission.VIEW_FOOTAGE)
    with services.ledger.read() as work:
        record = lesson_of(work, lesson_id)
        values = lesson_head(work, record, "footage")
        tracks = tracks_of(work, record)
    return pages_of(request).page(request, "footage.html", **values, tracks=tracks)


@router.get("/moment")
def moment_page(
    *,
    lesson_id: str,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    camera: Annotated[str, Query(max_length=80)],
    at: Annotated[str, Query(max_length=40)],
    shows: Annotated[str, Query(max_length=40)] = "",
    trainee: Annotated[str, Query(max_length=40)] = "",
    flag: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Plays an instant beside what it is said to show."""
    caller.require(Permission.VIEW_FOOTAGE)
    pages = pages_of(request)
    language = pages.language(request)
    link = EvidenceLink(shows, parse_instant(at), camera, 0.0)
    with services.ledger.read() as work:
        record = lesson_of(work, lesson_id)
        values = lesson_head(work, record, "footage")
        if trainee:
            claim = claim_of_trainee(work, record, trainee, language)
        elif flag:
            claim = claim_of_flag(work, record, flag, language)
        else:
            claim = Claim(record.lesson.title)
        moment = moment_of(work, record, link, claim, language)
    return pages.page(request, "moment.html", **values, moment=moment)


@router.get("/evidence")
def evidence_page(
    *,
    lesson_id: str,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
) -> Response:
    caller.require(Permission.READ_EVIDENCE)
    with services.ledger.read() as work:
        record = lesson_of(work, lesson_id)
        values = lesson_head(work, record, "evidence")
        page = evidence.leaves_of(work, lesson_id, cursor, _LEAVES_A_PAGE)
        total = evidence.leaf_count(work, lesson_id)
        latest = evidence.latest_checkpoint(work)
        keys = evidence.key_documents(work)
        origin = work.evidence.origin
    following = f"?{urlencode({'cursor': page.next_cursor})}" if page.next_cursor else ""
    return pages_of(request).page(
        request,
        "evidence.html",
        **values,
        leaves=[
            {
                "sequence": leaf.seq,
                "at": leaf.at,
                "kind": leaf.kind.value,
                "about": evidence.about(leaf),
                "hash": leaf.leaf_hash.hex(),
            }
            for leaf in page.items
        ],
        leaf_total=total,
        next_link=f"/console/lessons/{lesson_id}/evidence{following}" if following else "",
        checkpoint={
            "origin": origin,
            "size": latest.size,
            "at": latest.at,
            "root": evidence.base64_of(latest.root),
        }
        if latest
        else None,
        keys=[str(key.get("fingerprint", key.get("key", ""))) for key in keys],
        store=services.store_capabilities,
        bundle_ready=record.state in JUDGED,
    )


@router.post("/bundle")
def bundle(lesson_id: str, services: ServicesHere, caller: FormWriter) -> Response:
    """The lesson's whole evidence as one zip. Taking it out is a leaf."""
    caller.require(Permission.EXPORT)
    with services.ledger.read() as work:
        record = lesson_of(work, lesson_id)
    path = evidence.write_bundle(services, record, caller.actor)
    day = utc_text(record.lesson.starts_at)[:10]
    headers = {
        "Content-Disposition": f'attachment; filename="rollcall-{day}-bundle.zip"',
        "Content-Length": str(path.stat().st_size),
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(evidence.stream_and_remove(path), media_type="application/zip", headers=headers)
