"""A database that is lost comes back from what the copier stored, and the copy goes on behind it."""

from __future__ import annotations

from datetime import timedelta

from models.evidence import Leaf, LeafKind
from storage.cosigning import cosign_offer, make_offer
from storage.evidence_proofs import audit_log
from storage.leaf_store import LeafQuery, StoredLeaf
from storage.log_copier import LogCopier
from storage.log_copy import LogCopy
from storage.signing import Ed25519Signer
from supervision_api.actions.cosigners import take_in, trust_cosigner
from supervision_api.pipeline.index_rebuild import rebuild_index
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.upkeep import renew_signing_key
from supervision_api.settings import Settings

WITNESS = Ed25519Signer("hrss.heze/witness", b"\x07" * 32, cosigner=True)


def copy_all(house: Installation) -> None:
    copier = LogCopier(house.ledger, house.store, house.folder)
    while copier.run():
        pass


def leaves(house: Installation) -> list[StoredLeaf]:
    with house.ledger.read() as work:
        assert audit_log(work.evidence.store, house.settings.origin) == ()
        return list(work.evidence.store.rows(LeafQuery()))


def grow(house: Installation) -> None:
    with house.ledger.write() as work:
        # An old subject: the copier does not wait for others.
        at = house.clock.now() - timedelta(hours=1)
        work.evidence.append(Leaf(LeafKind.VIEW, at, None, {}))
        work.evidence.write_checkpoint(house.signer)


def test_a_log_with_two_keys_and_a_second_signature_comes_back_and_is_copied_on(settings: Settings) -> None:
    with open_installation(settings) as house:
        grow(house)
        renew_signing_key(house, "王主任")
    with open_installation(settings) as house:
        grow(house)
        trust_cosigner(house.ledger, WITNESS.public_key, "王主任")
        grow(house)
        with house.ledger.read() as work:
            offer = make_offer(work.evidence.store, 0)
        keys = (house.signer.public_key,)
        take_in(house.ledger, cosign_offer(offer, keys, WITNESS, None, house.clock.now()).encode())
        copy_all(house)
        stored = len(LogCopy(house.store).ranges())
        before = leaves(house)
    for path in settings.data_dir.glob("rollcall.db*"):
        path.unlink()
    rebuild_index(settings)
    with open_installation(settings) as house:
        after = leaves(house)
        copied = sum(1 for _ in LogCopy(house.store).leaves())
        assert after[:copied] == before[:copied]
        grow(house)
        copy_all(house)
        ranges = LogCopy(house.store).ranges()
        assert len(ranges) > stored
        assert ranges[-1].last + 1 > copied
