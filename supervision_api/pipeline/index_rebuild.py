"""``rollcall doctor --rebuild-index``: the database is lost, footage and log are found again in the store."""

from __future__ import annotations

from dataclasses import dataclass

from models.checkpoint import utc_text
from models.evidence import JsonValue, Leaf, LeafKind
from storage.database import Database, upgrade
from storage.installation import vault_of
from storage.rebuild import LOST, Rebuilt, rebuild, refuse_filled
from storage.signing_keys import SIGNING_KEY_FILE
from storage.vault import vault_exists
from supervision_api.clock import SystemClock
from supervision_api.pipeline.installation import open_installation
from supervision_api.pipeline.jobs import SEALED_AFTER
from supervision_api.pipeline.opened_store import open_store
from supervision_api.settings import Settings

_NAMED = 10


@dataclass(frozen=True, slots=True)
class IndexRebuilt:
    """What came back, and in words what did not and what to do about it."""

    rebuilt: Rebuilt
    lost: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """For people."""
        found = self.rebuilt
        rows = ", ".join(f"{count} {name}" for name, count in sorted(found.rows.items()))
        return (
            f"the index is rebuilt: {found.leaves} leaves, {found.checkpoints} signed states; {rows}",
            *(f"not rebuilt: {one}" for one in self.lost),
        )

    def document(self) -> dict[str, JsonValue]:
        """For programs."""
        found = self.rebuilt
        return {
            "leaves": found.leaves,
            "checkpoints": found.checkpoints,
            "rows": dict(found.rows),
            "missing": list(found.missing),
            "unknown": list(found.unknown),
            "survived": list(found.survived),
            "signed_beyond": found.signed_beyond,
            "not_rebuilt": list(self.lost),
        }


def rebuild_index(settings: Settings) -> IndexRebuilt:
    """Make the lost database anew. A leaf of the log says that and when it was done.

    Cut short before its end, it is run again.

    Raises:
        Conflict: the database is not empty.
        EvidenceBroken: the store holds no whole copy of the log.
        KeyUnusable: the key folder belongs to another log or database.
        StorageError: store or database fail.
    """
    clock = SystemClock()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    had_vault = vault_exists(settings.keys_dir)
    has_signer = (settings.keys_dir / SIGNING_KEY_FILE).exists()
    address = settings.database_address()
    upgrade(address, busy_wait_s=settings.database_wait_s)
    database = Database(address, busy_wait_s=settings.database_wait_s)
    try:
        refuse_filled(database)
        with open_store(settings, settings.data_dir, clock) as store:
            sealed_before = clock.now() - SEALED_AFTER
            found = rebuild(database, store, settings.origin, settings.spool_dir, sealed_before)
        vault_of(database, settings.keys_dir, clock.now())
    finally:
        database.close()
    if has_signer:
        _note(settings, found)
    return IndexRebuilt(found, _lost(found, had_vault=had_vault, has_signer=has_signer))


def _note(settings: Settings, found: Rebuilt) -> None:
    """On record: from here on the index is a rebuilt one."""
    with open_installation(settings) as house, house.ledger.write() as work:
        now = house.clock.now()
        body: dict[str, JsonValue] = {
            "act": "index_rebuilt",
            "leaves": found.leaves,
            "rebuilt_at": utc_text(now),
            "missing": len(found.missing),
            "unknown": len(found.unknown),
            "survived": len(found.survived),
            "signed_beyond": found.signed_beyond,
        }
        work.evidence.append(Leaf(LeafKind.HEARTBEAT, now, None, body))
        work.evidence.write_checkpoint(house.signer)


def _lost(found: Rebuilt, *, had_vault: bool, has_signer: bool) -> tuple[str, ...]:
    lines = list(LOST)
    if not had_vault:
        lines.append("the vault's keys: a backup of the old database cannot be read without them")
    if not has_signer:
        lines.append(
            "the signing key: the log can be read and verified, but nothing new can be signed; "
            "restore keys/ before rollcall serve"
        )
    if found.signed_beyond:
        lines.append(
            f"{found.signed_beyond} leaves that were signed and never copied: whoever holds that later "
            "signed state will see that they are gone"
        )
    for keys, what in (
        (found.missing, "is booked but not in the store"),
        (found.unknown, "has no leaf"),
        (found.survived, "was removed by the log and is still in the store"),
    ):
        lines += [f"footage that {what}: {key}" for key in keys[:_NAMED]]
        if len(keys) > _NAMED:
            lines.append(f"footage that {what}: {len(keys) - _NAMED} more")
    return tuple(lines)
