"""``rollcall``: its commands and what they share. Each command loads what it needs only when it runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from supervision_api.cli import (
    attend,
    bench,
    calibrate,
    camera,
    db,
    doctor,
    enrol,
    evidence,
    export,
    serve,
    store,
    user,
    verify,
    weights,
)

application = typer.Typer(
    name="rollcall",
    help="Real-name attendance by face, with footage and evidence that can be checked for five years.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)
application.command("serve")(serve.serve)
application.command("attend")(attend.attend)
application.command("verify")(verify.verify)
application.command("enrol")(enrol.enrol)
application.command("calibrate")(calibrate.calibrate)
application.command("doctor")(doctor.doctor)
application.add_typer(camera.group, name="camera")
application.add_typer(weights.group, name="models")
application.add_typer(export.group, name="export")
application.add_typer(evidence.group, name="evidence")
application.add_typer(bench.group, name="bench")
application.add_typer(db.group, name="db")
application.add_typer(store.group, name="store")
application.add_typer(user.group, name="user")


def _show_version(asked: bool) -> None:
    if asked:
        try:
            typer.echo(f"rollcall {version('rollcall')}")
        except PackageNotFoundError:
            typer.echo("rollcall (not installed)")
        raise typer.Exit


@application.callback()
def root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Shared options."""


def main() -> None:
    """Entry point of the console script."""
    application()
