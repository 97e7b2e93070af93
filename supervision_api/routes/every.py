"""All routers of the application, in one list."""

from __future__ import annotations

from fastapi import APIRouter

from supervision_api.routes import (
    attendance,
    cameras,
    classes,
    console_classes,
    console_lessons,
    console_live,
    console_roster,
    console_session,
    evidence,
    flags,
    footage,
    health,
    lessons,
    roster,
    session,
)


def service_routers() -> tuple[APIRouter, ...]:
    """For machines that run and watch the service."""
    return (health.router,)


def api_routers() -> tuple[APIRouter, ...]:
    """``/api/v1``."""
    return tuple(
        module.router
        for module in (session, classes, roster, cameras, lessons, attendance, flags, footage, evidence)
    )


def console_routers() -> tuple[APIRouter, ...]:
    """``/console``."""
    modules = (console_session, console_lessons, console_live, console_classes, console_roster)
    return tuple(module.router for module in modules)
