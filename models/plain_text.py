"""What typed text may hold: characters that every database keeps and every reader sees as they are.

PostgreSQL stores no NUL, UTF-8 knows no lone surrogate, and a bidirectional override (Unicode UAX #9,
section 2) makes ``fdp.exe`` look like ``exe.pdf``: none of them belongs in a name or a reason.
"""

from __future__ import annotations

import unicodedata

from models.errors import InvalidInput

# Embeddings, overrides and isolates; the plain marks (LRM, RLM) and joiners are part of honest writing.
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS = frozenset("\n\r\t")


def unfit_character(text: str, *, lines: bool = False) -> str | None:
    """The first character that cannot be kept, as ``U+0000``; ``None`` where all can.

    ``lines``: line breaks and tabs are welcome, as in a reason of several lines.
    """
    for char in text:
        if char in _OVERRIDES or (
            unicodedata.category(char) in ("Cc", "Cs") and not (lines and char in _BREAKS)
        ):
            return f"U+{ord(char):04X}"
    return None


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing: only blanks, joiners, marks of direction and the like."""
    return all(unicodedata.category(char)[0] in "ZC" for char in text)


def plain_text(text: str, place: str, *, lines: bool = False) -> str:
    """The text without blanks around it.

    Raises:
        InvalidInput: it holds a character that cannot be kept.
    """
    unfit = unfit_character(text, lines=lines)
    if unfit is not None:
        raise InvalidInput(
            f"holds the control character {unfit}", place=place, hint="type it again instead of pasting it"
        )
    return text.strip()
