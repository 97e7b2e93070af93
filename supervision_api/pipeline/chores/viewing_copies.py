"""Copies of footage for viewing go when nobody has looked at them for a day."""

from __future__ import annotations

from typing import Final

from supervision_api.actions.viewing_copies import ViewingCopies
from supervision_api.pipeline.chores.loop import Chore
from supervision_api.pipeline.installation import Installation

EVERY_S: Final = 3600.0


def sweep_viewing_copies(house: Installation) -> Chore:
    """They show faces, and the footage they were made from may be erased meanwhile."""
    copies = ViewingCopies(house.settings.viewing_dir)

    def run() -> None:
        copies.sweep(house.clock.now())

    return Chore("viewing_copies", EVERY_S, run)
