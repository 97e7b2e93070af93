"""Archives and workbooks that no honest program writes, or that an honest one wrote unluckily."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.worksheet.formula import ArrayFormula

from models.errors import RosterInvalid
from models.roster_check import check_roster
from models.roster_table import rows_from_table
from supervision_api import roster_archive
from supervision_api.roster_files import read_roster, read_roster_archive
from supervision_api.roster_sheets import MAX_ROWS, parse_table

TODAY = date(2026, 11, 23)
HEADER = ("姓名", "身份证号", "电话", "照片")
ROW = ("王小明", "11010519491231002X", "13800000000", "wang.jpg")
TABLE = "\n".join([",".join(HEADER), ",".join(ROW)]).encode()


def archive(members: dict[str, bytes] | list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items() if isinstance(members, dict) else members:
            target.writestr(name, content)
    return out.getvalue()


def refusal(content: bytes, name: str = "class.zip") -> RosterInvalid:
    read = read_roster_archive if name.endswith(".zip") else parse_table
    with pytest.raises(RosterInvalid) as caught:
        read(content, name)
    assert caught.value.hint, "a refusal names the next step"
    assert caught.value.place == name
    return caught.value


class TestArchives:
    def test_a_link_inside_a_zip_is_refused_by_name(self) -> None:
        link = zipfile.ZipInfo("wang.jpg")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as target:
            target.writestr("roster.csv", TABLE)
            target.writestr(link, b"/etc/passwd")
        assert "holds a link: 'wang.jpg'" in refusal(out.getvalue()).message

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_two_members_of_one_name_are_refused(self) -> None:
        twice = [("roster.csv", TABLE), ("roster.csv", TABLE.replace(b"138", b"139"))]
        assert "two files called 'roster.csv'" in refusal(archive(twice)).message

    def test_members_that_share_their_bytes_are_refused(self) -> None:
        """The central directory names one body many times: a small file becomes a flood."""
        content = bytearray(archive({"roster.csv": TABLE, "a.jpg": b"x" * 500, "b.jpg": b"y" * 500}))
        first = content.find(b"PK\x01\x02")
        second = content.find(b"PK\x01\x02", first + 4)
        third = content.find(b"PK\x01\x02", second + 4)
        content[third + 42 : third + 46] = content[second + 42 : second + 46]
        assert "overlap" in refusal(bytes(content)).message

    def test_an_encrypted_zip_says_so(self) -> None:
        content = bytearray(archive({"roster.csv": TABLE}))
        for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.find(signature) + flags] |= 1
        error = refusal(bytes(content))
        assert "encrypted" in error.message
        assert "without a password" in error.hint

    @pytest.mark.parametrize("inner", ["roster.zip", "class/roster.ZIP"])
    def test_a_zip_in_a_zip_is_not_unpacked_but_asked_for(self, inner: str) -> None:
        error = refusal(archive({inner: archive({"roster.csv": TABLE})}))
        assert "another zip" in error.message
        assert "inner zip" in error.hint

    def test_a_zip_beside_the_table_is_passed_over(self) -> None:
        files = read_roster_archive(archive({"roster.csv": TABLE, "old.zip": b"PK"}), "class.zip")
        assert files.photo_names == frozenset()

    def test_fifty_thousand_entries_are_judged_without_unpacking(self) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as target:
            target.writestr("roster.csv", TABLE)
            for number in range(50_000):
                target.writestr(zipfile.ZipInfo(f"{number}.jpg"), b"")
        files = read_roster_archive(out.getvalue(), "class.zip")
        assert len(files.photo_names) == 50_000

    def test_a_name_of_a_thousand_characters_is_told_short_and_plain(self) -> None:
        message = refusal(archive({"roster.csv": TABLE, "../\x1b[2J" + "x" * 1000: b""})).message
        assert len(message) < 200
        assert "\x1b" not in message

    def test_a_method_that_python_cannot_unpack_names_the_member(self) -> None:
        content = bytearray(archive({"roster.csv": TABLE, "wang.jpg": b"p" * 50}))
        for signature, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            at = content.rfind(signature)
            content[at + method : at + method + 2] = struct.pack("<H", 9)  # deflate64
        files = read_roster_archive(bytes(content), "class.zip")
        with pytest.raises(RosterInvalid) as caught:
            files.photo("wang.jpg")
        assert caught.value.place == "wang.jpg"

    def test_a_member_that_unpacks_to_more_than_it_says_is_stopped(self) -> None:
        content = bytearray(archive({"roster.csv": TABLE, "wang.jpg": b"p" * 4000}))
        for signature, size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            at = content.rfind(signature)
            content[at + size : at + size + 4] = struct.pack("<I", 10)
        files = read_roster_archive(bytes(content), "class.zip")
        with pytest.raises(RosterInvalid):
            files.photo("wang.jpg")

    def test_a_zip_cut_off_on_its_way_is_refused(self) -> None:
        whole = archive({"roster.csv": TABLE, "wang.jpg": bytes(range(256)) * 20})
        for share in (0.1, 0.5, 0.9, 0.99):
            assert "not a readable zip" in refusal(whole[: int(len(whole) * share)]).message

    def test_a_missing_photo_is_told_by_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "roster.csv").write_bytes(TABLE)
        with pytest.raises(RosterInvalid, match="no photo wang"):
            read_roster(tmp_path).photo("wang.jpg")

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6))
    def test_any_damage_is_a_refusal_or_harmless(self, damage: list[tuple[int, int]]) -> None:
        content = bytearray(archive({"roster.csv": TABLE, "wang.jpg": bytes(range(256))}))
        for place, value in damage:
            content[place % len(content)] = value
        with suppress(RosterInvalid):
            files = read_roster_archive(bytes(content), "class.zip")
            for name in files.photo_names:
                with suppress(RosterInvalid):
                    files.photo(name)

    def test_a_bomb_is_refused_without_being_held(self) -> None:
        bomb = archive({"roster.csv": TABLE, "bomb.jpg": bytes(60_000_000)})
        tracemalloc.start()
        try:
            assert "times its size" in refusal(bomb).message
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("name", ["照片/王小明.jpg", "学员花名册附件.png", "牛逼.jpg"])
    def test_names_in_gbk_without_the_flag_are_read_as_chinese(self, name: str) -> None:
        raw = name.encode("gbk")
        holder = "n" * (len(raw) - 4) + name[-4:]
        content = archive({"roster.csv": TABLE, holder: b"p"}).replace(holder.encode(), raw)
        assert read_roster_archive(content, "class.zip").photo_names == {name}

    def test_names_that_are_neither_stay_as_they_are(self) -> None:
        content = archive({"roster.csv": TABLE, "ABC.jpg": b"p"}).replace(b"ABC.jpg", b"\xff\xfe\xfd.jpg")
        assert len(read_roster_archive(content, "class.zip").photo_names) == 1

    def test_bounds_are_wider_than_any_class(self) -> None:
        assert roster_archive.MAX_MEMBERS >= 5 * 10_000
        assert roster_archive.MAX_UNPACKED_BYTES >= 10_000 * 200_000


def workbook(*sheets: Sequence[Sequence[object]], hidden: tuple[int, ...] = ()) -> bytes:
    book = openpyxl.Workbook()
    for index, rows in enumerate(sheets):
        sheet = book.active if index == 0 else book.create_sheet(f"Sheet{index + 1}")
        assert sheet is not None
        for row in rows:
            sheet.append(list(row))
        sheet.sheet_state = "hidden" if index in hidden else "visible"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def codes(table: tuple[tuple[str, ...], ...]) -> set[tuple[int, str]]:
    checked = check_roster(rows_from_table(table), TODAY, {"wang.jpg"})
    return {(one.line, one.code) for one in checked.problems}


class TestWorkbooks:
    def test_a_hidden_sheet_is_never_read(self) -> None:
        old = [list(HEADER), ["去年学员", *ROW[1:]]]
        rows = parse_table(workbook(old, [list(HEADER), list(ROW)], hidden=(0,)), "roster.xlsx")
        assert rows[1][0] == "王小明"

    def test_only_hidden_sheets_are_no_roster(self) -> None:
        assert "empty" in refusal(workbook([], [list(HEADER), list(ROW)], hidden=(1,)), "roster.xlsx").message

    def test_an_empty_first_sheet_is_passed_over(self) -> None:
        assert parse_table(workbook([], [list(HEADER), list(ROW)], []), "roster.xlsx")[1] == ROW

    def test_two_filled_sheets_are_refused_rather_than_half_read(self) -> None:
        error = refusal(workbook([list(HEADER), list(ROW)], [["说明"]]), "roster.xlsx")
        assert "several filled sheets" in error.message
        assert "Sheet2" in error.message

    def test_a_number_whose_digits_a_spreadsheet_lost_is_told(self) -> None:
        """Excel keeps 15 digits of a number: 371702199001011234 comes back as 371702199001011000."""
        for lost in (371702199001011000, 3.71702199001011e17, 110105194912310021):
            table = parse_table(workbook([list(HEADER), ["王", lost, "", "wang.jpg"]]), "roster.xlsx")
            assert codes(table) == {(2, "id_scientific")}

    @pytest.mark.parametrize(
        ("written", "problem"),
        [
            ("371702199001011000", {(2, "id_scientific")}),
            ("3.71702199001011E+17", {(2, "id_scientific")}),
            ("110105194912310100", {(2, "id_check")}),
            ("110105194912310070", set()),
        ],
    )
    def test_a_number_cell_counts_by_the_digits_that_its_file_holds(
        self, written: str, problem: set[tuple[int, str]]
    ) -> None:
        content = workbook([list(HEADER), ["王", 123456, "", "wang.jpg"]])
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
            for name in source.namelist():
                body = source.read(name).replace(b"<v>123456</v>", f"<v>{written}</v>".encode())
                target.writestr(name, body)
        assert codes(parse_table(out.getvalue(), "roster.xlsx")) == problem

    def test_a_phone_number_kept_as_a_number_stays_whole(self) -> None:
        table = parse_table(workbook([list(HEADER), ["王", ROW[1], 13800000000, "wang.jpg"]]), "roster.xlsx")
        assert codes(table) == set()

    def test_an_apostrophe_that_marks_text_is_taken_off(self) -> None:
        table = parse_table(workbook([list(HEADER), ["王", f"'{ROW[1]}", "", "wang.jpg"]]), "roster.xlsx")
        assert codes(table) == set()

    @pytest.mark.parametrize("value", [datetime(1990, 1, 1), True, "#N/A", 32874, 0.5])
    def test_a_cell_that_holds_no_number_of_identity_is_told_by_row(self, value: object) -> None:
        table = parse_table(workbook([list(HEADER), ["王", value, "", "wang.jpg"]]), "roster.xlsx")
        (problem,) = codes(table)
        assert problem[0] == 2
        assert problem[1].startswith("id_")

    @pytest.mark.parametrize(
        "formula",
        ['=HYPERLINK("http://x")', "=A1", ArrayFormula("B2:B2", "=A1:A2"), ArrayFormula("B2:B2", "A1:A2")],
    )
    def test_a_formula_of_any_kind_is_told_and_never_shown_as_an_object(self, formula: object) -> None:
        table = parse_table(workbook([list(HEADER), [formula, ROW[1], "", "wang.jpg"]]), "roster.xlsx")
        assert codes(table) == {(2, "formula")}
        assert "0x" not in table[1][0]

    def test_rows_below_a_merged_cell_are_told_as_empty(self) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in (HEADER, ROW, ("", "110105194912310100", "", "")):
            sheet.append(list(row))
        sheet.merge_cells("A2:A3")
        out = io.BytesIO()
        book.save(out)
        assert (3, "name_empty") in codes(parse_table(out.getvalue(), "roster.xlsx"))

    def test_a_merged_title_above_the_header_does_no_harm(self) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in (["第14期学员花名册"], list(HEADER), list(ROW)):
            sheet.append(row)
        sheet.merge_cells("A1:D1")
        out = io.BytesIO()
        book.save(out)
        (found,) = rows_from_table(parse_table(out.getvalue(), "roster.xlsx"))
        assert (found.line, found.name) == (3, "王小明")

    def test_rows_keep_their_numbers_across_empty_ones(self) -> None:
        table = parse_table(workbook([list(HEADER), [], [], list(ROW), []]), "roster.xlsx")
        assert [row.line for row in rows_from_table(table)] == [4]

    def test_a_column_formatted_to_the_last_row_is_no_long_roster(self) -> None:
        """Selecting a column and making it text writes tens of thousands of empty rows."""
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(list(HEADER))
        sheet.append(list(ROW))
        for row in range(3, MAX_ROWS + 500):
            sheet.cell(row, 2).number_format = "@"
        out = io.BytesIO()
        book.save(out)
        assert len(parse_table(out.getvalue(), "roster.xlsx")) == 2

    def test_a_row_at_the_end_of_the_sheet_is_refused_not_padded(self) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(list(HEADER))
        sheet.cell(MAX_ROWS + 5, 1).value = "王"
        out = io.BytesIO()
        book.save(out)
        assert f"more than {MAX_ROWS} rows" in refusal(out.getvalue(), "roster.xlsx").message

    def test_a_workbook_with_a_doctype_that_grows_is_refused(self) -> None:
        entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
        bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "lol">{entities}]><workbook>&e11;</workbook>'
        content = workbook([list(HEADER), list(ROW)])
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
            for name in source.namelist():
                body = bomb.encode() if name == "xl/workbook.xml" else source.read(name)
                target.writestr(name, body)
        assert "not a readable XLSX" in refusal(out.getvalue(), "roster.xlsx").message

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"]), st.data())
    def test_any_damage_inside_is_a_refusal_or_harmless(self, member: str, data: st.DataObject) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(SMALL)) as source, zipfile.ZipFile(out, "w") as target:
            for name in source.namelist():
                body = bytearray(source.read(name))
                if name == member:
                    at = data.draw(st.integers(0, len(body) - 1))
                    body[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=10))
                target.writestr(name, bytes(body))
        with suppress(RosterInvalid):
            parse_table(out.getvalue(), "roster.xlsx")


SMALL = workbook([list(HEADER), list(ROW)])


class TestText:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]
    )
    def test_names_beyond_gbk_survive_the_encodings_that_have_them(self, encoding: str) -> None:
        name = "王小明" if encoding == "gbk" else "𠮷田㛃"
        marks = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
        content = ",".join(HEADER) + f"\r\n{name},{ROW[1]},,wang.jpg\r\n"
        table = parse_table(marks.get(encoding, b"") + content.encode(encoding), "roster.csv")
        assert table[1][0] == name

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf_16_without_its_mark_is_refused_with_advice(self, encoding: str) -> None:
        error = refusal(TABLE.decode().encode(encoding), "roster.csv")
        assert "UTF-8" in error.hint

    def test_half_a_character_at_the_end_of_utf_16_is_refused(self) -> None:
        assert "not a text table" in refusal(TABLE.decode().encode("utf-16")[:-1], "roster.csv").message

    @pytest.mark.parametrize("first", ["sep=;", "第14期学员花名册", ""])
    def test_a_line_above_the_header_does_not_hide_the_delimiter(self, first: str) -> None:
        content = "\n".join([first, ";".join(HEADER), ";".join(ROW)])
        (row,) = rows_from_table(parse_table(content.encode(), "roster.csv"))
        assert (row.line, row.id_number, row.photos) == (3, ROW[1], ("wang.jpg",))

    def test_many_photos_do_not_make_semicolons_the_delimiter(self) -> None:
        photos = ";".join(f"{n}.jpg" for n in range(9))
        (row,) = rows_from_table(
            parse_table(f"姓名,身份证号,照片\n王,{ROW[1]},{photos}\n".encode(), "roster.csv")
        )
        assert len(row.photos) == 9

    def test_a_quoted_line_break_is_part_of_its_cell_and_rows_keep_their_numbers(self) -> None:
        content = f'姓名,身份证号,照片\n王,{ROW[1]},"a.jpg\nb.jpg"\n李,1,x.jpg\n'
        first, second = rows_from_table(parse_table(content.encode(), "roster.csv"))
        assert (first.line, first.photos) == (2, ("a.jpg", "b.jpg"))
        assert second.line == 3

    def test_a_cell_without_end_is_refused(self) -> None:
        error = refusal(f'姓名,身份证号,照片\n"{"x" * 200_000}'.encode(), "roster.csv")
        assert "not a readable CSV" in error.message

    @pytest.mark.parametrize("written", ["3.71702E+17", "3.717021990010112e+17", "3,71702E+17", "3.71702E17"])
    def test_scientific_notation_is_told_with_what_to_do(self, written: str) -> None:
        table = parse_table(f"姓名;身份证号;照片\n王;{written};wang.jpg\n".encode(), "roster.csv")
        problem = check_roster(rows_from_table(table), TODAY, {"wang.jpg"}).problems[0]
        assert problem.code == "id_scientific"
        assert "format the column as text" in problem.message

    @pytest.mark.parametrize("cell", ["=1+1", "+cmd|x", "-2", "@SUM(A1)", "＝1", "\t=1"])
    def test_formulas_are_told_in_csv_too(self, cell: str) -> None:
        table = parse_table(f'姓名,身份证号,照片\n"{cell}",{ROW[1]},wang.jpg\n'.encode(), "roster.csv")
        assert (2, "formula") in codes(table)

    @given(st.binary(max_size=300))
    def test_no_bytes_at_all_break_the_reader(self, content: bytes) -> None:
        with suppress(RosterInvalid):
            parse_table(content, "roster.csv")

    @given(st.binary(max_size=300), st.sampled_from(["utf-8", "gbk", "utf-16"]))
    def test_a_header_with_any_rows_below_gives_a_report(self, body: bytes, encoding: str) -> None:
        head = (",".join(HEADER) + "\n").encode(encoding)
        with suppress(RosterInvalid):
            checked = check_roster(rows_from_table(parse_table(head + body, "roster.csv")), TODAY, ())
            assert all(one.message and one.field for one in checked.problems)
