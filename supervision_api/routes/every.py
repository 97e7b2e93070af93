"""All routers of the application, in one list."""

from __future__ import annotations

from fastapi import APIRouter

from supervision_api.routes import (
    attendance,
    bundles,
    cameras,
    classes,
    console_classes,
    console_evidence,
    console_footage,
    console_lessons,
    console_live,
    console_roster,
    console_session,
    console_storage,
    console_trainee,
    evidence,
    film,
    film_hls,
    flags,
    footage,
    health,
    lessons,
    retention,
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
        for module in (
            session,
            classes,
            roster,
            cameras,
            lessons,
            attendance,
            flags,
            footage,
            film,
            film_hls,
            evidence,
            bundles,
            retention,
        )
    )


def console_routers() -> tuple[APIRouter, ...]:
    """``/console``."""
    modules = (
        console_session,
        console_lessons,
        console_footage,
        console_trainee,
        console_live,
        console_classes,
        console_roster,
        console_storage,
        console_evidence,
    )
    return (*(module.router for module in modules), bundles.pages)
