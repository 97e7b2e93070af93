"""``/healthz``: the process answers. ``/readyz``: it can do its work. ``/metrics``: for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, RedirectResponse, Response

from supervision_api.actions.readiness import checks
from supervision_api.metrics import CONTENT_TYPE_LATEST
from supervision_api.request_context import ServicesHere

router = APIRouter(tags=["service"])


@router.get("/", include_in_schema=False)
@router.get("/console/", include_in_schema=False)
def root() -> RedirectResponse:
    return RedirectResponse("/console/today", status_code=303)


@router.get("/healthz", summary="Whether the process answers")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Whether everything needed works, with reasons")
def readyz(services: ServicesHere) -> JSONResponse:
    """200 when all checks pass, 503 otherwise; the body lists every check either way."""
    found = checks(services)
    ready = all(check.ok for check in found)
    body = {
        "status": "ready" if ready else "not_ready",
        "checks": [
            {"name": check.name, "ok": check.ok, "reason": check.reason, "detail": check.detail}
            for check in found
        ],
    }
    return JSONResponse(body, status_code=200 if ready else 503)


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(services: ServicesHere) -> Response:
    services.metrics.live_listeners.set(services.live.listeners())
    return Response(services.metrics.render(), media_type=CONTENT_TYPE_LATEST)
