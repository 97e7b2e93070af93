"""Why a row of a roster cannot be taken, in both languages. Never a full identity number."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.texts import Text

PROBLEM_TEXTS: Mapping[str, Text] = MappingProxyType(
    {
        "id_empty": Text("身份证号为空，请补填", "the identity number is empty; fill it in"),
        "id_scientific": Text(
            "身份证号被电子表格改成了科学计数法，数字已丢失；请把该列设为“文本”后重新填写",
            "a spreadsheet turned the identity number into scientific notation and lost digits; "
            "format the column as text and enter it again",
        ),
        "id_rounded": Text(
            "身份证号末三位为 000 且校验位不符，可能被电子表格截断；请把该列设为“文本”后重新填写",
            "the identity number ends in 000 and its check character is wrong: a spreadsheet may have "
            "rounded it; format the column as text and enter it again",
        ),
        "id_length": Text(
            "身份证号应为 18 位，实为 {length} 位", "the identity number has {length} characters, not 18"
        ),
        "id_characters": Text(
            "身份证号只能是 17 位数字加数字或 X",
            "the identity number must be 17 digits and a digit or X",
        ),
        "id_region": Text(
            "身份证号前两位不是任何省份的代码，请核对",
            "the first two digits of the identity number are no province; check it",
        ),
        "id_birth_date": Text(
            "身份证号中的出生日期不存在，请核对",
            "the birth date in the identity number does not exist; check it",
        ),
        "id_birth_early": Text(
            "身份证号中的出生日期早于 1900 年，请核对",
            "the birth date in the identity number lies before 1900; check it",
        ),
        "id_birth_future": Text(
            "身份证号中的出生日期在今天之后，请核对",
            "the birth date in the identity number lies in the future; check it",
        ),
        "id_check": Text(
            "身份证号校验位不符，请逐位核对",
            "the check character of the identity number is wrong; compare it digit by digit",
        ),
        "id_duplicate": Text(
            "与第 {other_line} 行身份证号相同，请删除重复行",
            "has the same identity number as line {other_line}; remove one",
        ),
        "id_conflict": Text(
            "与第 {other_line} 行身份证号相同而姓名不同，请核对两行",
            "has the identity number of line {other_line} under another name; check both",
        ),
        "name_empty": Text("姓名为空，请补填", "the name is empty; fill it in"),
        "name_invalid": Text(
            "姓名含有不可用的字符或超过 64 字", "the name holds control characters or is longer than 64"
        ),
        "name_repeated": Text(
            "与第 {other_line} 行同名，请确认是两个人",
            "has the same name as line {other_line}; make sure they are two people",
        ),
        "code_invalid": Text(
            "编号只能用字母、数字、“-”“_”“.”，最长 32 位",
            "a code may hold letters, digits, '-', '_' and '.', at most 32",
        ),
        "code_duplicate": Text(
            "与第 {other_line} 行编号相同，请改为不同的编号",
            "has the same code as line {other_line}; give each its own",
        ),
        "phone_format": Text("电话号码格式可疑，请核对", "the phone number looks wrong; check it"),
        "photo_empty": Text(
            "没有照片，无法人脸识别，只能由教师确认出勤",
            "has no photo: cannot be recognised, only confirmed by the instructor",
        ),
        "photo_missing": Text(
            "找不到照片 {photo}，请放入花名册所在文件夹",
            "the photo {photo} is not in the roster's folder; put it there",
        ),
        "photo_outside": Text(
            "照片名 {photo} 指向文件夹之外，不予接受", "the photo name {photo} points outside the folder"
        ),
        "photo_shared": Text(
            "照片 {photo} 也被第 {other_line} 行使用，每人须用自己的照片",
            "the photo {photo} is used by line {other_line} too; each person needs their own",
        ),
        "formula": Text(
            "{column} 以公式字符（= + - @）开头，不予接受；请改为纯文本",
            "{column} starts like a formula (= + - @); write plain text",
        ),
    }
)
