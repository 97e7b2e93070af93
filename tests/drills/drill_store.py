"""The stores that drills run on, by name, and the option that chooses among them.

``files``: a folder beside the database. ``localstack``, ``radosgw``: real S3 servers. One that the
environment names (``ROLLCALL_TEST_S3_LOCALSTACK``, ``ROLLCALL_TEST_S3_RADOSGW``) is used; else the drill
starts it.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr

from supervision_api.settings import Settings
from tests.drills.outcome import Outcome
from tests.services.localstack import localstack
from tests.services.radosgw import radosgw
from tests.services.radosgw_users import ADDRESS, CONFIG, GatewayUser, in_environment
from tests.services.run_with_services import Service
from tests.services.s3_servers import running

FILES, LOCALSTACK, RADOSGW = "files", "localstack", "radosgw"
SERVERS: Final = (LOCALSTACK, RADOSGW)
EVERY: Final = (FILES, *SERVERS)
_STARTS: Final[Mapping[str, Service]] = {LOCALSTACK: localstack, RADOSGW: radosgw}


@dataclass(frozen=True, slots=True)
class DrillStore:
    """``address``: of a server, with a key in it; empty for a folder. ``config``: of a radosgw, by which keys
    are withdrawn. ``user``: whose key it is, where it may be."""

    name: str
    address: str = field(default="", repr=False)
    config: str = ""
    user: GatewayUser | None = None

    @property
    def is_server(self) -> bool:
        return bool(self.address)

    @property
    def endpoint(self) -> str:
        """Without the key."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.hostname}:{parts.port}" if self.is_server else ""

    def settings(self, folder: Path, endpoint: str = "", **changes: object) -> Settings:
        """An installation in ``folder`` on this store, reached at ``endpoint`` (a line that breaks)."""
        values: dict[str, object] = {
            "data_dir": folder / "data",
            "cache_dir": folder / "cache",
            "weights_dir": None,
            "detector": "hog",
            "port": 0,
            "spool_reserve_mb": 16,
            "log_level": "error",
            "store": "s3" if self.is_server else "filesystem",
        }
        if self.is_server:
            parts = urlsplit(self.address)
            values |= {
                "s3_endpoint": endpoint or self.endpoint,
                "s3_bucket": f"drill-{os.urandom(6).hex()}",
                "s3_access_key": parts.username,
                "s3_secret_key": parts.password,
                "s3_connect_timeout_s": 2.0,
                "s3_read_timeout_s": 10.0,
            }
        return Settings(**(values | changes))  # type: ignore[arg-type]

    def with_own_user(self) -> DrillStore:
        """The same gateway under a key that nobody else uses, so that it can be withdrawn."""
        if self.name != RADOSGW:
            return self
        user = in_environment({ADDRESS: self.address, CONFIG: self.config}).new_user()
        return replace(self, address=user.address, user=user)


def environment_of(settings: Settings) -> dict[str, str]:
    """These settings for a ``rollcall`` that runs in a process of its own."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    told = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in given.items()
        if value is not None
    }
    return {**os.environ, **{f"ROLLCALL_{name.upper()}": value for name, value in told.items()}}


def store_in(name: str, environment: Mapping[str, str]) -> DrillStore:
    """The server of this name as an environment tells where it is."""
    return DrillStore(name, environment[_variable(name)], environment.get(CONFIG, ""))


def _variable(name: str) -> str:
    return f"ROLLCALL_TEST_S3_{name.upper()}"


@contextmanager
def drill_store(name: str) -> Iterator[DrillStore]:
    """The store of this name, started unless the environment names it."""
    if name == FILES:
        yield DrillStore(FILES)
    elif os.environ.get(_variable(name)):
        yield store_in(name, os.environ)
    else:
        with _STARTS[name]() as environment:
            yield store_in(name, environment)


def running_store(name: str) -> DrillStore:
    """For tests: a folder, or the server of this run; skips the test where none was started."""
    if name == FILES:
        return DrillStore(FILES)
    running(name)
    return store_in(name, os.environ)


def add_store(parser: argparse.ArgumentParser, names: Sequence[str], why_not: str = "") -> None:
    """The option ``--store``. ``why_not``: why the other stores make no sense in this drill."""
    said = "may be repeated; each of them, unless one is named"
    parser.add_argument(
        "--store", choices=names, action="append", help=f"{said}; {why_not}" if why_not else said
    )


def run_on(names: Iterable[str], drill: Callable[[DrillStore], Iterable[Outcome]]) -> int:
    """Every outcome printed as soon as it is there; the exit code.

    What the log says is left out: a drill breaks things on purpose, hundreds of times.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    code = 0
    for name in names:
        with drill_store(name) as store:
            for outcome in drill(store):
                code |= outcome.tell()
    return code
