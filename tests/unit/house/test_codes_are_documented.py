"""docs/guides/codes.md names every status, mark, flag, reason and roster problem with both sentences."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from models import label_texts, problem_texts, reason_texts
from models.texts import Text

CODES = Path(__file__).resolve().parents[3] / "docs" / "guides" / "codes.md"
TABLES = [
    (f"{module.__name__}.{name}", table)
    for module in (label_texts, reason_texts, problem_texts)
    for name, table in vars(module).items()
    if isinstance(table, MappingProxyType) and all(isinstance(text, Text) for text in table.values())
]


def _as_met(code: object) -> str:
    """A table over several enumerations has (enumeration, value) for keys; users meet the value."""
    return str(code[1] if isinstance(code, tuple) else getattr(code, "value", code))


@pytest.mark.parametrize(("name", "table"), TABLES, ids=[name for name, _ in TABLES])
def test_every_code_of_a_table_is_on_the_page(name: str, table: MappingProxyType[str, Text]) -> None:
    page = CODES.read_text()
    missing = [
        str(code)
        for code, text in table.items()
        if f"| `{_as_met(code)}` | {text.zh} | {text.en} |" not in page
    ]
    assert missing == [], f"{name}: renew docs/guides/codes.md"


def test_codes_are_written_as_users_meet_them() -> None:
    assert "<enum" not in CODES.read_text()


def test_there_are_tables_to_look_at() -> None:
    assert len(TABLES) >= 5
