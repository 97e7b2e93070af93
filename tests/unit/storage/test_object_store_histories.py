"""Random histories: the folder behaves as the fake does, and neither ever loses what is locked."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.errors import RollcallError
from storage.objects import FilesystemObjectStore, MemoryObjectStore

START = datetime(2026, 11, 23, tzinfo=UTC)
KEYS = st.sampled_from(["a", "b/1", "b/2", "b-c"])
DAYS = st.integers(-3, 30)


class Clock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


class StoreHistory(RuleBasedStateMachine):
    """The same acts upon both stores, in any order, while the clock moves on and sometimes back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="rollcall-history-"))
        self.clock = Clock()
        self.disk = FilesystemObjectStore(self.folder / "store", self.clock)
        self.fake = MemoryObjectStore(self.clock)
        self.locked: dict[str, tuple[datetime, bytes]] = {}
        self.held: set[str] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def both(self, act: Any) -> Any:
        """The outcome of an act, which must be the same for both: a value or the kind of an error."""
        outcomes = []
        for store in (self.disk, self.fake):
            try:
                outcomes.append(("done", act(store)))
            except RollcallError as error:
                outcomes.append(("refused", type(error)))
        assert outcomes[0][0] == outcomes[1][0], outcomes
        if outcomes[0][0] == "refused":
            assert outcomes[0] == outcomes[1]
            return None
        return outcomes[0][1]

    @rule(key=KEYS, days=DAYS, content=st.binary(max_size=20), hold=st.booleans())
    def put(self, key: str, days: int, content: bytes, hold: bool) -> None:
        source = self.folder / "source"
        source.write_bytes(content)
        until = self.clock.at + timedelta(days=days, seconds=1)
        sha256 = hashlib.sha256(content).hexdigest()
        if self.both(lambda store: store.put_locked(key, str(source), sha256, until, hold=hold)):
            self.locked[key] = (until, content)
            self.held.add(key) if hold else self.held.discard(key)

    @rule(key=KEYS, days=DAYS)
    def extend(self, key: str, days: int) -> None:
        until = self.clock.at + timedelta(days=days)
        if self.both(lambda store: store.extend_lock(key, store.stat(key).version, until)):
            self.locked[key] = (until, self.locked[key][1])

    @rule(key=KEYS, held=st.booleans())
    def hold(self, key: str, held: bool) -> None:
        if self.both(lambda store: store.set_hold(key, store.stat(key).version, held)):
            self.held.add(key) if held else self.held.discard(key)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.both(lambda store: store.delete_version(key, store.stat(key).version))
        self.forget_gone()

    @rule(prefix=st.sampled_from(["", "a", "b", "b/"]), days=st.integers(-1, 100))
    def purge(self, prefix: str, days: int) -> None:
        now = self.clock.at + timedelta(days=days)
        self.both(lambda store: [gone.key for gone in store.purge_expired(prefix, now)])
        self.forget_gone()

    @rule(hours=st.integers(1, 24 * 9))
    def time_passes(self, hours: int) -> None:
        self.clock.at += timedelta(hours=hours)

    @precondition(lambda self: self.clock.at > START)
    @rule(hours=st.integers(1, 48))
    def the_clock_goes_back(self, hours: int) -> None:
        self.clock.at = max(START, self.clock.at - timedelta(hours=hours))

    @rule()
    def restart(self) -> None:
        self.disk = FilesystemObjectStore(self.folder / "store", self.clock)

    def forget_gone(self) -> None:
        """Only what was neither retained nor held may be gone."""
        present = {stored.key for stored in self.disk.list_versions("")}
        for key in set(self.locked) - present:
            until, _ = self.locked.pop(key)
            assert until <= self.clock.at
            assert key not in self.held

    @invariant()
    def everything_known_is_there_and_whole(self) -> None:
        for store in (self.disk, self.fake):
            listed = {stored.key: stored for stored in store.list_versions("")}
            assert set(listed) == set(self.locked)
            for key, (until, content) in self.locked.items():
                assert store.read_range(key, 0, None) == content
                assert listed[key].retain_until == until
                assert listed[key].legal_hold == (key in self.held)
                (only,) = store.versions(key)
                assert (only.version, only.retain_until) == (listed[key].version, until)
                assert only.legal_hold == (key in self.held)
            for key in {"a", "b/1", "b/2", "b-c", "b"} - set(self.locked):
                assert store.versions(key) == ()


TestStoreHistory = StoreHistory.TestCase
TestStoreHistory.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
