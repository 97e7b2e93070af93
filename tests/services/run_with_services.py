"""Start the services that tests need, run a command with their addresses in its environment, stop them.

    python -m tests.services.run_with_services COMMAND [ARG ...]

Services listen on loopback or on a socket in a folder of their own, hold no data worth keeping and are
gone afterwards. They start side by side, so the run waits for the slowest alone. Servers that a single test
kills and restarts (RTSP) are started by that test. Each can be started by hand: ``python -m
tests.services.postgres``, ``…localstack``, ``…radosgw``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final

from tests.services.localstack import localstack
from tests.services.postgres import postgres
from tests.services.radosgw import radosgw

Service = Callable[[], AbstractContextManager[dict[str, str]]]
SERVICES: Final[tuple[Service, ...]] = (postgres, localstack, radosgw)


@contextmanager
def started(services: tuple[Service, ...] = SERVICES) -> Iterator[dict[str, str]]:
    """All services, started at the same time; what they put into the environment.

    One that does not start stops the others and raises ``SystemExit`` with the end of its log.
    """
    addresses: dict[str, str] = {}
    with ExitStack() as running, ThreadPoolExecutor(len(services)) as threads:
        contexts = [service() for service in services]
        starts = [threads.submit(context.__enter__) for context in contexts]
        failures: list[BaseException] = []
        for context, start in zip(contexts, starts, strict=True):
            failure = start.exception()
            if failure is not None:
                failures.append(failure)
                continue
            running.push(context.__exit__)
            addresses.update(start.result())
        if failures:
            raise failures[0]
        yield addresses


def main(command: list[str]) -> int:
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    with started() as addresses:
        env = {**os.environ, **addresses, "ROLLCALL_TEST_SERVICES": "1", "SERVICES": "1"}
        return subprocess.run(command, check=False, env=env).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
