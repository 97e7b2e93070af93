"""Resident identity numbers: what is sound, what is wrong with the rest, and what may be shown."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.identity import (
    EARLIEST_BIRTH,
    MAINLAND,
    PROVINCES,
    RESIDENCE_PERMITS,
    IdProblem,
    Sex,
    birth_date,
    check_character,
    masked,
    normalise,
    problem_of,
    published,
    sex,
)

TODAY = date(2026, 11, 23)
# The example of the standard's annex.
STANDARD = "11010519491231002X"


def number(region: str = "371702", born: date = date(1988, 2, 29), order: str = "014") -> str:
    first = f"{region}{born:%Y%m%d}{order}"
    return first + check_character(first)


def citizens() -> st.SearchStrategy[str]:
    return st.builds("{}{:04}".format, st.sampled_from(sorted(PROVINCES)), st.integers(0, 9999))


CHINA = (156, 158, 344, 446)


def foreigners() -> st.SearchStrategy[str]:
    """``9``, province of application, country by ISO 3166-1."""
    countries = st.integers(1, 999).filter(lambda code: code not in CHINA)
    return st.builds("9{}{:03}".format, st.sampled_from(sorted(MAINLAND)), countries)


@st.composite
def sound_numbers(draw: st.DrawFn) -> str:
    region = draw(st.one_of(citizens(), foreigners(), st.sampled_from(sorted(RESIDENCE_PERMITS))))
    born = draw(st.dates(EARLIEST_BIRTH, TODAY))
    order = draw(st.integers(0, 999))
    return number(region, born, f"{order:03}")


def test_the_standard_s_own_example_is_sound() -> None:
    assert check_character(STANDARD[:17]) == "X"
    assert problem_of(STANDARD, TODAY) is None


@pytest.mark.parametrize(
    ("specimen", "born", "holder"),
    [
        # both specimens of the immigration administration's notes: Canada at Beijing, Saudi Arabia at Jiangsu
        ("911124198108030024", date(1981, 8, 3), Sex.FEMALE),
        ("932682198501010017", date(1985, 1, 1), Sex.MALE),
        # specimens of the residence permits, as other validators test them
        ("810000199408230021", date(1994, 8, 23), Sex.FEMALE),
        ("820000199201010015", date(1992, 1, 1), Sex.MALE),
        ("830000199201300022", date(1992, 1, 30), Sex.FEMALE),
    ],
)
def test_published_specimens_of_every_kind_are_sound(specimen: str, born: date, holder: Sex) -> None:
    assert problem_of(specimen, TODAY) is None
    assert birth_date(specimen) == born
    assert sex(specimen) is holder


@given(foreigners(), st.integers(0, 99).map("{:02}".format).filter(lambda code: code not in MAINLAND))
def test_a_foreigner_applies_in_a_province_of_the_mainland(region: str, elsewhere: str) -> None:
    assert problem_of(number(region), TODAY) is None
    assert problem_of(number(f"9{elsewhere}{region[3:]}"), TODAY) is IdProblem.REGION


@pytest.mark.parametrize("country", ["000", *(f"{code:03}" for code in CHINA)])
def test_a_foreigner_comes_from_a_foreign_country(country: str) -> None:
    assert problem_of(number(f"911{country}"), TODAY) is IdProblem.REGION


@given(st.sampled_from("123"), st.integers(1, 9999))
def test_a_residence_permit_has_no_county(place: str, county: int) -> None:
    assert problem_of(number(f"8{place}{county:04}"), TODAY) is IdProblem.REGION


@pytest.mark.parametrize("born", [date(2026, 11, 24), date(1899, 12, 31)])
@pytest.mark.parametrize("region", ["911124", "810000"])
def test_birth_dates_are_judged_alike_for_every_kind(region: str, born: date) -> None:
    problem = problem_of(number(region, born), TODAY)
    assert problem in (IdProblem.BIRTH_FUTURE, IdProblem.BIRTH_EARLY)


@pytest.mark.parametrize("old", ["CAN110081080301", "can110081080301", "810000940823002"])
def test_cards_of_earlier_forms_are_told_by_their_length(old: str) -> None:
    assert problem_of(normalise(old), TODAY) is IdProblem.LENGTH


@given(sound_numbers())
def test_every_well_made_number_is_sound_and_stays_itself(sound: str) -> None:
    assert problem_of(sound, TODAY) is None
    assert normalise(sound) == sound


@given(sound_numbers(), st.integers(0, 17), st.integers(0, 9))
def test_one_wrong_digit_never_passes(sound: str, place: int, digit: int) -> None:
    assume(sound[place] != str(digit))
    assert problem_of(sound[:place] + str(digit) + sound[place + 1 :], TODAY) is not None


@given(sound_numbers(), st.integers(0, 15))
def test_two_digits_that_changed_places_never_pass(sound: str, place: int) -> None:
    assume(sound[place] != sound[place + 1])
    swapped = sound[:place] + sound[place + 1] + sound[place] + sound[place + 2 :]
    assert problem_of(swapped, TODAY) is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", IdProblem.EMPTY),
        ("3.71702E+17", IdProblem.SCIENTIFIC),
        ("3,71702E17", IdProblem.SCIENTIFIC),
        ("37170219880229014", IdProblem.LENGTH),
        ("3717021988022901400", IdProblem.LENGTH),
        ("370102880229014", IdProblem.LENGTH),
        ("37170219880229O14X", IdProblem.CHARACTERS),
        ("X71702198802290140", IdProblem.CHARACTERS),
        (number("001702"), IdProblem.REGION),
        (number("471702"), IdProblem.REGION),
        (number("991702"), IdProblem.REGION),
    ],
)
def test_each_fault_is_called_by_its_name(text: str, problem: IdProblem) -> None:
    assert problem_of(text, TODAY) is problem


@pytest.mark.parametrize("digits", ["19890229", "19881301", "19880400", "19880431", "00000101"])
def test_a_birth_date_that_never_was_is_a_fault_of_the_date(digits: str) -> None:
    first = f"371702{digits}014"
    assert problem_of(first + check_character(first), TODAY) is IdProblem.BIRTH_DATE


def test_births_are_taken_from_1900_to_today() -> None:
    assert problem_of(number(born=EARLIEST_BIRTH), TODAY) is None
    assert problem_of(number(born=EARLIEST_BIRTH - timedelta(days=1)), TODAY) is IdProblem.BIRTH_EARLY
    assert problem_of(number(born=TODAY), TODAY) is None
    assert problem_of(number(born=TODAY + timedelta(days=1)), TODAY) is IdProblem.BIRTH_FUTURE


def test_a_number_that_a_spreadsheet_rounded_is_told_apart_from_a_typing_error() -> None:
    sound = number(order="123")
    rounded = sound[:15] + "000"
    assert problem_of(rounded, TODAY) in (IdProblem.ROUNDED, None)
    other = number(order="456")
    wrong = other[:17] + ("1" if other[17] != "1" else "2")
    assert problem_of(wrong, TODAY) is IdProblem.CHECK


def test_rounding_is_named_when_the_check_character_tells() -> None:
    found = [
        problem_of(number(born=date(1988, 2, day), order="123")[:15] + "000", TODAY) for day in range(1, 29)
    ]
    # By chance one in eleven rounded numbers has the right check character.
    assert set(found) <= {IdProblem.ROUNDED, None}
    assert found.count(IdProblem.ROUNDED) >= 20


@pytest.mark.parametrize(
    "raw",
    [
        "11010519491231002x",
        " 110105 19491231 002X ",
        "'11010519491231002X",
        "110105-19491231-002X",
        "１１０１０５１９４９１２３１００２Ｘ",
        "\ufeff11010519491231002X\u200b",
        "\u201911010519491231002X",
        "110105\u201319491231\u2010002X",
        "\t11010519491231002X\n",
    ],
)
def test_what_people_and_spreadsheets_add_is_taken_off(raw: str) -> None:
    assert normalise(raw) == STANDARD


def test_a_whole_number_written_as_a_fraction_is_made_whole_again() -> None:
    assert normalise("371702198802290142.0") == "371702198802290142"
    assert normalise("371702198802290142.00") == "371702198802290142"
    assert normalise("371702198802290142.5") == "371702198802290142.5"


@given(st.text("0123456789xX１２Ｘ.' -\u200b", max_size=24))
def test_normalising_twice_changes_nothing_more(raw: str) -> None:
    assert normalise(normalise(raw)) == normalise(raw)


@given(st.text(max_size=40))
def test_no_text_at_all_breaks_the_rules(raw: str) -> None:
    assert problem_of(normalise(raw), TODAY) in (None, *IdProblem)


@given(sound_numbers())
def test_a_page_shows_six_and_four_and_a_public_list_hides_the_birth_date(sound: str) -> None:
    assert masked(sound) == sound[:6] + "*" * 8 + sound[14:]
    assert published(sound) == sound[:6] + "*" * 8 + sound[14:]
    assert len(masked(sound)) == len(published(sound)) == 18


@given(st.text(max_size=30))
def test_a_malformed_number_shows_nothing_at_all(raw: str) -> None:
    assume(len(raw) != 18)
    assert masked(raw) == published(raw) == "*" * 18


@given(sound_numbers())
def test_birth_date_and_sex_are_read_from_their_places(sound: str) -> None:
    assert birth_date(sound).strftime("%Y%m%d").zfill(8) == sound[6:14]
    assert sex(sound) is (Sex.MALE if int(sound[16]) % 2 else Sex.FEMALE)


@pytest.mark.parametrize("read", [birth_date, sex])
@pytest.mark.parametrize("text", ["", "3717021988", "37170219880229O14X"])
def test_what_is_malformed_is_refused_without_being_repeated(read: object, text: str) -> None:
    with pytest.raises(ValueError, match="malformed identity number") as refused:
        read(text)  # type: ignore[operator]
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("text", ["", "1" * 16, "1" * 18, "1234567890123456X", "１" * 17])
def test_a_check_character_needs_seventeen_plain_digits(text: str) -> None:
    with pytest.raises(ValueError, match="17 digits"):
        check_character(text)
