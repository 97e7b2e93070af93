"""PostgreSQL on loopback, forgotten when it stops.

python -m tests.services.postgres          start one by hand; prints its address
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.processes import free_port, serve_until_interrupted


def _postgres_bin() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    raise SystemExit("PostgreSQL is not installed; run: bash tests/services/install.sh")


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
        port = free_port()
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


if __name__ == "__main__":
    with postgres() as addresses:
        serve_until_interrupted(addresses)
