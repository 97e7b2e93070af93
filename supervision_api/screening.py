"""What playback remembers between requests: films planned, stills made, and the folder of viewing copies."""

from __future__ import annotations

from dataclasses import dataclass

from supervision_api.actions.film import FilmShelf
from supervision_api.actions.stills import StillShelf
from supervision_api.actions.viewing_copies import ViewingCopies
from supervision_api.services import Services


@dataclass(frozen=True, slots=True)
class Screening:
    """One per application; all of it can be made again."""

    films: FilmShelf
    stills: StillShelf
    copies: ViewingCopies

    @staticmethod
    def over(services: Services) -> Screening:
        folder = services.viewing_dir or services.data_dir / "viewing"
        return Screening(FilmShelf(), StillShelf(), ViewingCopies(folder))
