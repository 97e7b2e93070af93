"""The cast: people chosen from many seeds because the encoder tells them apart well."""

from __future__ import annotations

from ingest.synthetic.traits import Traits, traits_from_seed
from models.errors import InvalidInput

_CHOSEN = """
1302 4083 1615 3545 3320 4710 2882 3842 1755 4754 1987 1297 2296 3110 903 627 4541 3500 4745
2240 3017 3613 4593 1863 4592 3515 116 375 1779 3886 370 546 2018 69 4284 397 4209 108
2650 4675 1924 2366 716 3987 3674 4335 4685 2711 3487 1928
"""
CAST_SEEDS: tuple[int, ...] = tuple(int(seed) for seed in _CHOSEN.split())
"""Seeds in the order in which they were chosen: each is as far as possible from all before it.

Two of the first forty then changed places with spare people from the end: at a classroom's size their glasses
or lips led the landmark predictor astray (``python -m tests.benchmarks.cast_in_class``).
"""

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
