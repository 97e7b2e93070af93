"""``rollcall doctor``: is this installation sound, and if not, what next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from supervision_api.cli.output import FAILURE, Output, failures_told

if TYPE_CHECKING:
    from supervision_api.pipeline.index_rebuild import IndexRebuilt
    from supervision_api.settings import Settings


def doctor(
    confirm_time: Annotated[
        str,
        typer.Option(
            "--confirm-time", metavar="NAME", help="You looked at this machine's date: it is right."
        ),
    ] = "",
    renew_vault: Annotated[
        str,
        typer.Option("--renew-vault", metavar="NAME", help="New vault key; every secret encrypted anew."),
    ] = "",
    rebuild_index: Annotated[
        bool,
        typer.Option("--rebuild-index", help="The database is lost: make it anew from the object store."),
    ] = False,
    renew_signing_key: Annotated[
        str,
        typer.Option("--renew-signing-key", metavar="NAME", help="New key that signs the evidence log."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Check settings, keys, database, evidence log, store, clock, disk, networks. Exit 1: something is wrong.

    The options act before the check; the evidence log keeps the name that is given, and that it was rebuilt.
    """
    from supervision_api.pipeline.check_up import check_up
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out):
        rebuilt = _rebuild(load_settings()) if rebuild_index else None
        acts = _act(load_settings(), confirm_time, renew_vault, renew_signing_key)
        findings = check_up(load_settings())
    for act in (*(rebuilt.lines() if rebuilt else ()), *acts):
        out.line(act)
    for finding in findings:
        sign, style = ("ok   ", "green") if finding.ok else ("WRONG", "bold red")
        out.line(f"{sign}  {finding.name:<14} {finding.detail}", style=style)
        if finding.hint:
            out.line(f"       → {finding.hint}")
    out.document(
        {
            "acts": list(acts),
            "sound": all(f.ok for f in findings),
            "findings": [{"name": f.name, "ok": f.ok, "detail": f.detail, "hint": f.hint} for f in findings],
            **({"rebuilt": rebuilt.document()} if rebuilt else {}),
        }
    )
    if not all(f.ok for f in findings):
        raise typer.Exit(FAILURE)


def _rebuild(settings: Settings) -> IndexRebuilt:
    from supervision_api.pipeline.index_rebuild import rebuild_index

    return rebuild_index(settings)


def _act(
    settings: Settings, confirm_time: str, renew_vault: str, renew_signing_key: str = ""
) -> tuple[str, ...]:
    from supervision_api.pipeline import upkeep
    from supervision_api.pipeline.installation import open_installation

    if not (confirm_time or renew_vault or renew_signing_key):
        return ()
    acts: list[str] = []
    with open_installation(settings) as house:
        if confirm_time:
            confirmed = upkeep.confirm_time(house, confirm_time)
            acts.append(f"the time {confirmed:%Y-%m-%d %H:%M:%S} UTC is confirmed")
        if renew_vault:
            renewed = upkeep.renew_vault(house, renew_vault)
            acts.append(f"{renewed.values} values are under key {renewed.key_id} now")
            acts.append(f"back up {settings.keys_dir} again")
        if renew_signing_key:
            old, new = upkeep.renew_signing_key(house, renew_signing_key)
            acts.append(f"the log was handed over from key {old.fingerprint}")
            acts.append(f"to key {new.fingerprint}: publish it (rollcall evidence keys)")
            acts.append(f"back up {settings.keys_dir} again")
    return tuple(acts)
