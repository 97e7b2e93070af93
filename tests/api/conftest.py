"""The scene, opened afresh for each test, and a client that knows how to log in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from storage.database import sqlite_url, upgrade
from supervision_api.app import create_app
from tests.api.scene import PASSWORD, Scene, make_clip, open_scene


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    upgrade(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def clips() -> tuple[bytes, ...]:
    return (make_clip(60), make_clip(120))


@pytest.fixture
def scene(tmp_path: Path, migrated_database: Path, clips: tuple[bytes, ...]) -> Iterator[Scene]:
    with open_scene(tmp_path, migrated_database, clips) as opened:
        yield opened


class Visitor(TestClient):
    """A client with a session; writes carry its token unless told otherwise."""

    def log_in(self, account: str, password: str = PASSWORD) -> Visitor:
        answer = self.post("/api/v1/session", json={"account": account, "password": password})
        assert answer.status_code == 200, answer.text
        self.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return self

    def form_token(self, path: str) -> str:
        """The hidden token of a page's forms."""
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', self.get(path).text)
        assert found is not None
        return found.group(1)


@pytest.fixture
def visitor(scene: Scene) -> Iterator[Visitor]:
    with Visitor(create_app(scene.services), raise_server_exceptions=False) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def operator(visitor: Visitor) -> Visitor:
    return visitor.log_in("operator")
