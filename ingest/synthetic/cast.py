"""The cast: people chosen from many seeds because the encoder tells them apart well."""

from __future__ import annotations

from ingest.synthetic.traits import Traits, traits_from_seed
from models.errors import InvalidInput

_CHOSEN = """
1302 4083 4402 3545 1170 720 1597 498 546 116 2296 4559 3886 807 3673 2314 1483 0 903 4209
2366 1139 3425 1166 2928 3046 279 992 2798 4300 4276 2187 2743 1355 505 1621 352 2979 644
3017 69 3851 4085 2745 3536 1077 135 2386 4754 2111
"""
CAST_SEEDS: tuple[int, ...] = tuple(int(seed) for seed in _CHOSEN.split())
"""Seeds in the order in which they were chosen: each is as far as possible from all before it."""

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_FEMALE_NAMES = ("秀英", "丽", "敏", "静怡", "桂兰", "雪梅", "晓燕", "玉华", "佳", "春霞", "婷", "红")
_MALE_NAMES = ("建国", "伟", "志强", "磊", "海涛", "明", "永胜", "俊杰", "洪波", "鹏", "国庆", "浩")


def member(index: int) -> Traits:
    """The cast's person of that number, from 0.

    Raises:
        InvalidInput: the cast is smaller.
    """
    if not 0 <= index < len(CAST_SEEDS):
        raise InvalidInput(
            f"the cast has {len(CAST_SEEDS)} people, number {index} is not among them",
            hint="use fewer seats or fewer strangers",
        )
    return traits_from_seed(CAST_SEEDS[index])


def name_of(index: int) -> str:
    """A made-up Chinese name, unique in the cast."""
    names = _FEMALE_NAMES if member(index).female else _MALE_NAMES
    surname = _SURNAMES[index % len(_SURNAMES)]
    return surname + names[(index * 5 + index // len(_SURNAMES) * 3) % len(names)]
