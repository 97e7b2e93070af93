"""Opens what an installation consists of: keys, database, evidence log, object store, spool.

``serve`` and the commands open the lasting one under the data folder; ``attend`` opens one in a scratch
folder that lives as long as the job and borrows only the signing key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.errors import DiskFull, SettingInvalid
from models.ports import Clock
from storage.database import Database, sqlite_url, upgrade
from storage.durable import is_disk_full
from storage.installation import vault_of
from storage.objects.filesystem import FilesystemObjectStore
from storage.signing import NoteSigner
from storage.signing_keys import open_or_create_signer
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.uploader import Uploader
from supervision_api.clock import SystemClock
from supervision_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Installation:
    """The opened parts. ``folder``: where everything of it lies."""

    settings: Settings
    folder: Path
    clock: Clock
    database: Database
    ledger: Ledger
    signer: NoteSigner
    store: FilesystemObjectStore
    spool: Spool
    uploader: Uploader


@contextmanager
def open_installation(settings: Settings) -> Iterator[Installation]:
    """The lasting installation; created on first use, its schema brought up to date.

    Raises:
        KeyUnusable: a key file is missing beside existing data, damaged, or open to others.
        StorageError: folder or database cannot be used.
    """
    _make_folder(settings.data_dir)
    keys = settings.keys_dir
    with _opened(settings, settings.data_dir, settings.database_address(), keys) as house:
        yield house


@contextmanager
def open_scratch(settings: Settings, folder: Path) -> Iterator[Installation]:
    """An installation for one job in an empty folder; it signs with the lasting key."""
    _make_folder(settings.data_dir)
    _make_folder(folder)
    plain = settings.model_copy(update={"store_immutable": False})
    with _opened(plain, folder, sqlite_url(folder / "rollcall.db"), folder / "keys") as house:
        yield house


@contextmanager
def _opened(settings: Settings, folder: Path, address: str, keys: Path) -> Iterator[Installation]:
    clock = SystemClock()
    signer = open_or_create_signer(settings.keys_dir, settings.origin)
    upgrade(address, busy_wait_s=settings.database_wait_s)
    database = Database(address, busy_wait_s=settings.database_wait_s)
    try:
        ledger = Ledger(database, vault_of(database, keys, clock.now()), clock, settings.origin)
        store = FilesystemObjectStore(folder / "store", clock, immutable=settings.store_immutable)
        limits = SpoolLimits(reserve_bytes=settings.spool_reserve_mb << 20)
        spool = Spool(folder / "spool", ledger, limits)
        with ledger.write() as work:
            work.evidence.open(signer)
        yield Installation(
            settings, folder, clock, database, ledger, signer, store, spool, Uploader(spool, store)
        )
    finally:
        database.close()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull("no room for the data folder", place=str(folder), hint="free space") from None
        raise SettingInvalid(
            f"the data folder cannot be made ({error.strerror})",
            place=str(folder),
            hint="set ROLLCALL_DATA_DIR to a folder that you may write",
        ) from None
