"""Keys that are withdrawn: only those of one's own user, at once, and never shown."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import StoreKeyRefused
from storage.objects.s3_connection import S3Connection
from tests.hand_clock import HandClock
from tests.services.radosgw_users import ADDRESS, CONFIG, Gateway, GatewayUser, in_environment
from tests.services.s3_servers import parsed, running

SECRET = "s3cr3t-of-a-user"


@pytest.fixture
def admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``radosgw-admin`` that writes down what it was told, and fails for whoever is called Nobody."""
    told = tmp_path / "told"
    program = tmp_path / "radosgw-admin"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {told}\n'
        'case "$*" in *Nobody*) echo "noise" >&2; echo "no such user" >&2; exit 1;; esac\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return told


GATEWAY = Gateway("http://first:secret@127.0.0.1:7", "/run/ceph.conf")


def user(name: str = "somebody") -> GatewayUser:
    return GatewayUser(GATEWAY, name, "key-1", SECRET)


def test_each_act_names_the_user_and_the_gateway(admin: Path) -> None:
    somebody = user()
    somebody.remove_key()
    somebody.restore_key()
    somebody.suspend()
    somebody.enable()
    lines = admin.read_text().splitlines()
    assert [line.split()[4:6] for line in lines] == [
        ["key", "rm"], ["key", "create"], ["user", "suspend"], ["user", "enable"],
    ]  # fmt: skip
    assert all(line.startswith("-c /run/ceph.conf -n client.rgw ") for line in lines)
    assert all("--uid=somebody" in line for line in lines)
    assert SECRET not in lines[0], "a key is removed by its name"
    assert f"--secret={SECRET}" in lines[1]


def test_a_new_user_has_a_name_and_a_key_that_nobody_else_has(admin: Path) -> None:
    first, second = GATEWAY.new_user(), GATEWAY.new_user()
    assert len({first.name, second.name}) == len({first.secret_key, second.secret_key}) == 2
    assert first.address == f"http://{first.access_key}:{first.secret_key}@127.0.0.1:7"
    assert admin.read_text().count("user create") == 2


def test_a_failure_is_told_by_its_last_words_and_without_the_secret(admin: Path) -> None:
    with pytest.raises(SystemExit) as raised:
        user("Nobody").restore_key()
    assert str(raised.value) == "radosgw-admin key create failed: no such user"
    assert SECRET not in str(raised.value)


def test_no_secret_is_shown_by_what_holds_it() -> None:
    assert SECRET not in repr(user())
    assert "secret@" not in repr(user())


def test_a_gateway_is_found_again_by_what_it_put_into_the_environment() -> None:
    assert in_environment(GATEWAY.environment()) == GATEWAY


@pytest.mark.parametrize("config", [{}, {CONFIG: ""}])
def test_a_gateway_of_somebody_else_says_what_is_missing(config: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match=CONFIG):
        in_environment({ADDRESS: GATEWAY.address, **config})


@pytest.mark.service
@pytest.mark.parametrize(
    ("take", "give_back", "code"),
    [
        (GatewayUser.remove_key, GatewayUser.restore_key, "InvalidAccessKeyId"),
        (GatewayUser.suspend, GatewayUser.enable, "UserSuspended"),
    ],
)
def test_a_withdrawn_key_is_refused_at_once_and_taken_again_at_once(take, give_back, code: str) -> None:  # type: ignore[no-untyped-def]
    first = running("radosgw")
    somebody = in_environment(os.environ).new_user()
    clock = HandClock(datetime.now(UTC))
    connection = parsed("radosgw", somebody.address).connect(clock)

    def ask(line: S3Connection) -> bool:
        return bool(line.once("b", lambda client: list(client.list_buckets()) == []))

    assert ask(connection)
    take(somebody)
    with pytest.raises(StoreKeyRefused, match=f"refuses our key \\({code}\\)") as raised:
        ask(connection)
    assert somebody.secret_key not in f"{raised.value!r} {raised.value}"
    ask(first.connect(clock))  # nobody else is touched
    give_back(somebody)
    assert ask(connection)
    connection.close()
