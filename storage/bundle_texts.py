"""Sentences that every bundle carries, Chinese and English beside each other."""

from __future__ import annotations

from typing import Final

PROVES: Final = {
    "en": (
        "Every footage file, record and attached file is, bit for bit, what the evidence log recorded.",
        "The lesson's leaves are complete: each is numbered, and the closing leaf states how many there are "
        "and how many segments each camera has.",
        "The log only grew between the checkpoints shown; nothing in it was changed or taken out.",
        "Each segment's lock was read back from the object store and reaches the stated date.",
    ),
    "zh_CN": (
        "每个录像文件、每条记录和每个附件都与存证日志登记的内容逐位一致。",
        "本课次的存证条目完整：逐条编号，结课条目写明总条数和每路摄像头的录像段数。",
        "在所列检查点之间，日志只增不改，没有条目被修改或抽走。",
        "每段录像的保存锁定均由对象存储读回核实，并达到所写日期。",
    ),
}

DOES_NOT_PROVE: Final = {
    "en": (
        "That the camera saw the truth: a staged scene is recorded faithfully.",
        "That the machine's clock was right: only that it did not go back unnoticed.",
        "Anything against a thief of the signing key, who can rewrite what came after the last checkpoint "
        "that was kept elsewhere.",
        "Who holds the key: compare the fingerprint with the one the institution or bureau published; keys "
        "inside a bundle vouch for themselves only.",
        "Protection of the stored copies beyond what the store enforces (see store_capabilities).",
    ),
    "zh_CN": (
        "不能证明镜头前的场景真实：摆拍也会被如实录下。",
        "不能证明机器时钟准确：只能证明时钟没有被悄悄回拨。",
        "不能防范签名私钥被盗：盗用者可以改写最后一个异地留存的检查点之后的内容。",
        "不能证明密钥属于谁：请将指纹与机构或主管部门公布的指纹核对；包内的密钥只能自证。",
        "不能超出对象存储自身的保护能力（见 store_capabilities）。",
    ),
}

HOW_TO_VERIFY: Final = {
    "en": (
        "Take verify.py from a source you trust rather than from this bundle, and run: "
        "python verify.py THIS_FOLDER --keys PUBLISHED_KEY.json"
    ),
    "zh_CN": (
        "请使用可信来源的 verify.py，而不是本包自带的副本，"
        "运行：python verify.py 本文件夹 --keys 公布的公钥.json"
    ),
}
