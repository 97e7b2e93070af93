"""The first start and every later one: which vault belongs to this database.

A new key file beside a database full of encrypted rows would look like a fresh start and lose every name
behind those rows. So the database remembers its vault's fingerprint, and a key file is created only where
nothing has been encrypted yet.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select

from models.errors import KeyUnusable
from storage.database import Database
from storage.tables import InstallationRow
from storage.vault import Vault, create_vault, open_vault, vault_exists

_OTHER_VAULT = (
    "restore the key folder that belongs to this database; without it, encrypted identity numbers, "
    "photos and templates cannot be read again"
)


def vault_of(database: Database, folder: Path, now: datetime) -> Vault:
    """The vault of this installation, created at its first start.

    Raises:
        KeyUnusable: the key file is lost, readable by others, damaged, or belongs to another database.
        StorageError: the database has no tables yet (run ``rollcall db upgrade``).
    """
    with database.transaction(writing=True) as connection:
        known = connection.scalar(select(InstallationRow.vault_fingerprint))
        is_first = known is None and not vault_exists(folder)
        vault = create_vault(folder) if is_first else open_vault(folder)
        if known is not None and known != vault.fingerprint:
            raise KeyUnusable(
                "this key file belongs to another database", place=str(folder), hint=_OTHER_VAULT
            )
        if known is None:
            row = {"installation_id": 1, "vault_fingerprint": vault.fingerprint, "created_at": now}
            connection.execute(insert(InstallationRow), row)
    return vault
