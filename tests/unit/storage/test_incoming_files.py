"""Files on their way into the store, against sweepers that come at the worst moments."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.ports import Clock
from storage.objects import FilesystemObjectStore, incoming
from storage.objects.immutable import immutability_works, set_immutable
from storage.objects.incoming import claimed, sweep

UNTIL = datetime(2031, 11, 24, tzinfo=UTC)


def test_a_claimed_file_outlives_every_sweep_and_is_gone_afterwards(tmp_path: Path) -> None:
    with claimed(tmp_path) as (path, descriptor):
        os.write(descriptor, b"half a segment")
        sweep(tmp_path)
        assert path.read_bytes() == b"half a segment"
        assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == []


def test_a_claimed_file_is_gone_after_a_failure_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), claimed(tmp_path):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_the_dead_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "half").write_bytes(b"half")
    (tmp_path / "readonly").write_bytes(b"whole but never linked")
    (tmp_path / "readonly").chmod(0o444)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_is_done_while_a_sweeper_looks_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [tmp_path / "gone", tmp_path / "dead"]
    (tmp_path / "dead").write_bytes(b"x")
    monkeypatch.setattr(Path, "iterdir", lambda _folder: iter(listed))
    sweep(tmp_path)
    assert not (tmp_path / "dead").exists()


def test_a_file_swept_between_its_making_and_its_locking_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[int] = []
    real = fcntl.flock

    def sweep_first(descriptor: int, operation: int) -> None:
        if not locked:
            locked.append(descriptor)
            sweep(tmp_path)
        real(descriptor, operation)

    monkeypatch.setattr(incoming.fcntl, "flock", sweep_first)  # type: ignore[attr-defined]
    with claimed(tmp_path) as (path, descriptor):
        assert path.exists()
        assert os.fstat(descriptor).st_nlink == 1


def test_a_sweeper_that_never_rests_ends_in_an_error_and_not_in_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steal(descriptor: int, operation: int) -> None:
        for path in tmp_path.iterdir():
            path.unlink()

    monkeypatch.setattr(incoming.fcntl, "flock", steal)  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="sweeping") as caught, claimed(tmp_path):
        pass
    assert caught.value.errno == errno.EBUSY


@pytest.mark.parametrize("moment", ["copied", "sidecar", "linked"])
def test_a_store_that_opens_at_any_step_of_anothers_write_takes_nothing_away(
    tmp_path: Path, clock: Clock, moment: str
) -> None:
    """Once, a second process that started here removed the file that was about to be linked."""
    source = tmp_path / "source"
    source.write_bytes(b"footage" * 500)
    opened: list[FilesystemObjectStore] = []

    def open_another(step: str) -> None:
        if step == moment:
            opened.append(FilesystemObjectStore(tmp_path / "store", clock))

    store = FilesystemObjectStore(tmp_path / "store", clock, step=open_another)
    stored = store.put_locked("key", str(source), hashlib.sha256(source.read_bytes()).hexdigest(), UNTIL)
    assert opened[0].rehash("key") == stored
    assert list((tmp_path / "store" / ".incoming").iterdir()) == []


def test_a_sweep_during_a_probe_does_not_spoil_its_answer(tmp_path: Path) -> None:
    with claimed(tmp_path) as (probe, _):
        if not set_immutable(probe, True):
            pytest.skip("needs root and a filesystem with the immutable attribute")
        sweep(tmp_path)
        with pytest.raises(PermissionError):
            probe.unlink()
        set_immutable(probe, False)


def test_a_probe_that_is_not_there_proves_nothing(tmp_path: Path) -> None:
    assert not immutability_works(tmp_path / "nowhere")
