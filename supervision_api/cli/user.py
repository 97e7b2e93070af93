"""``rollcall user``: people who may log in."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from supervision_api.cli.output import Output, failures_told, usage_error

group = typer.Typer(help="People who may log in.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """People who may log in."""


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Log-in name.")],
    role: Annotated[
        str,
        typer.Option(help="operator, instructor, supervisor, chief, inspector, auditor or administrator."),
    ] = "operator",
    display_name: Annotated[str, typer.Option(help="Name as shown.")] = "",
    locale: Annotated[str, typer.Option(help="zh_CN or en.")] = "zh_CN",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password's one line from standard input.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Add a person. Without a terminal or --password-stdin a password is made and printed once."""
    from models.register import Role
    from supervision_api.auth_passwords import Passwords
    from supervision_api.pipeline.accounts import add_user
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    roles = {r.value: r for r in Role if r is not Role.PLATFORM}
    if role not in roles:
        raise usage_error(out, f"there is no role {role!r}", f"one of: {', '.join(roles)}")
    if locale not in ("zh_CN", "en"):
        raise usage_error(out, f"there is no locale {locale!r}", "zh_CN or en")
    with failures_told(out):
        password, made = _password(as_json=as_json, from_stdin=password_stdin)
        with open_installation(load_settings()) as house:
            user = add_user(house.ledger, Passwords(), name, password, roles[role], display_name, locale)
        out.line(f"{user.name} may log in as {user.role.value}")
        if made:
            out.line(f"password (shown once): {password}")
        out.document({"name": user.name, "role": user.role.value, "password": password if made else None})


def _password(*, as_json: bool, from_stdin: bool) -> tuple[str, bool]:
    """The password and whether it was made here."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if not as_json and sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)), False
    return secrets.token_urlsafe(12), True
