"""Shared: a very small scenario and its camera, cheap enough for every test."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingest.synthetic.classroom import ClassroomCamera
from ingest.synthetic.scenarios import small
from ingest.synthetic.script import Person, Role, Scenario, Stay


@pytest.fixture(scope="session")
def tiny() -> Scenario:
    """Two seats, 160x96, four seconds: T001 from the start, T002 from 2.5 s on, as in a doll's house."""
    people = (
        Person(cast=0, code="T001", stays=(Stay(0, 4, 0),)),
        Person(cast=1, code="T002", stays=(Stay(2.5, 4, 1),)),
    )
    return replace(
        small(), name="tiny", width=160, height=96, duration_s=4.0, rows=1, columns=2, people=people
    )


@pytest.fixture(scope="session")
def tiny_camera(tiny: Scenario) -> ClassroomCamera:
    return ClassroomCamera(tiny)


@pytest.fixture(scope="session")
def small_camera() -> ClassroomCamera:
    return ClassroomCamera(small())


@pytest.fixture
def stranger() -> Person:
    return Person(cast=5, role=Role.STRANGER, stays=(Stay(0, 4, 1),))
