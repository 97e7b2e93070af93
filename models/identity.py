"""Identity numbers of 18 characters (GB 11643-1999): form, check character, what may be shown.

Three kinds share the form and the check character and differ in the first six digits:

- citizens: county code of GB/T 2260 (places 1 and 2: the province);
- residents from Hong Kong, Macao and Taiwan: exactly 810000, 820000, 830000 (measures for applying for and
  issuing residence permits for Hong Kong, Macao and Taiwan residents, State Council office 2018 No. 81);
- foreign permanent residents since 2023-12-01: a 9, two digits for the province of application, three for the
  country by ISO 3166-1 (National Immigration Administration, adaptation notes for the new card, table 1).

No function here puts a number into an error message; callers show ``masked`` at most.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from enum import StrEnum

LENGTH = 18
EARLIEST_BIRTH = date(1900, 1, 1)

# Province-level divisions of the mainland (GB/T 2260); 71 for citizens registered from Taiwan.
MAINLAND = frozenset(
    str(code)
    for codes in (
        range(11, 16),
        range(21, 24),
        range(31, 38),
        range(41, 47),
        range(50, 55),
        range(61, 66),
    )
    for code in codes
)
PROVINCES = MAINLAND | {"71"}
RESIDENCE_PERMITS = frozenset({"810000", "820000", "830000"})
FOREIGNER = "9"
# Not a country, and China with its regions: who belongs there carries a number of another kind.
_NO_FOREIGN_COUNTRY = frozenset({"000", "156", "158", "344", "446"})

# GB 11643 / ISO 7064 MOD 11-2: weight of place i (from the right, check character = 1) is 2^(i-1) mod 11.
_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_CHECK_CHARACTERS = "10X98765432"

_FORM = re.compile(r"\d{17}[\dX]", re.ASCII)
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E\+?\d{1,2}", re.ASCII)
_WHOLE_FLOAT = re.compile(r"(\d{18})\.0+", re.ASCII)


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"


class IdProblem(StrEnum):
    """Why a number cannot be taken; values are stable codes."""

    EMPTY = "id_empty"
    SCIENTIFIC = "id_scientific"
    LENGTH = "id_length"
    CHARACTERS = "id_characters"
    REGION = "id_region"
    BIRTH_DATE = "id_birth_date"
    BIRTH_EARLY = "id_birth_early"
    BIRTH_FUTURE = "id_birth_future"
    ROUNDED = "id_rounded"
    CHECK = "id_check"


def normalise(raw: str) -> str:
    """The number as it is compared and stored: half-width, upper X, without spaces, quotes and hyphens.

    Spreadsheets mark text cells with a leading apostrophe and show whole numbers with ``.0``.
    """
    text = unicodedata.normalize("NFKC", raw).upper()
    text = "".join(
        ch for ch in text if not ch.isspace() and ch not in "-'\u2010\u2011\u2013\u200b\ufeff\u2019"
    )
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole.group(1) if whole else text


def check_character(first_17: str) -> str:
    """The eighteenth character for 17 digits (GB 11643-1999, annex).

    Raises:
        ValueError: not 17 ASCII digits.
    """
    if re.fullmatch(r"\d{17}", first_17, re.ASCII) is None:
        raise ValueError("a check character needs 17 digits")
    weighted = sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[weighted % 11]


def problem_of(number: str, today: date) -> IdProblem | None:
    """The first thing wrong with a normalised number, or ``None`` where it is sound on ``today``."""
    return _form_problem(number) or _content_problem(number, today)


def _form_problem(number: str) -> IdProblem | None:
    if not number:
        return IdProblem.EMPTY
    if _SCIENTIFIC.fullmatch(number):
        return IdProblem.SCIENTIFIC
    if len(number) != LENGTH:
        return IdProblem.LENGTH
    return None if _FORM.fullmatch(number) else IdProblem.CHARACTERS


def _content_problem(number: str, today: date) -> IdProblem | None:
    if not _known_region(number[:6]):
        return IdProblem.REGION
    born = _date_or_none(number[6:14])
    if born is None:
        return IdProblem.BIRTH_DATE
    if born < EARLIEST_BIRTH:
        return IdProblem.BIRTH_EARLY
    if born > today:
        return IdProblem.BIRTH_FUTURE
    if check_character(number[:17]) == number[17]:
        return None
    # a spreadsheet keeps 15 digits of a number and fills up with zeros
    return IdProblem.ROUNDED if number.endswith("000") else IdProblem.CHECK


def _known_region(first_6: str) -> bool:
    if first_6.startswith(FOREIGNER):
        # no list of countries here: it changes, and the check character finds a mistyped one
        return first_6[1:3] in MAINLAND and first_6[3:] not in _NO_FOREIGN_COUNTRY
    return first_6[:2] in PROVINCES or first_6 in RESIDENCE_PERMITS


def _date_or_none(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def masked(number: str) -> str:
    """First 6 and last 4 characters, the most a role may see on a page; a malformed number shows nothing."""
    return f"{number[:6]}********{number[-4:]}" if _FORM.fullmatch(number) else "*" * LENGTH


def published(number: str) -> str:
    """The number with the birth date (places 7 to 14) hidden, for publicity lists (art. 27)."""
    return f"{number[:6]}{'*' * 8}{number[14:]}" if _FORM.fullmatch(number) else "*" * LENGTH


def birth_date(number: str) -> date:
    """Date of birth.

    Raises:
        ValueError: the number is malformed (the message does not repeat it).
    """
    born = _date_or_none(number[6:14]) if _FORM.fullmatch(number) else None
    if born is None:
        raise ValueError("malformed identity number")
    return born


def sex(number: str) -> Sex:
    """The seventeenth digit is odd for men and even for women.

    Raises:
        ValueError: the number is malformed (the message does not repeat it).
    """
    if not _FORM.fullmatch(number):
        raise ValueError("malformed identity number")
    return Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
