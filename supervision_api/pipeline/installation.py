"""Opens what an installation consists of: keys, database, evidence log, object store, spool.

``serve`` and the commands open the lasting one under the data folder; ``attend`` opens one in a scratch
folder that lives as long as the job and borrows only the signing key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from models.errors import DiskFull, EvidenceBroken, SettingInvalid
from models.ports import Clock
from storage.database import Database, sqlite_url, upgrade
from storage.durable import is_disk_full
from storage.evidence_proofs import LogState, check_log, present_key
from storage.installation import vault_of
from storage.objects.locked_store import LockedStore
from storage.objects.source import Throttle
from storage.signing import NoteSigner
from storage.signing_keys import open_or_create_signer, open_signer, settle_rotation
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.upload_desk import UploadDesk
from storage.uploader import Uploader
from supervision_api.clock import SystemClock
from supervision_api.pipeline.opened_store import open_store
from supervision_api.pipeline.store_trials import StoreTrials
from supervision_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Installation:
    """The opened parts. ``folder``: where everything of it lies.

    ``throttle``: the bandwidth limit that the store reads files through; ``desk``: hands them to workers.
    """

    settings: Settings
    folder: Path
    clock: Clock
    database: Database
    ledger: Ledger
    signer: NoteSigner
    store: LockedStore
    spool: Spool
    uploader: Uploader
    desk: UploadDesk
    throttle: Throttle
    trials: StoreTrials


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
    plain = settings.model_copy(
        update={"store": "filesystem", "store_immutable": False, "store_upload_mbit_s": 0.0}
    )
    with _opened(plain, folder, sqlite_url(folder / "rollcall.db"), folder / "keys") as house:
        yield house


def require_sound_log(house: Installation) -> LogState | None:
    """The quick check of the evidence log, before anything new is recorded onto it.

    Raises:
        EvidenceBroken: leaves were changed or lost since they were signed; going on would hide it.
    """
    with house.ledger.read() as work:
        try:
            return check_log(work.evidence.store, house.settings.origin)
        except EvidenceBroken as broken:
            hint = (
                broken.hint or "keep everything as it is, run: rollcall doctor, and restore the newest backup"
            )
            raise EvidenceBroken(broken.message, place=broken.place or "evidence log", hint=hint) from None


@contextmanager
def _opened(settings: Settings, folder: Path, address: str, keys: Path) -> Iterator[Installation]:
    clock = SystemClock()
    upgrade(address, busy_wait_s=settings.database_wait_s)
    database = Database(address, busy_wait_s=settings.database_wait_s)
    with ExitStack() as parts:
        parts.callback(database.close)
        ledger = Ledger(database, vault_of(database, keys, clock.now()), clock, settings.origin)
        throttle = Throttle(settings.store_upload_mbit_s, clock.monotonic_s)
        store = parts.enter_context(open_store(settings, folder, clock, throttle.open))
        spool = Spool(folder / "spool", ledger, _limits(settings))
        uploader = Uploader(spool, store)
        desk = UploadDesk(spool, uploader, clock.monotonic_s)
        with ledger.read() as work:
            named = present_key(work.evidence.store, settings.origin)
        settle_rotation(settings.keys_dir, settings.origin, named)
        with ledger.write() as work:
            # A new key beside a log that exists would sign what its auditors cannot check.
            open_key = open_or_create_signer if work.evidence.is_new() else open_signer
            signer = open_key(settings.keys_dir, settings.origin)
            work.evidence.open(signer)
        trials = StoreTrials(store, ledger, clock, settings.store_lock_mode)
        yield Installation(
            settings, folder, clock, database, ledger, signer, store, spool, uploader, desk, throttle, trials
        )


def _limits(settings: Settings) -> SpoolLimits:
    return SpoolLimits(
        reserve_bytes=settings.spool_reserve_mb << 20,
        high_bytes=settings.spool_high_mb << 20,
        high_age=timedelta(minutes=settings.spool_high_minutes),
    )


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
