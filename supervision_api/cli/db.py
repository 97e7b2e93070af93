"""``rollcall db``: the database's schema."""

from __future__ import annotations

from typing import Annotated

import typer

from supervision_api.cli.output import Output, failures_told

group = typer.Typer(help="The database.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """The database."""


@group.command("upgrade")
def upgrade(
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Bring the schema to this version's form. Safe to repeat; nothing is deleted."""
    from storage.database import upgrade as upgrade_schema
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out):
        settings = load_settings()
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        upgrade_schema(settings.database_address(), busy_wait_s=settings.database_wait_s)
        out.line("the schema is that of this release")
        out.document({"current": True})
