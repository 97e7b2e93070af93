"""The object stores that the contracts run over, each with its clock and its folder.

A new store joins by adding a builder here: ``LOCAL`` for one that needs no server.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from minio.retention import Retention

from models.footage import KeyVersion, StoredObject
from storage.objects import FilesystemObjectStore, MemoryObjectStore
from storage.objects.immutable import set_immutable
from storage.objects.s3 import S3ObjectStore
from storage.objects.time_guard import HighestTimeInMemory, TimeGuard
from tests.hand_clock import HandClock
from tests.services.s3_servers import S3Server, running
from tests.unit.storage.retained import WatchedStore

FIVE_YEARS = timedelta(days=5 * 365)
KEY = "footage/L1/cam1/000001-abc.mp4"
LONGEST_WAIT_S = 10.0


@dataclass
class Bench:
    """A store, its clock, and a folder for files to put.

    A server has a clock of its own, which no test can move: there a short lock lasts seconds, and its end is
    awaited. ``now`` is the time at which the test began, in whole seconds; ``later`` is five years after it.
    """

    store: Any
    clock: HandClock
    folder: Path
    short: timedelta = timedelta(days=1)
    awaits: bool = False

    def __post_init__(self) -> None:
        self.now = self.clock.now()
        self.later = self.now + FIVE_YEARS
        self.soon = self.now + self.short

    def come(self, at: datetime) -> None:
        """The store's clock shows this time; where its server has a clock, that shows it too."""
        self.clock.at = at
        self.await_server(at)

    def shortly(self) -> datetime:
        """The end of a short lock that is set now; a server's clock has gone on since the test began."""
        if not self.awaits:
            return self.clock.now() + self.short
        return datetime.now(UTC).replace(microsecond=0) + self.short + timedelta(seconds=2)

    def await_server(self, at: datetime) -> None:
        if self.awaits:
            left_s = (at - datetime.now(UTC)).total_seconds()
            assert left_s < LONGEST_WAIT_S, "only a short lock can be waited for"
        while self.awaits and datetime.now(UTC) < at:
            time.sleep(min(0.1, (at - datetime.now(UTC)).total_seconds() + 0.01))

    def file(self, content: bytes = b"footage") -> tuple[str, str]:
        path = self.folder / "source.mp4"
        path.write_bytes(content)
        return str(path), hashlib.sha256(content).hexdigest()

    def put(
        self, key: str = KEY, content: bytes = b"footage", until: datetime | None = None, **more: Any
    ) -> StoredObject:
        path, sha256 = self.file(content)
        stored = self.store.put_locked(key, path, sha256, until or self.later, **more)
        assert isinstance(stored, StoredObject)
        return stored

    def pass_time(self, until: datetime, every: timedelta = timedelta(days=5)) -> None:
        """Time passes while the store is in use: something is stored every few days."""
        number = 0
        while self.clock.at < until:
            self.clock.at = min(self.clock.at + every, until)
            number += 1
            self.put(f"passing/{number:06d}", until=self.clock.at + timedelta(days=3650))


@dataclass
class LayeredBench(Bench):
    """A store under whose keys other versions can be laid, past its own refusals: as an upload whose answer
    was lost makes them, or a foreign hand. ``WatchedStore`` stands for a server here."""

    made: int = 0

    def lay_over(self, content: bytes, key: str = KEY, until: datetime | None = None) -> str:
        """Another version of the key, locked until then; its name."""
        return self._lay(key, KeyVersion(self._name(), until))

    def mark_deleted(self, key: str = KEY) -> str:
        """A delete marker; its name."""
        return self._lay(key, KeyVersion(self._name(), is_marker=True))

    def set_hold(self, key: str, version: str, held: bool) -> None:
        laid = self.store.laid[key]
        laid[:] = [replace(one, legal_hold=held) if one.version == version else one for one in laid]

    def _name(self) -> str:
        self.made += 1
        return f"laid-{self.made}"

    def _lay(self, key: str, one: KeyVersion) -> str:
        self.store.laid.setdefault(key, []).append(one)
        return one.version


@dataclass
class ServerBench(LayeredBench):
    """The same with a real server, through its bare client."""

    @property
    def client(self) -> Any:
        return self.store._connection.client

    @property
    def bucket(self) -> str:
        return str(self.store._connection.bucket)

    def lay_over(self, content: bytes, key: str = KEY, until: datetime | None = None) -> str:
        retention = None if until is None else Retention(self.store._mode, until)
        made = self.client.put_object(
            self.bucket, key, io.BytesIO(content), len(content), retention=retention
        )
        assert made.version_id
        return str(made.version_id)

    def mark_deleted(self, key: str = KEY) -> str:
        before = {one.version for one in self.store.versions(key)}
        self.client.remove_object(self.bucket, key)
        (made,) = {one.version for one in self.store.versions(key)} - before
        return str(made)

    def set_hold(self, key: str, version: str, held: bool) -> None:
        act = self.client.enable_object_legal_hold if held else self.client.disable_object_legal_hold
        act(self.bucket, key, version_id=version)


def on_folder(folder: Path, *, immutable: bool = False) -> Bench:
    clock = HandClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    return Bench(FilesystemObjectStore(folder / "store", clock, immutable=immutable), clock, folder)


def in_memory(folder: Path) -> Bench:
    clock = HandClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    return Bench(MemoryObjectStore(clock), clock, folder)


def in_layers(folder: Path) -> LayeredBench:
    clock = HandClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    return LayeredBench(WatchedStore(clock, TimeGuard(HighestTimeInMemory())), clock, folder)


def on_server(folder: Path, server: S3Server, mode: str) -> ServerBench:
    clock = HandClock(datetime.now(UTC).replace(microsecond=0))
    store = S3ObjectStore(server.connect(clock), clock, HighestTimeInMemory(), mode=mode)
    store.prepare()
    return ServerBench(store, clock, folder, short=timedelta(seconds=2), awaits=True)


LOCAL: Final[dict[str, Callable[[Path], Bench]]] = {
    "filesystem": on_folder,
    "filesystem immutable": lambda folder: on_folder(folder, immutable=True),
    "memory": in_memory,
}
LAYERED: Final = "memory in layers"
"""Not among the stores: it stands for a server in what is said of several versions."""
# One mode each: the other is that server's own affair, and both are tried by the canary's tests.
SERVERS: Final = {"localstack": "GOVERNANCE", "radosgw": "COMPLIANCE"}
ON_SERVERS: Final = [pytest.param(name, marks=pytest.mark.service) for name in SERVERS]
EVERYWHERE: Final = [*sorted(LOCAL), *ON_SERVERS]
STORES_AND_DATABASES: Final = [
    *(pytest.param(name, "sqlite", id=name) for name in sorted(LOCAL)),
    *(pytest.param(name, "sqlite", id=name, marks=pytest.mark.service) for name in SERVERS),
    pytest.param("filesystem", "postgresql", id="filesystem and postgresql", marks=pytest.mark.service),
]
"""For what needs a ledger too, by ``indirect`` parameters ``bench`` and ``database_url``."""


@contextmanager
def opened_bench(name: str, folder: Path) -> Iterator[Bench]:
    """The store of this name, empty; skips the test where its server was not started."""
    if name in LOCAL:
        yield LOCAL[name](folder)
    elif name == LAYERED:
        yield in_layers(folder)
    else:
        yield on_server(folder, running(name), SERVERS[name])
    for path in folder.rglob("*"):  # else nobody could remove the folder
        if path.is_file():
            set_immutable(path, False)
