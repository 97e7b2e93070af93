"""The table's header and the roster's rows: each mistake named by row, column, cause and next step."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import RosterInvalid
from models.identity import check_character
from models.problem_texts import PROBLEM_TEXTS
from models.roster import Enrolled, RosterCheck, RosterRow
from models.roster_check import MAX_NAME, check_roster
from models.roster_table import HEADER_WITHIN, MAX_ROWS, rows_from_table
from models.texts import render

TODAY = date(2026, 11, 23)
SHELF = frozenset({"a.jpg", "B.JPG", "照片/c.jpg", "twin.jpg", "TWIN.jpg"})


def number(order: int = 1, born: str = "19900101") -> str:
    first = f"371702{born}{order:03d}"
    return first + check_character(first)


def row(line: int = 2, **changes: Any) -> RosterRow:
    values: dict[str, Any] = {
        "name": f"学员{line}",
        "id_number": number(line % 1000),
        "phone": "",
        "photos": ("a.jpg",),
    }
    return RosterRow(line=line, **{**values, **changes})


def check(*rows: RosterRow, enrolled: Enrolled | None = None) -> RosterCheck:
    return check_roster(rows, TODAY, SHELF, enrolled)


def found(checked: RosterCheck) -> list[tuple[int, str, str, bool]]:
    return [(one.line, one.field, one.code, one.fatal) for one in checked.problems]


class TestHeader:
    @pytest.mark.parametrize(
        "header",
        [
            ("姓名", "身份证号", "照片"),
            ("name", "id_number", "photo"),
            ("Full Name", "ID Number", "Photos"),
            ("学员姓名", "公民身份号码", "相片"),
            ("\ufeff姓名", " 身份证号码 ", "照片*"),
            ("姓 名", "身份证号（18位）", "照片文件"),
            ("ＮＡＭＥ", "ID NO.", "picture:"),
            ("姓名(必填)", "证件号码", "照片"),
        ],
    )
    def test_people_write_headers_in_many_ways(self, header: tuple[str, ...]) -> None:
        (one,) = rows_from_table([header, ("王", "1", "x.jpg")])
        assert (one.line, one.name, one.id_number, one.photos) == (2, "王", "1", ("x.jpg",))

    def test_columns_come_in_any_order_and_unknown_ones_are_passed_over(self) -> None:
        table = [("照片", "备注", "编号", "身份证号", "电话", "姓名"), ("a.jpg", "?", "K1", "7", "138", "王")]
        (one,) = rows_from_table(table)
        assert one == RosterRow(2, "王", "7", "138", ("a.jpg",), "K1")

    def test_titles_may_stand_above_it(self) -> None:
        titles = [("第14期花名册",), (), ("制表：王",)]
        (one,) = rows_from_table([*titles, ("姓名", "身份证号", "照片"), ("王", "1", "")])
        assert one.line == 5

    def test_it_is_looked_for_within_the_first_lines_only(self) -> None:
        header, body = ("姓名", "身份证号", "照片"), ("王", "1", "")
        assert rows_from_table([("x",)] * (HEADER_WITHIN - 1) + [header, body])
        with pytest.raises(RosterInvalid, match="no header"):
            rows_from_table([("x",)] * HEADER_WITHIN + [header, body])

    @pytest.mark.parametrize("missing", ["姓名", "身份证号", "照片"])
    def test_a_missing_column_is_named_with_its_line(self, missing: str) -> None:
        header = [one for one in ("姓名", "身份证号", "照片", "电话") if one != missing]
        with pytest.raises(RosterInvalid, match=f"no column {missing}") as refused:
            rows_from_table([("title",), header, ("a", "b", "c")], place="roster.csv")
        assert refused.value.place == "roster.csv: line 2"
        assert "header" in refused.value.hint

    def test_a_column_twice_is_refused(self) -> None:
        with pytest.raises(RosterInvalid, match="身份证号 id_number twice"):
            rows_from_table([("姓名", "身份证号", "证件号码", "照片"), ("王", "1", "2", "")])

    @pytest.mark.parametrize("table", [[], [()], [("", " ")], [("", ""), ()]])
    def test_nothing_is_told_as_empty(self, table: list[tuple[str, ...]]) -> None:
        with pytest.raises(RosterInvalid, match="empty") as refused:
            rows_from_table(table)
        assert "姓名" in refused.value.hint

    def test_a_header_alone_is_told(self) -> None:
        with pytest.raises(RosterInvalid, match="no trainees"):
            rows_from_table([("姓名", "身份证号", "照片"), ("", " ", "")])

    def test_ten_thousand_rows_are_taken_and_one_more_is_not(self) -> None:
        header, body = ("姓名", "身份证号", "照片"), ("王", "1", "")
        assert len(rows_from_table([header] + [body] * MAX_ROWS)) == MAX_ROWS
        with pytest.raises(RosterInvalid, match=f"has {MAX_ROWS + 1} rows") as refused:
            rows_from_table([header] + [body] * (MAX_ROWS + 1))
        assert "split" in refused.value.hint

    def test_short_rows_lack_their_last_cells(self) -> None:
        (one,) = rows_from_table([("姓名", "身份证号", "照片", "电话"), ("王",)])
        assert (one.id_number, one.phone, one.photos) == ("", "", ())

    @pytest.mark.parametrize("cell", ["a.jpg;b.jpg", "a.jpg；b.jpg", " a.jpg ;; b.jpg ;", "a.jpg\nb.jpg"])
    def test_several_photos_in_one_cell(self, cell: str) -> None:
        (one,) = rows_from_table([("姓名", "身份证号", "照片"), ("王", "1", cell)])
        assert one.photos == ("a.jpg", "b.jpg")


class TestNames:
    @pytest.mark.parametrize("name", ["王小明", "买买提·艾力", "Anne-Marie O'Neil", "𠮷田", "x" * MAX_NAME])
    def test_names_of_all_peoples_are_taken(self, name: str) -> None:
        checked = check(row(name=name))
        assert checked.importable
        assert checked.trainees[0].name == name

    @pytest.mark.parametrize("name", ["", " ", "\u3000"])
    def test_an_empty_name_is_told(self, name: str) -> None:
        assert (2, "name", "name_empty", True) in found(check(row(name=name)))

    @pytest.mark.parametrize("name", ["x" * (MAX_NAME + 1), "王\x00", "王\u200b明", "王\ue000"])
    def test_what_is_no_name_is_told(self, name: str) -> None:
        assert found(check(row(name=name))) == [(2, "name", "name_invalid", True)]

    def test_spaces_are_made_single_and_letters_composed(self) -> None:
        assert check(row(name="  Jose\u0301   Li ")).trainees[0].name == "José Li"

    def test_one_name_under_two_numbers_is_a_note(self) -> None:
        checked = check(row(2, name="张 伟"), row(3, name="张伟", photos=("B.JPG",)))
        assert found(checked) == [(3, "name", "name_repeated", False)]
        assert checked.importable


class TestCodes:
    def test_they_are_made_by_place_where_none_is_given(self) -> None:
        rows = [row(line, photos=()) for line in range(2, 6)]
        assert [one.code for one in check(*rows).trainees] == ["T001", "T002", "T003", "T004"]

    def test_a_made_code_avoids_given_and_enrolled_ones(self) -> None:
        enrolled = Enrolled(frozenset({"t002", "T003", "T003-2"}))
        rows = [row(2, code="T001", photos=()), *(row(line, photos=()) for line in (3, 4))]
        codes = [one.code for one in check(*rows, enrolled=enrolled).trainees]
        assert codes == ["T001", "T002-2", "T003-3"]

    def test_their_width_grows_with_the_class(self) -> None:
        rows = [
            row(line, id_number=number(line % 1000, f"1990010{1 + line // 1000}"), photos=())
            for line in range(2, 1002)
        ]
        codes = [one.code for one in check(*rows).trainees]
        assert (codes[0], codes[-1]) == ("T0001", "T1000")

    @pytest.mark.parametrize("code", ["a b", "-x", ".x", "x" * 33, "a/b", "a\\b", "学号 1", "💥"])
    def test_what_cannot_name_a_trainee_is_told(self, code: str) -> None:
        problems = found(check(row(code=code)))
        assert problems in (
            [(2, "code", "code_invalid", True)],
            [(2, "code", "formula", True)],
        )

    @pytest.mark.parametrize("code", ["K-1", "2026_014.7", "学员1", "x" * 32])
    def test_what_can_is_kept(self, code: str) -> None:
        assert check(row(code=code)).trainees[0].code == code

    def test_the_same_code_twice_is_told_whatever_its_case(self) -> None:
        problems = found(check(row(2, code="k1"), row(3, code="K1", photos=("B.JPG",))))
        assert problems == [(3, "code", "code_duplicate", True)]

    def test_a_code_that_the_class_has_is_told(self) -> None:
        enrolled = Enrolled(frozenset({"K1"}))
        assert found(check(row(code="k1"), enrolled=enrolled)) == [(2, "code", "code_enrolled", True)]


class TestNumbers:
    def test_the_same_person_twice_and_two_people_under_one_number(self) -> None:
        same = number(7)
        checked = check(
            row(2, name="甲", id_number=same),
            row(3, name="甲", id_number=f"'{same} ", photos=("B.JPG",)),
            row(4, name="乙", id_number=same, photos=()),
        )
        told = [one for one in found(checked) if one[3]]
        assert told == [(3, "id_number", "id_duplicate", True), (4, "id_number", "id_conflict", True)]
        assert all(("other_line", "2") in one.values for one in checked.problems if one.fatal)

    def test_who_is_enrolled_already_is_told_with_the_code(self) -> None:
        enrolled = Enrolled(frozenset({"T001"}), {number(2): "T001"}.get)
        checked = check(row(2, id_number=f" {number(2)}"), enrolled=enrolled)
        assert found(checked) == [(2, "id_number", "id_enrolled", True)]
        assert "T001" in checked.problems[0].message
        assert not checked.importable

    def test_a_sound_number_that_ends_in_zeros_is_worth_a_look(self) -> None:
        first = next(f"3717021990010{n:02d}00" for n in range(99) if ends_in_zero(f"3717021990010{n:02d}00"))
        checked = check(row(id_number=first + "0"))
        assert found(checked) == [(2, "id_number", "id_perhaps_rounded", False)]
        assert checked.importable

    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            ("", "id_empty"),
            ("3.7E+17", "id_scientific"),
            ("123", "id_length"),
            ("37170219900101O01X", "id_characters"),
            ("001702199001010019", "id_region"),
            ("371702199013010019", "id_birth_date"),
            ("371702189912310019", "id_birth_early"),
            ("371702202701010019", "id_birth_future"),
            (number()[:-1] + ("1" if number()[-1] != "1" else "2"), "id_check"),
        ],
    )
    def test_each_fault_of_a_number_reaches_its_row(self, raw: str, code: str) -> None:
        assert found(check(row(id_number=raw))) == [(2, "id_number", code, True)]


def ends_in_zero(first: str) -> bool:
    try:
        date(int(first[6:10]), int(first[10:12]), int(first[12:14]))
    except ValueError:
        return False
    return check_character(first) == "0"


class TestPhones:
    @pytest.mark.parametrize(
        "phone",
        [
            "13800000000",
            "138 0000 0000",
            "+86 138-0000-0000",
            "008613800000000",
            "0530-5310000",
            "5310000",
            "",
            "１３８００００００００",
            "(0530) 5310000",
        ],
    )
    def test_usual_spellings_pass(self, phone: str) -> None:
        assert found(check(row(phone=phone))) == []

    @pytest.mark.parametrize("phone", ["12", "1380000000x", "23800000000000", "none"])
    def test_others_are_a_note_only(self, phone: str) -> None:
        assert found(check(row(phone=phone))) == [(2, "phone", "phone_format", False)]

    @pytest.mark.parametrize("phone", ["=1+1", "@x", "-138", "+x"])
    def test_a_formula_is_no_phone(self, phone: str) -> None:
        assert found(check(row(phone=phone))) == [(2, "phone", "formula", True)]


class TestPhotos:
    @pytest.mark.parametrize("name", ["a.jpg", "./a.jpg", "A.JPG", "b.jpg", "照片/c.jpg", "照片\\c.jpg"])
    def test_they_are_found_as_people_write_them(self, name: str) -> None:
        assert check(row(photos=(name,))).trainees[0].photos[0] in SHELF

    def test_case_decides_where_two_differ_by_it(self) -> None:
        assert check(row(photos=("TWIN.jpg",))).trainees[0].photos == ("TWIN.jpg",)
        assert found(check(row(photos=("Twin.jpg",)))) == [(2, "photo", "photo_missing", True)]

    @pytest.mark.parametrize(
        "name", ["../a.jpg", "/etc/passwd", "x/../../a.jpg", "C:\\a.jpg", "\\\\host\\a", "a\x00"]
    )
    def test_names_that_lead_elsewhere_are_told(self, name: str) -> None:
        assert found(check(row(photos=(name,)))) == [(2, "photo", "photo_outside", True)]

    def test_none_is_a_note(self) -> None:
        assert found(check(row(photos=()))) == [(2, "photo", "photo_empty", False)]

    def test_one_named_twice_in_a_row_counts_once(self) -> None:
        assert check(row(photos=("a.jpg", "A.jpg"))).trainees[0].photos == ("a.jpg",)

    def test_one_shared_by_two_people_is_told(self) -> None:
        problems = found(check(row(2), row(3, photos=("A.JPG",))))
        assert problems == [(3, "photo", "photo_shared", True)]

    def test_a_name_is_repeated_short_and_harmless(self) -> None:
        message = check(row(photos=("{x}\x1b[2J" + "y" * 500,))).problems[0].message
        assert len(message) < 200
        assert "\x1b" not in message
        assert "{" not in message


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "＝1", "＠x"])
@pytest.mark.parametrize("field", ["name", "id_number", "code", "photos"])
def test_formulas_are_told_in_every_column_and_once(field: str, text: str) -> None:
    changes: dict[str, Any] = {field: (text,) if field == "photos" else text}
    changed = row(**changes)
    assert [one[1:] for one in found(check(changed))] == [(field.removesuffix("s"), "formula", True)]


def test_all_problems_of_a_row_are_told_at_once_and_in_order() -> None:
    checked = check(row(2, name="", id_number="1", phone="x", photos=("no.jpg",), code="a b"), row(3))
    assert [one[:3] for one in found(checked)] == [
        (2, "code", "code_invalid"),
        (2, "name", "name_empty"),
        (2, "id_number", "id_length"),
        (2, "phone", "phone_format"),
        (2, "photo", "photo_missing"),
    ]
    assert [one.code for one in checked.trainees] == ["T002"], "the sound row keeps its place"


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("code", PROBLEM_TEXTS)
def test_every_sentence_stands_with_its_values(code: str, language: str) -> None:
    text = PROBLEM_TEXTS[code]
    values = tuple((name, f"<{name}>") for name in sorted(text.names()))
    said = render(PROBLEM_TEXTS, code, values, language)
    assert said != code
    assert "{" not in said
    assert all(value in said for _, value in values)


@given(st.integers(1, 999), st.sampled_from(["", "x", "12", "甲"]), st.booleans())
def test_no_message_ever_holds_a_whole_number(order: int, name: str, wrong: bool) -> None:
    sound = number(order)
    raw = sound[:-1] + ("3" if wrong and sound[-1] != "3" else sound[-1])
    checked = check(row(2, id_number=raw, name=name), row(3, id_number=raw, name="乙"))
    for one in checked.problems:
        for language in ("zh_CN", "en"):
            said = render(PROBLEM_TEXTS, one.code, one.values, language)
            assert raw[6:] not in said
        assert raw[6:] not in one.message
        assert raw[6:] not in str(one.values)


CELLS = st.text(max_size=24) | st.sampled_from([number(1), number(2), "a.jpg", "=x", "T001", "王"])


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), max_size=12))
def test_any_rows_give_a_whole_report(cells: list[tuple[str, ...]]) -> None:
    table = [("姓名", "身份证号", "电话", "照片", "编号"), *cells]
    with suppress(RosterInvalid):
        rows = rows_from_table(table)
        checked = check_roster(rows, TODAY, SHELF)
        refused = {one.line for one in checked.problems if one.fatal}
        assert len(checked.trainees) == len(rows) - len(refused)
        assert checked.importable is not bool(refused)
        codes = [one.code.casefold() for one in checked.trainees]
        assert len(set(codes)) == len(codes)
        numbers = [one.id_number for one in checked.trainees]
        assert len(set(numbers)) == len(numbers)
        assert list(checked.problems) == sorted(checked.problems, key=lambda one: one.line)
        assert check_roster(rows, TODAY, SHELF) == checked
