"""The chores of an installation, in the order of their turns. A new chore is a line here."""

from __future__ import annotations

from supervision_api.metrics import Metrics
from supervision_api.pipeline.chores import unstored_footage
from supervision_api.pipeline.chores.certified_times import certified_times
from supervision_api.pipeline.chores.holds import holds_chore
from supervision_api.pipeline.chores.log_copying import log_copying
from supervision_api.pipeline.chores.loop import Chore
from supervision_api.pipeline.chores.rehashing import rehashing
from supervision_api.pipeline.chores.removal import removal_chore
from supervision_api.pipeline.chores.store_canary import store_canary
from supervision_api.pipeline.chores.unstored_footage import UnstoredFootage
from supervision_api.pipeline.chores.viewing_copies import sweep_viewing_copies
from supervision_api.pipeline.installation import Installation


def chores_of(house: Installation, metrics: Metrics) -> tuple[Chore, ...]:
    """All that ``rollcall serve`` does by itself beside lessons and uploads."""
    return (
        store_canary(house.trials),
        Chore(unstored_footage.NAME, unstored_footage.EVERY_S, UnstoredFootage(house, metrics).run),
        holds_chore(house),
        removal_chore(house, metrics),
        *certified_times(house, metrics),
        log_copying(house, metrics),
        rehashing(house, metrics),
        sweep_viewing_copies(house),
    )
