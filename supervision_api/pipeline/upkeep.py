"""Acts on an installation that need a person's name: confirming the time, renewing its keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from models.checkpoint import utc_text
from models.errors import InvalidInput
from models.evidence import JsonValue, Leaf, LeafKind
from storage.objects.filesystem import no_step
from storage.renewal import renew_values
from storage.signing import PublicKey
from storage.signing_keys import open_or_create_next, open_signer, settle_rotation
from storage.vault import rotate_vault
from supervision_api.pipeline.installation import Installation, require_sound_log


@dataclass(frozen=True, slots=True)
class RenewedVault:
    """``key_id``: the key that values are under now; ``values``: how many were encrypted anew."""

    key_id: str
    values: int


def confirm_time(house: Installation, by: str) -> datetime:
    """Somebody looked at the machine's date and says that it is right: purging may trust it again.

    A leaf says who, and what was believed before.

    Raises:
        InvalidInput: no name, or the clock is behind a time that was believed already.
    """
    name, now = checked_name(by), house.clock.now()
    before = house.store.time_guard.highest
    body: dict[str, JsonValue] = {
        "act": "time_confirmed",
        "by": name,
        "believed_before": None if before is None else utc_text(before),
    }
    with house.ledger.write() as work:
        work.evidence.append(Leaf(LeafKind.HEARTBEAT, now, None, body))
        # Last: a time that cannot be confirmed takes its leaf back with it.
        house.store.time_guard.confirm(now, name)
    return now


def renew_vault(house: Installation, by: str) -> RenewedVault:
    """Add a master key to the vault and encrypt every value anew under it. A leaf says who.

    Cut short, it is repeated: values under older keys open as before.

    Raises:
        InvalidInput: no name.
        Conflict: the server runs; it would go on with the key file it read at its start.
        KeyUnusable: a value does not open under any key.
    """
    name = checked_name(by)
    with house.spool.claimed():
        vault = rotate_vault(house.settings.keys_dir)
        ledger = replace(house.ledger, vault=vault)
        renewed = RenewedVault(vault.current_key_id, renew_values(ledger))
        body: dict[str, JsonValue] = {
            "act": "vault_key_renewed",
            "by": name,
            "key": renewed.key_id,
            "values": renewed.values,
        }
        with ledger.write() as work:
            work.evidence.append(Leaf(LeafKind.HEARTBEAT, house.clock.now(), None, body))
    return renewed


def renew_signing_key(
    house: Installation, by: str, *, step: Callable[[str], None] = no_step
) -> tuple[PublicKey, PublicKey]:
    """Hand the evidence log over to a new signing key; old and new public key. A leaf says who.

    The rotation's leaf and a checkpoint are signed by both. Cut short before the log knows the new key, it is
    repeated with the same one; after that the next opening finishes it.

    Raises:
        InvalidInput: no name.
        Conflict: the server runs; it would go on signing with the key it read at its start.
        EvidenceBroken: the log is not sound; a new key would cover that up.
    """
    name, origin, keys = checked_name(by), house.settings.origin, house.settings.keys_dir
    with house.spool.claimed():
        require_sound_log(house)
        old = open_signer(keys, origin)
        new = open_or_create_next(keys, origin)
        step("next key made")
        body: dict[str, JsonValue] = {
            "act": "signing_key_renewed",
            "by": name,
            "fingerprint": new.public_key.fingerprint,
        }
        with house.ledger.write() as work:
            work.evidence.append(Leaf(LeafKind.HEARTBEAT, house.clock.now(), None, body))
            work.evidence.rotate_key(old, new)
            step("rotation written")
        step("rotation committed")
        settle_rotation(keys, origin, new.public_key)
        step("next key in place")
    return old.public_key, new.public_key


def checked_name(by: str) -> str:
    """A person's name for the log. Raises ``InvalidInput`` where there is none, or it cannot be shown."""
    name = " ".join(by.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidInput("this needs the name of a person", place="name", hint="say who decided it")
    return name
