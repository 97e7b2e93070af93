"""What every input of the API is held to: no unknown field, no unfit character, instants in words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from models.plain_text import unfit_character
from supervision_api.routes.parameters import PlainDay


def refuse_unfit(value: object) -> None:
    """Raises ``ValueError`` where a text in ``value`` holds what no database keeps."""
    if isinstance(value, str):
        unfit = unfit_character(value, lines=True)
        if unfit is not None:
            raise ValueError(f"holds the control character {unfit}")
    elif isinstance(value, dict):
        for key, inner in value.items():
            refuse_unfit(key)
            refuse_unfit(inner)
    elif isinstance(value, list):
        for inner in value:
            refuse_unfit(inner)


def _written(value: object) -> object:
    """A number is no instant, though pydantic would take it for seconds since 1970."""
    if value is not None and not isinstance(value, str):
        raise ValueError("write an instant as 2026-11-23T09:00:00+08:00")
    return value


Day = Annotated[date, PlainDay]
Instant = Annotated[datetime, BeforeValidator(_written)]
Hours = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Input(BaseModel):
    """Unknown fields are refused: a misspelt one must not be lost in silence."""

    model_config = ConfigDict(extra="forbid", str_max_length=5000)

    @field_validator("*")
    @classmethod
    def _plain(cls, value: object) -> object:
        refuse_unfit(value)
        return value
