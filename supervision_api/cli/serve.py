"""``rollcall serve``: everything in one process tree."""

from __future__ import annotations

from typing import Annotated

import typer

from supervision_api.cli.output import Output, failures_told


def serve(
    demo: Annotated[
        bool, typer.Option("--demo", help="Seed a synthetic class with a lesson that starts now.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print address and log-in as one JSON document once ready.")
    ] = False,
) -> None:
    """Start console, API, recorders, recogniser and jobs. Ctrl-C closes segments and ends."""
    from supervision_api.logs import configure_logs
    from supervision_api.pipeline.server import run_server
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out):
        given = {"host": host, "port": port}
        settings = load_settings(**{name: value for name, value in given.items() if value is not None})
        configure_logs(settings.log_format, settings.log_level)
        run_server(settings, out, demo=demo)
