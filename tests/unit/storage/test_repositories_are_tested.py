"""No method of a repository goes untested on either database."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from storage import repositories

# Fixtures that open SQLite here and PostgreSQL where services run.
_BOTH = re.compile(r"\b(ledger|with_lesson|enrolled|filled): ")


def test_every_method_of_a_repository_is_called_in_a_test_of_both_databases() -> None:
    """By name alone; what such a test asserts is for its reader."""
    folder = Path(__file__).parent
    files = (*folder.glob("test_*.py"), *(folder.parents[1] / "contract").glob("test_*.py"))
    tests = "".join(text for path in files if _BOTH.search(text := path.read_text("utf-8")))
    methods = {
        (kind.__name__, name)
        for kind in (getattr(repositories, exported) for exported in repositories.__all__)
        if kind.__name__.endswith("Repository")
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    assert len(methods) > 60
    assert {(kind, name) for kind, name in methods if not re.search(rf"\.{name}\(", tests)} == set()
