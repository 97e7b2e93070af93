"""The page of the evidence log: is it signed, copied, certified, and is all footage what it was."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from supervision_api.auth_permissions import Permission
from supervision_api.console.log_view import log_values
from supervision_api.console.pages import PagesHere
from supervision_api.request_context import CallerHere, ServicesHere

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("/evidence")
def evidence_log(request: Request, services: ServicesHere, caller: CallerHere, pages: PagesHere) -> Response:
    caller.require(Permission.READ_EVIDENCE)
    with services.ledger.read() as work:
        values = log_values(work, services.web.origin)
    return pages.page(request, "evidence_log.html", **values, store=services.store_capabilities)
