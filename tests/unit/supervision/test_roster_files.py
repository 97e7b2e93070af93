"""Rosters as people hand them in: encodings, archives, hostile archives."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from models.errors import RosterInvalid
from supervision_api import roster_archive, roster_files, roster_sheets
from supervision_api.roster_files import read_roster, read_roster_archive
from supervision_api.roster_sheets import parse_table

HEADER = "姓名,身份证号,电话,照片"
ROW = "王小明,371702199001011234,13800000000,wang.jpg"


def folder_with(tmp_path: Path, table: bytes, name: str = "roster.csv") -> Path:
    (tmp_path / name).write_bytes(table)
    (tmp_path / "wang.jpg").write_bytes(b"photo")
    return tmp_path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_a_csv_is_read_in_every_encoding_that_spreadsheets_write(tmp_path: Path, encoding: str) -> None:
    files = read_roster(folder_with(tmp_path, f"{HEADER}\r\n{ROW}\r\n".encode(encoding)))
    assert files.table[0][0] == "姓名"
    assert files.table[1][0] == "王小明"
    assert files.photo("wang.jpg") == b"photo"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_recognised(delimiter: str) -> None:
    text = HEADER.replace(",", delimiter) + "\n" + ROW.replace(",", delimiter)
    assert parse_table(text.encode(), "roster.csv")[1][1] == "371702199001011234"


def test_photo_lists_with_semicolons_stay_one_cell() -> None:
    rows = parse_table(b"name,photo\nA,a.jpg;b.jpg;c.jpg\n", "roster.csv")
    assert rows[1] == ("A", "a.jpg;b.jpg;c.jpg")


def test_bytes_that_are_no_text_are_refused_with_advice() -> None:
    with pytest.raises(RosterInvalid, match="UTF-8 or GBK") as caught:
        parse_table(b"\x00\xff\xfe\x81" * 9, "roster.csv")
    assert caught.value.place == "roster.csv"


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(RosterInvalid, match="empty"):
        parse_table(b"\n\n,,\n", "roster.csv")


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_sheets, "MAX_ROWS", 5)
    with pytest.raises(RosterInvalid, match="more than 5 rows"):
        parse_table(b"a\n" * 6, "roster.csv")


def workbook(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_xlsx_keeps_text_and_shows_what_a_spreadsheet_did_to_long_numbers() -> None:
    rows = parse_table(
        workbook(
            [["姓名", "身份证号"], ["王", "371702199001011234"], ["李", 371702199001011234.0], ["赵", 42.0]]
        ),
        "roster.xlsx",
    )
    assert rows[1] == ("王", "371702199001011234")
    assert "E+17" in rows[2][1]
    assert rows[3][1] == "42"


def test_xlsx_formulas_arrive_as_formulas_not_as_their_values() -> None:
    rows = parse_table(workbook([["name"], ["=HYPERLINK(1)"]]), "roster.xlsx")
    assert rows[1][0].startswith("=")


@pytest.mark.parametrize("content", [b"not a zip", b"", b"PK\x03\x04broken"])
def test_a_broken_workbook_is_refused(content: bytes) -> None:
    with pytest.raises(RosterInvalid):
        parse_table(content, "roster.xlsx")


def test_a_zip_that_is_no_workbook_is_refused() -> None:
    with pytest.raises(RosterInvalid, match="XLSX"):
        parse_table(archive({"hello.txt": b"hello"}), "roster.xlsx")


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return out.getvalue()


TABLE = f"{HEADER}\n{ROW}\n".encode()


@pytest.mark.parametrize("top", ["", "养老护理员/"])
def test_a_zip_of_the_folder_or_of_its_content_is_the_same(top: str, tmp_path: Path) -> None:
    path = tmp_path / "class.zip"
    path.write_bytes(archive({top + "roster.csv": TABLE, top + "wang.jpg": b"p", "__MACOSX/._x.jpg": b""}))
    files = read_roster(path)
    assert files.photo_names == {"wang.jpg"}
    assert files.photo("wang.jpg") == b"p"


def test_gbk_names_in_windows_zips_are_understood() -> None:
    # Windows writes GBK bytes without the UTF-8 flag, which zipfile cannot: patch a name of equal length
    content = archive({"roster.csv": TABLE, "ABCD.jpg": b"p"}).replace(b"ABCD.jpg", "照片.jpg".encode("gbk"))
    files = read_roster_archive(content, "class.zip")
    assert files.photo_names == {"照片.jpg"}
    assert files.photo("照片.jpg") == b"p"


@pytest.mark.parametrize(
    "name", ["../evil.jpg", "a/../../evil.jpg", "/etc/evil.jpg", "C:/evil.jpg", "..\\evil.jpg"]
)
def test_a_name_that_leaves_the_folder_refuses_the_archive(name: str) -> None:
    with pytest.raises(RosterInvalid, match="leaves its folder"):
        read_roster_archive(archive({"roster.csv": TABLE, name: b"x"}), "class.zip")


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(RosterInvalid, match="times its size"):
        read_roster_archive(archive({"roster.csv": TABLE, "bomb.jpg": b"\0" * 30_000_000}), "class.zip")


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_archive, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(RosterInvalid, match="4 GiB"):
        read_roster_archive(archive({"roster.csv": TABLE, "a.jpg": b"x" * 2000}), "class.zip")


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_archive, "MAX_MEMBERS", 3)
    with pytest.raises(RosterInvalid, match="more than 3 files"):
        read_roster_archive(archive({f"{i}.jpg": b"" for i in range(4)}), "class.zip")


def test_a_damaged_member_names_itself() -> None:
    content = bytearray(archive({"roster.csv": TABLE, "wang.jpg": b"photo" * 100}, zipfile.ZIP_STORED))
    at = content.find(b"photophoto")
    content[at] ^= 0xFF
    files = read_roster_archive(bytes(content), "class.zip")
    with pytest.raises(RosterInvalid, match="damaged") as caught:
        files.photo("wang.jpg")
    assert caught.value.place == "wang.jpg"


def test_a_large_photo_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(roster_files, "MAX_PHOTO_BYTES", 2)
    files = read_roster(folder_with(tmp_path, TABLE))
    with pytest.raises(RosterInvalid, match="larger than"):
        files.photo("wang.jpg")


def test_a_link_out_of_the_folder_is_not_a_photo(tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"secret")
    folder = tmp_path / "class"
    folder.mkdir()
    folder_with(folder, TABLE)
    (folder / "link.jpg").symlink_to(outside)
    assert read_roster(folder).photo_names == {"wang.jpg"}


def test_no_table_and_two_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RosterInvalid, match="neither"):
        read_roster(tmp_path)
    folder_with(tmp_path, TABLE)
    (tmp_path / "roster.xlsx").write_bytes(b"")
    with pytest.raises(RosterInvalid, match="several tables"):
        read_roster(tmp_path)


def test_a_path_that_is_no_roster_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(RosterInvalid, match="does not exist"):
        read_roster(tmp_path / "none")
    (tmp_path / "x.pdf").write_bytes(b"")
    with pytest.raises(RosterInvalid, match="neither a folder"):
        read_roster(tmp_path / "x.pdf")
