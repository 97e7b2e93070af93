"""Start the services that tests need, run a command with their addresses in its environment, stop them.

    python tests/services/run_with_services.py COMMAND [ARG ...]

Services listen on loopback or on a socket in a folder of their own, hold no data worth keeping and are
gone afterwards. Servers that a single test kills and restarts (RTSP) are started by that test.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _postgres_bin() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    raise SystemExit("PostgreSQL is not installed; run: bash tests/services/install.sh")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_service_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: hand the folder to its own user then."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """A throw-away cluster; yields ROLLCALL_TEST_POSTGRES."""
    binaries = _postgres_bin()
    with tempfile.TemporaryDirectory(prefix="rollcall-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        prefix = _as_service_user(folder)
        port = _free_port()
        data = folder / "data"
        env = {**os.environ, "LC_ALL": "C.UTF-8"}
        subprocess.run(
            [
                *prefix,
                str(binaries / "initdb"),
                "-D",
                str(data),
                "-U",
                "rollcall",
                "-A",
                "trust",
                "-E",
                "UTF8",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            env=env,
            cwd="/",
        )
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        )
        control = [*prefix, str(binaries / "pg_ctl"), "-D", str(data), "-w"]
        subprocess.run(
            [*control, "-o", options, "-l", str(folder / "log"), "start"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=env,
            cwd="/",
        )
        try:
            yield {"ROLLCALL_TEST_POSTGRES": f"postgresql+psycopg://rollcall@127.0.0.1:{port}/postgres"}
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"],
                check=False,
                stdout=subprocess.DEVNULL,
                env=env,
                cwd="/",
            )


def main(command: list[str]) -> int:
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    with postgres() as addresses:
        env = {**os.environ, **addresses, "ROLLCALL_TEST_SERVICES": "1", "SERVICES": "1"}
        return subprocess.run(command, check=False, env=env).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
