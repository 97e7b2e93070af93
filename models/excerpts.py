"""What was given, short enough to stand in an error message.

Input may be a text of megabytes, a number of ten thousand digits or a list in a list in a list; a message
repeats as much of it as helps to find the place, and never fails on the way.
"""

from __future__ import annotations

import reprlib

LONGEST = 80
# Python refuses to print much longer numbers (4300 digits), and nobody reads shorter ones either.
_MOST_BITS = 256


class _Brief(reprlib.Repr):
    """Python's own spelling, elided in width and depth."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2
        self.maxlist = self.maxtuple = self.maxdict = 3
        self.maxstring = self.maxother = self.maxlong = LONGEST

    def repr_int(self, value: int, level: int) -> str:
        if value.bit_length() > _MOST_BITS:
            return f"<a number of {value.bit_length()} bits>"
        return super().repr_int(value, level)


def excerpt(value: object) -> str:
    """The value as Python writes it, at most two lines long: deep, wide and long things are elided."""
    text = _Brief().repr(value)
    return text if len(text) <= 2 * LONGEST else f"{text[:LONGEST]}…"


def key_excerpt(key: object) -> str:
    """A key as a place names it: bare while it is short and plain, otherwise as ``excerpt`` shows it."""
    plain = isinstance(key, str) and len(key) <= LONGEST and key.isprintable()
    return str(key) if plain else excerpt(key)
