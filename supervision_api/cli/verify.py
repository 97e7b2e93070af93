"""``rollcall verify``: the same check that every bundle carries in its verify.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from storage.verifier.tokens import CheckedToken


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE_OR_DIR", help="A bundle: folder or zip.")],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="Public keys you trust, a file or folder; else the bundle's own."),
    ] = None,
    tsa_ca: Annotated[
        Path | None,
        typer.Option(
            "--tsa-ca", help="Roots (PEM) of time-stamp authorities you trust: checks their tokens."
        ),
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
    if tsa_ca is None:
        sys.exit(verify_main([*arguments, "--json"] if as_json else arguments))
    sys.exit(_with_tokens(arguments, bundle, tsa_ca, as_json=as_json))


def _with_tokens(arguments: list[str], bundle: Path, tsa_ca: Path, *, as_json: bool) -> int:
    """The ordinary check, and each token's; one that does not hold is a bad signature (13)."""
    import contextlib
    import io
    import json

    from storage.time_tokens import read_roots
    from storage.verifier.tokens import check_tokens
    from storage.verifier.verify import SIGNATURE
    from storage.verifier.verify import main as verify_main
    from supervision_api.cli.output import Output, failures_told

    output = Output(as_json=as_json)
    with failures_told(output):
        roots, said = read_roots(tsa_ca), io.StringIO()
        with contextlib.redirect_stdout(said) if as_json else contextlib.nullcontext():
            code = verify_main([*arguments, "--json"] if as_json else arguments)
        tokens = check_tokens(bundle, roots)
        for token in tokens:
            output.line(_line(token), style="bold red" if token.problem else "")
        code = SIGNATURE if any(token.problem for token in tokens) else code
        if as_json:
            document = json.loads(said.getvalue())
            listed = [
                {"name": t.name, "note": t.note, "at": t.at, "authority": t.authority, "problem": t.problem}
                for t in tokens
            ]
            output.document({**document, "exit_code": code, "timestamps": listed})
    return code


def _line(token: CheckedToken) -> str:
    if token.problem or token.at is None:
        return f"bad or unknown signature 签名无效或密钥未知: {token.name}: {token.problem}"
    return f"{token.note} existed at {token.at:%Y-%m-%d %H:%M:%S} UTC, says {token.authority}"
