"""``rollcall doctor --rebuild-index`` where the store is a server: by settings alone."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from supervision_api.actions.footage import find_segment
from supervision_api.cli.main import application
from supervision_api.pipeline.installation import open_installation, require_sound_log
from supervision_api.settings import Settings
from tests.services.s3_servers import NAMES, running
from tests.unit.pipeline.sealed_lesson import CONTENTS, live_through_a_lesson

pytestmark = pytest.mark.service
NAMED = ("data_dir", "cache_dir", "spool_reserve_mb", "detector", "store", "s3_endpoint", "s3_bucket")


@pytest.fixture(params=NAMES)
def on_server(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of an installation whose footage lies on this server; the environment names them too."""
    access = running(request.param).access()
    values = {
        "store": "s3",
        "s3_endpoint": access.endpoint,
        "s3_bucket": access.bucket,
        "s3_access_key": access.access_key,
        "s3_secret_key": SecretStr(access.secret_key),
    }
    made = settings.model_copy(update=values)
    for name in NAMED:
        monkeypatch.setenv(f"ROLLCALL_{name.upper()}", str(getattr(made, name)))
    monkeypatch.setenv("ROLLCALL_S3_ACCESS_KEY", access.access_key)
    monkeypatch.setenv("ROLLCALL_S3_SECRET_KEY", access.secret_key)
    return made


def test_the_command_finds_everything_on_the_server_again(on_server: Settings) -> None:
    with open_installation(on_server) as house:
        before = live_through_a_lesson(house)
    for path in on_server.data_dir.glob("rollcall.db*"):
        path.unlink()
    done = CliRunner().invoke(application, ["doctor", "--rebuild-index", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["rebuilt"]
    assert (found["leaves"], found["rows"]["receipts"]) == (before.leaves, 3)
    assert (found["missing"], found["unknown"], found["survived"]) == ([], [], [])
    with open_installation(on_server) as house:
        assert require_sound_log(house) is not None
        with house.ledger.read() as work:
            assert work.footage.segments("L1") == before.segments
            keys = [find_segment(work, "L1", "cam1", number).key for number in (1, 2, 3)]
        assert tuple(house.store.read_range(str(key), 0, None) for key in keys) == CONTENTS
