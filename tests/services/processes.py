"""Starting and stopping the servers of the tests: free ports, waiting until one answers, ending it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_S = 0.1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cache_folder() -> Path:
    """Where what the services need is installed, outside the repository."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rollcall-tests"


def answers(port: int, path: str) -> bool:
    """Whether something on this port answers the path with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], within_s: float, log: Path
) -> None:
    """Raises ``SystemExit`` with the end of the server's log when it ends or stays silent."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if ready():
            return
        if process.poll() is not None:
            break
        time.sleep(_POLL_S)
    tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
    raise SystemExit(f"{log.stem} did not become ready in {within_s:.0f} s; the end of its log:\n{tail}")


@contextmanager
def server(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process group of its own, which is ended whole: some of them start others."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=dict(environment) if environment is not None else None,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def serve_until_interrupted(addresses: Mapping[str, str]) -> None:
    """Print what to put into the environment, then wait: for starting a server by hand."""
    for name, value in sorted(addresses.items()):
        print(f"export {name}='{value}'", flush=True)
    print("# running; stop with Ctrl-C", flush=True)
    with suppress(KeyboardInterrupt):
        # asked to end, the servers must end too; the system's own answer would leave them running.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.pause()
    # asked a second time while the servers end, it would leave one behind
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("# stopped", flush=True)
