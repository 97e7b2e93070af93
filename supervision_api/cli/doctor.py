"""``rollcall doctor``: is this installation sound, and if not, what next."""

from __future__ import annotations

from typing import Annotated

import typer

from supervision_api.cli.output import FAILURE, Output, failures_told


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Check settings, keys, database, evidence log, store, disk, networks. Exit 1 when something is wrong."""
    from supervision_api.pipeline.check_up import check_up
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out):
        findings = check_up(load_settings())
    for finding in findings:
        sign, style = ("ok   ", "green") if finding.ok else ("WRONG", "bold red")
        out.line(f"{sign}  {finding.name:<14} {finding.detail}", style=style)
        if finding.hint:
            out.line(f"       → {finding.hint}")
    out.document(
        {
            "sound": all(f.ok for f in findings),
            "findings": [{"name": f.name, "ok": f.ok, "detail": f.detail, "hint": f.hint} for f in findings],
        }
    )
    if not all(f.ok for f in findings):
        raise typer.Exit(FAILURE)
