"""The services of a run start side by side, and one that does not start stops the others."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.processes import answers, free_port, server, wait_until
from tests.services.run_with_services import Service, started
from tests.services.s3_servers import parsed


class Services:
    """Made-up services that meet each other while starting."""

    def __init__(self, count: int) -> None:
        self.meeting = threading.Barrier(count, timeout=20)
        self.running: set[str] = set()

    def make(self, name: str, *, fails: bool = False) -> Service:
        @contextmanager
        def service() -> Iterator[dict[str, str]]:
            self.meeting.wait()  # breaks unless all of them start at the same time
            if fails:
                raise SystemExit(f"{name} did not start")
            self.running.add(name)
            try:
                yield {name: f"address of {name}"}
            finally:
                self.running.discard(name)

        return service


def test_all_start_at_the_same_time_and_end_with_the_run() -> None:
    services = Services(3)
    with started(tuple(services.make(name) for name in "abc")) as addresses:
        assert addresses == {name: f"address of {name}" for name in "abc"}
        assert services.running == {"a", "b", "c"}
    assert services.running == set()


def test_one_that_does_not_start_is_told_and_the_others_are_stopped() -> None:
    services = Services(3)
    with (
        pytest.raises(SystemExit, match="b did not start"),
        started((services.make("a"), services.make("b", fails=True), services.make("c"))),
    ):
        pass
    assert services.running == set()


def test_a_server_that_ends_before_it_is_ready_is_told_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with (
        pytest.raises(SystemExit, match="no such disk"),
        server([sys.executable, "-c", "print('no such disk')"], log) as process,
    ):
        wait_until(lambda: False, process, 20, log)


def test_a_server_and_what_it_started_end_together(tmp_path: Path) -> None:
    port = free_port()
    child = f"import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    log = tmp_path / "parent.log"
    with server([sys.executable, "-c", parent], log) as process:
        wait_until(lambda: answers(port, "/"), process, 30, log)
    assert not answers(port, "/")


def test_the_address_of_a_server_holds_its_key() -> None:
    found = parsed("radosgw", "http://key:secret@127.0.0.1:81")
    assert (found.endpoint, found.access_key, found.secret_key) == ("http://127.0.0.1:81", "key", "secret")


def test_the_installer_and_the_starter_speak_of_the_same_localstack(repository_root: Path) -> None:
    from tests.services.localstack import VERSION

    script = (repository_root / "tests/services/install.sh").read_text()
    assert script.count(f"localstack-{VERSION}") == 1
    assert f"localstack-core[base-runtime]=={VERSION}" in script
    assert (
        subprocess.run(["bash", "-n", repository_root / "tests/services/install.sh"], check=False).returncode
        == 0
    )
