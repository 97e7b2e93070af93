"""Secret files: whole or not there, private, never replaced by accident."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from models.errors import DiskFull, KeyUnusable
from storage import durable, key_files
from storage.key_files import create_secret_file, read_secret_file, replace_secret_file


def test_a_secret_comes_back_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    create_secret_file(tmp_path / "key", b"secret")
    assert read_secret_file(tmp_path / "key") == b"secret"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_secret_file(tmp_path / "key", b"secret")
    finally:
        os.umask(before)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_replacement_keeps_the_mode_and_is_whole(tmp_path: Path) -> None:
    create_secret_file(tmp_path / "key", b"old")
    replace_secret_file(tmp_path / "key", b"newer")
    assert read_secret_file(tmp_path / "key") == b"newer"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_link_in_place_of_a_key_is_not_followed(tmp_path: Path) -> None:
    create_secret_file(tmp_path / "real", b"secret")
    (tmp_path / "key").symlink_to(tmp_path / "real")
    with pytest.raises(KeyUnusable, match="cannot be opened"):
        read_secret_file(tmp_path / "key")


def test_a_folder_in_place_of_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir(mode=0o700)
    with pytest.raises(KeyUnusable, match="not a plain file"):
        read_secret_file(tmp_path / "key")


def test_a_huge_file_is_no_key(tmp_path: Path) -> None:
    create_secret_file(tmp_path / "key", bytes(64 * 1024 + 1))
    with pytest.raises(KeyUnusable, match="too large"):
        read_secret_file(tmp_path / "key")


def test_a_file_where_the_key_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("x")
    with pytest.raises(KeyUnusable, match="folder") as caught:
        create_secret_file(tmp_path / "keys" / "key", b"secret")
    assert caught.value.place == str(tmp_path / "keys")


@pytest.mark.parametrize(("number", "expected"), [(errno.ENOSPC, DiskFull), (errno.EIO, KeyUnusable)])
def test_a_failed_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(key_files.os, "fsync", fail)
    with pytest.raises(expected):
        create_secret_file(tmp_path / "key", b"secret")
    assert list(tmp_path.iterdir()) == []


def test_a_durable_write_replaces_as_a_whole_and_cleans_up_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable.write_durably(tmp_path / "f", b"one")
    with monkeypatch.context() as patch:
        patch.setattr(durable.os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full") as caught:
            durable.write_durably(tmp_path / "f", b"two")
    assert durable.is_disk_full(caught.value)
    assert (tmp_path / "f").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_folders_are_made_down_to_the_last(tmp_path: Path) -> None:
    durable.make_folders(tmp_path / "a" / "b" / "c", tmp_path)
    durable.make_folders(tmp_path / "a" / "b" / "c", tmp_path)
    assert (tmp_path / "a" / "b" / "c").is_dir()
