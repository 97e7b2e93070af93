"""``rollcall verify``: the same check that every bundle carries in its verify.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE_OR_DIR", help="A bundle: folder or zip.")],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="Public keys you trust, a file or folder; else the bundle's own."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Check footage and records of a bundle without trusting the system that made it.

    Exit codes: 0 whole, 10 altered, 11 missing, 12 reordered or truncated, 13 bad or unknown signature,
    14 retention lock missing, 2 usage.
    """
    from storage.verifier.verify import main as verify_main

    arguments = [str(bundle)]
    if keys is not None:
        arguments += ["--keys", str(keys)]
    if as_json:
        arguments.append("--json")
    sys.exit(verify_main(arguments))
