"""The way all commands speak: document or text, bar or none, failures with a next step."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass

import pytest
import typer
from rich.console import Console

from models import errors
from models.errors import InvalidInput, RollcallError, StreamDenied
from supervision_api.cli import output
from supervision_api.cli.output import Output, failures_told, usage_error


@pytest.fixture
def spoken(capsysbinary: pytest.CaptureFixture[bytes]):
    """What was said since the last look, on both streams, as text."""

    def read() -> tuple[str, str]:
        said = capsysbinary.readouterr()
        return said.out.decode(), said.err.decode()

    return read


@dataclass(frozen=True)
class Figures:
    name: str
    hours: float


def test_a_program_gets_the_document_and_no_line(spoken) -> None:
    out = Output(as_json=True)
    out.line("for people")
    out.document({"name": "王芳", "hours": 1.5})
    said, aside = spoken()
    assert json.loads(said) == {"name": "王芳", "hours": 1.5}
    assert "王芳" in said
    assert said.endswith("}\n")
    assert aside == ""


def test_a_person_gets_the_line_and_no_document(spoken) -> None:
    out = Output(as_json=False)
    out.line("3 trainees are enrolled")
    out.document({"trainees": 3})
    assert spoken() == ("3 trainees are enrolled\n", "")


def test_a_document_keeps_the_order_in_which_it_was_written(spoken) -> None:
    Output(as_json=True).document({"z": 1, "a": Figures("x", 0.5), 3: None})
    said, _ = spoken()
    assert list(json.loads(said)) == ["z", "a", "3"]
    assert json.loads(said)["a"] == {"name": "x", "hours": 0.5}


def test_figures_of_a_measurement_are_plain_numbers(spoken) -> None:
    numpy = pytest.importorskip("numpy")
    Output(as_json=True).document({"ratio": numpy.float32(0.5), "counts": numpy.arange(3)})
    assert json.loads(spoken()[0]) == {"ratio": 0.5, "counts": [0, 1, 2]}


@pytest.mark.parametrize("text", ["[red]x[/red]", "[/]", "a[b", "[bold", "[link=http://127.0.0.1]x[/link]"])
def test_brackets_in_a_name_are_not_taken_for_markup(spoken, text: str) -> None:
    Output(as_json=False).line(text, style="bold")
    assert text in spoken()[0]


def test_a_long_line_is_not_broken_in_a_pipe(spoken) -> None:
    Output(as_json=False).line("x" * 500)
    assert spoken()[0] == "x" * 500 + "\n"


def test_no_colour_reaches_a_pipe(spoken) -> None:
    out = Output(as_json=False)
    out.line("WRONG", style="bold red")
    out.side.print("aside", style="bold red")
    assert "\x1b" not in "".join(spoken())


@pytest.mark.parametrize("as_json", [True, False])
def test_there_is_no_bar_in_a_pipe(spoken, as_json: bool) -> None:
    with Output(as_json=as_json).progress("pulling") as bar:
        bar.done(0.5, "half")
        bar.done(1.0)
    assert spoken() == ("", "")


def terminal_output(*, as_json: bool) -> tuple[Output, io.StringIO]:
    out, screen = Output(as_json=as_json), io.StringIO()
    out.side = Console(file=screen, force_terminal=True, width=80)
    return out, screen


def test_a_terminal_gets_a_bar_that_says_what_is_done() -> None:
    out, screen = terminal_output(as_json=False)
    with out.progress("pulling") as bar:
        bar.done(0.5, "half the way")
    assert "half the way" in screen.getvalue()
    assert "50" in screen.getvalue()


def test_a_program_on_a_terminal_still_gets_no_bar() -> None:
    out, screen = terminal_output(as_json=True)
    with out.progress("pulling") as bar:
        bar.done(1.0, "all")
    assert screen.getvalue() == ""


def failed(error: BaseException, *, as_json: bool) -> int:
    with pytest.raises(typer.Exit) as left, failures_told(Output(as_json=as_json)):
        raise error
    return left.value.exit_code


def test_a_failure_is_one_document_for_a_program(spoken) -> None:
    error = InvalidInput("hours are a number", hint="write 1.5", place="row 3")
    assert failed(error, as_json=True) == 1
    said, aside = spoken()
    assert json.loads(said) == {
        "error": {
            "code": "invalid_input",
            "message": "hours are a number",
            "place": "row 3",
            "hint": "write 1.5",
        }
    }
    assert "row 3: hours are a number" in aside


def test_a_failure_tells_a_person_place_cause_and_next_step(spoken) -> None:
    assert failed(InvalidInput("hours are a number", hint="write 1.5", place="row 3"), as_json=False) == 1
    assert spoken() == ("", "row 3: hours are a number\n→ write 1.5\n")


def test_a_failure_without_place_and_hint_is_one_line(spoken) -> None:
    assert failed(InvalidInput("no"), as_json=False) == 1
    assert spoken() == ("", "no\n")


def every_error() -> list[type[RollcallError]]:
    return sorted(
        {
            kind
            for kind in vars(errors).values()
            if isinstance(kind, type) and issubclass(kind, RollcallError)
        },
        key=lambda kind: kind.code,
    )


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.code)
def test_every_error_of_the_tree_ends_a_command_with_its_code(spoken, kind: type[RollcallError]) -> None:
    assert failed(kind("something", hint="do this"), as_json=True) == 1
    assert json.loads(spoken()[0])["error"]["code"] == kind.code


def test_a_failure_s_brackets_are_shown_as_they_are(spoken) -> None:
    failed(InvalidInput("[red]x[/red]", hint="[b]", place="[i]"), as_json=False)
    assert spoken()[1] == "[i]: [red]x[/red]\n→ [b]\n"


def test_a_stopped_command_says_so_and_has_the_shell_s_code(spoken) -> None:
    assert failed(KeyboardInterrupt(), as_json=False) == 130
    assert spoken() == ("", "stopped\n")


def test_a_defect_is_not_dressed_up_as_a_failure() -> None:
    with pytest.raises(ZeroDivisionError), failures_told(Output(as_json=True)):
        raise ZeroDivisionError


def test_an_exit_code_of_the_command_s_own_passes() -> None:
    assert failed(typer.Exit(7), as_json=True) == 7


def test_no_foreign_error_hangs_on_to_a_told_one(spoken) -> None:
    """The cause may hold a camera's password; a traceback would print it."""

    def refused() -> None:
        try:
            raise ValueError("rtsp://u:hunter2@127.0.0.1")
        except ValueError:
            raise StreamDenied("refused") from None

    with pytest.raises(typer.Exit) as left, failures_told(Output(as_json=True)):
        refused()
    assert left.value.__cause__ is None
    assert left.value.__suppress_context__
    assert "hunter2" not in "".join(spoken())


@pytest.mark.parametrize("as_json", [True, False])
def test_a_usage_error_exits_two_with_a_hint(spoken, as_json: bool) -> None:
    left = usage_error(Output(as_json=as_json), "there is no role 'king'", "one of: operator")
    assert left.exit_code == output.USAGE == 2
    said, aside = spoken()
    assert aside == "there is no role 'king'\n→ one of: operator\n"
    if as_json:
        assert json.loads(said)["error"] == {
            "code": "usage",
            "message": "there is no role 'king'",
            "place": "",
            "hint": "one of: operator",
        }
    else:
        assert said == ""


def test_failure_and_usage_are_different_codes() -> None:
    assert (output.FAILURE, output.USAGE) == (1, 2)


def test_the_document_is_flushed_before_the_command_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """``serve --json`` prints its address and goes on running: a reader waits for that line."""
    flushed = []

    class Pipe(io.TextIOWrapper):
        pass

    raw = io.BytesIO()
    raw.flush = lambda: flushed.append(raw.getvalue())  # type: ignore[method-assign]
    pipe = Pipe(raw, encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", pipe)
    Output(as_json=True).document({"port": 8420})
    assert flushed[-1] == b'{\n  "port": 8420\n}\n'
