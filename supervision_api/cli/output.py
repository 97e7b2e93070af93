"""What commands print: one JSON document on stdout with ``--json``, otherwise text; logs go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from models.errors import RollcallError

FAILURE = 1
USAGE = 2

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


class Output:
    """One command's way to speak. ``as_json``: the reader is a program."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.text = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.side = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def document(self, value: object) -> None:
        """Prints the machine-readable document; nothing when the reader is a person."""
        if self.as_json:
            sys.stdout.buffer.write(orjson.dumps(value, option=_OPTIONS) + b"\n")
            sys.stdout.buffer.flush()

    def line(self, text: str, *, style: str = "") -> None:
        """Prints a line for a person; nothing with ``--json``."""
        if not self.as_json:
            self.text.print(text, style=style or None, markup=False)

    @contextmanager
    def progress(self, title: str) -> Iterator[ProgressBar]:
        """A bar on a terminal, nothing in a pipe."""
        if self.as_json or not self.side.is_terminal:
            yield ProgressBar(None, None)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with Progress(*columns, TimeRemainingColumn(), console=self.side, transient=True) as bar:
            yield ProgressBar(bar, bar.add_task(title, total=1.0))


class ProgressBar:
    """A share done, 0 to 1, and what is being done."""

    def __init__(self, bar: Progress | None, task: Any) -> None:
        self._bar = bar
        self._task = task

    def done(self, share: float, what: str = "") -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=share)
            if what:
                self._bar.update(self._task, description=what)


@contextmanager
def failures_told(out: Output) -> Iterator[None]:
    """Turns domain errors into exit 1 with cause and next step; a defect still shows itself."""
    try:
        yield
    except RollcallError as exc:
        out.document(
            {"error": {"code": exc.code, "message": exc.message, "place": exc.place, "hint": exc.hint}}
        )
        where = f"{exc.place}: " if exc.place else ""
        out.side.print(f"{where}{exc.message}", style="bold red", markup=False)
        if exc.hint:
            out.side.print(f"→ {exc.hint}", markup=False)
        raise typer.Exit(FAILURE) from None
    except KeyboardInterrupt:
        out.side.print("stopped")
        raise typer.Exit(130) from None


def usage_error(out: Output, message: str, hint: str) -> typer.Exit:
    """Exit 2 with a hint."""
    out.document({"error": {"code": "usage", "message": message, "place": "", "hint": hint}})
    out.side.print(message, style="bold red", markup=False)
    out.side.print(f"→ {hint}", markup=False)
    return typer.Exit(USAGE)
