"""``rollcall store``: the object store, tried."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from supervision_api.cli import store_room
from supervision_api.cli.output import FAILURE, Output, failures_told

if TYPE_CHECKING:
    from models.evidence import JsonValue
    from models.store_trial import StoreTrial

group = typer.Typer(help="The object store.", no_args_is_help=True)
group.command("forecast")(store_room.forecast)
group.command("expiring")(store_room.expiring)


@group.callback()
def _group() -> None:
    """The object store."""


@group.command("canary")
def canary(
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Lock small objects for a minute and try to delete, shorten and overwrite them. Exit 1: a lock broke.

    The trial is a record in the evidence log.
    """
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out), open_installation(load_settings()) as house:
        trial = house.trials.run()
    for one in trial.results:
        style = {"held": "green", "repaired": "yellow"}.get(one.outcome.value, "bold red")
        out.line(f"{one.outcome.value:<9} {one.way.value:<7} {one.check.value:<13} {one.detail}", style=style)
    out.line("")
    out.line(f"{trial.store}: {trial.capabilities}, {_summary(trial)}", style="bold")
    out.document(_document(trial))
    if not trial.sound:
        raise typer.Exit(FAILURE)


@group.command("expiry")
def expiry(
    prefix: Annotated[str, typer.Argument(help="Keys the rules hold for, such as footage/ or canary/.")],
    days: Annotated[int, typer.Option(min=1, help="Days after which a free object goes.")],
    set_rules: Annotated[bool, typer.Option("--set", help="Set the rules, in place of all others.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Whether the S3 server itself expires what is free. Exit 1: it does not, or has other rules.

    What is locked stays, whatever a rule says. A rule leaves no record in the evidence log.
    """
    from datetime import timedelta

    from storage.objects.s3_connection import S3Connection
    from storage.objects.s3_lifecycle import has_expiry, set_expiry
    from supervision_api.clock import SystemClock
    from supervision_api.pipeline.opened_store import s3_access
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out), closing(S3Connection(s3_access(load_settings()), SystemClock())) as connection:
        if set_rules:
            set_expiry(connection, prefix, timedelta(days=days))
        found = has_expiry(connection, prefix, timedelta(days=days))
    out.line(f"{connection.place}: {'three rules' if found else 'no such rules'} for {prefix}, {days} days")
    out.document({"store": connection.place, "prefix": prefix, "days": days, "set": found})
    if not found:
        raise typer.Exit(FAILURE)


def _summary(trial: StoreTrial) -> str:
    return {
        "held": "locks hold",
        "repaired": "locks hold; some were lost when writing and had to be set again",
        "broken": "locks do NOT hold: footage here can be removed or changed before its date",
    }[trial.verdict.value]


def _document(trial: StoreTrial) -> dict[str, JsonValue]:
    from models.evidence_leaves import json_of

    return json_of(trial) | {"verdict": trial.verdict.value, "sound": trial.sound}
