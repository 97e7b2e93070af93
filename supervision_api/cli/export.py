"""``rollcall export``: evidence bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from supervision_api.cli.output import Output, failures_told

group = typer.Typer(help="Evidence bundles.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Evidence bundles."""


@group.command("lesson")
def lesson(
    lesson_id: Annotated[str, typer.Argument(metavar="ID", help="The lesson's id.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write; the lesson's id unless given.")
    ] = None,
    footage: Annotated[
        bool, typer.Option("--footage/--hashes", help="With the footage, or only its hashes.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Write the bundle of a judged lesson. Taking it out is itself a leaf of the evidence log."""
    from storage.bundle_evidence import FootageMode
    from supervision_api.pipeline.bundling import write_lesson_bundle
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.settings import load_settings

    output = Output(as_json=as_json)
    with failures_told(output), open_installation(load_settings()) as house:
        mode = FootageMode.INCLUDED if footage else FootageMode.HASHES
        target = out or Path(lesson_id)
        written = write_lesson_bundle(house, lesson_id, "rollcall export", target, mode)
        for problem in written.problems:
            output.line(problem, style="bold red")
        output.line(f"written to {target}; check it with: rollcall verify {target}")
        output.document({"out": str(target), "files": len(written.files), "problems": list(written.problems)})
