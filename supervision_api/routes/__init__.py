"""HTTP routes, thin: read the request, call an action, answer."""

from __future__ import annotations

from fastapi import APIRouter

from supervision_api.routes import health


def service_routers() -> tuple[APIRouter, ...]:
    """Routes for machines that run and watch the service."""
    return (health.router,)


def api_routers() -> tuple[APIRouter, ...]:
    """``/api/v1``."""
    return ()


def console_routers() -> tuple[APIRouter, ...]:
    """``/console``."""
    return ()
