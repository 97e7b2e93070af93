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
        "id_perhaps_rounded": Text(
            "身份证号末三位为 000，可能被电子表格截断；请与证件逐位核对",
            "the identity number ends in 000: a spreadsheet may have rounded it; compare it with the card",
        ),
        "id_enrolled": Text(
            "此身份证号已在本班，编号 {trainee}；请删除此行",
            "this identity number is in the class already, as {trainee}; take the row out",
        ),
        "id_length": Text(
            "身份证号应为 18 位，实为 {length} 位", "the identity number has {length} characters, not 18"
        ),
        "id_characters": Text(
            "身份证号只能是 17 位数字加数字或 X",
            "the identity number must be 17 digits and a digit or X",
        ),
        "id_region": Text(
            "身份证号前六位不是省市县、港澳台居民居住证或外国人永久居留身份证的代码，请核对",
            "the first six digits of the identity number are no region, residence permit or foreigner's "
            "code; check them",
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
        "code_enrolled": Text(
            "此编号本班已有人使用，请改为不同的编号",
            "somebody in the class has this code already; give another",
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
        "photos_renewed": Text(
            "已在本班，编号 {trainee}；将以此行的照片替换原有照片",
            "is in the class already, as {trainee}: these photos take the place of the old ones",
        ),
        "photo_unreadable": Text(
            "照片 {photo} 无法读取，请检查文件", "the photo {photo} cannot be read; check the file"
        ),
        "photo_not_an_image": Text(
            "{photo} 不是图片，请改用 JPEG 或 PNG", "{photo} is not a picture; use JPEG or PNG"
        ),
        "photo_corrupt": Text(
            "照片 {photo} 已损坏，请重新导出", "the photo {photo} is damaged; export it again"
        ),
        "photo_too_large": Text(
            "照片 {photo} 过大，请缩小", "the photo {photo} is too large; make it smaller"
        ),
        "photo_no_face": Text(
            "照片 {photo} 中没有找到人脸，请用光线充足的正面照",
            "no face was found on {photo}; use one that looks into the camera, in good light",
        ),
        "photo_several_faces": Text(
            "照片 {photo} 中有多张人脸，请裁剪为本人单独的照片",
            "several faces were found on {photo}; cut it so that it shows this person alone",
        ),
        "photo_small": Text(
            "照片 {photo} 中的人脸太小，请用人脸宽度不少于 80 像素的照片",
            "the face on {photo} is too small; use one on which it is at least 80 pixels wide",
        ),
        "photo_blurred": Text(
            "照片 {photo} 模糊，请用清晰的照片", "the photo {photo} is blurred; use a sharp one"
        ),
        "photo_low_contrast": Text(
            "照片 {photo} 对比度过低，请在均匀光线下拍摄",
            "the photo {photo} has too little contrast; take one in good, even light",
        ),
        "photo_badly_lit": Text(
            "照片 {photo} 过亮或过暗，请重拍", "the photo {photo} is burnt out or dark; take another"
        ),
        "photo_turned": Text(
            "照片 {photo} 中的人没有正对镜头，请用正面照",
            "the person on {photo} looks away; use a photo that looks into the camera",
        ),
        "photo_cut_off": Text(
            "照片 {photo} 没有拍到整张脸，请重拍",
            "the photo {photo} does not show the whole face; take another",
        ),
        "face_duplicate": Text(
            "与第 {other_line} 行的照片像是同一个人，请核对两人身份",
            "shows the same face as line {other_line}; check who they are",
        ),
        "face_enrolled": Text(
            "与本班学员 {trainee} 的照片像是同一个人，请核对两人身份",
            "shows the same face as {trainee}, who is in the class already; check who they are",
        ),
        "formula": Text(
            "{column} 以公式字符（= + - @）开头，不予接受；请改为纯文本",
            "{column} starts like a formula (= + - @); write plain text",
        ),
    }
)
