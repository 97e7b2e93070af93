"""Accounts from the command line and the demonstration."""

from __future__ import annotations

from dataclasses import replace

from models.errors import InvalidInput
from models.register import Role, User
from storage.unit_of_work import Ledger
from supervision_api.auth_passwords import Passwords

LONGEST_NAME = 64


def add_user(
    ledger: Ledger,
    passwords: Passwords,
    name: str,
    password: str,
    role: Role,
    display_name: str = "",
    locale: str = "zh_CN",
) -> User:
    """A new account.

    Raises:
        InvalidInput: empty or odd name, or a password that is too short.
        Conflict: the name is taken.
    """
    clean = name.strip()
    if not clean or len(clean) > LONGEST_NAME or not clean.isprintable():
        raise InvalidInput("a log-in name has 1 to 64 printable characters", place="name")
    user = User(clean, passwords.hash(password), role, display_name.strip() or clean, locale)
    with ledger.write() as work:
        return work.users.add(user)


def set_password(ledger: Ledger, passwords: Passwords, name: str, password: str) -> None:
    """A new password for an existing account; its sessions end."""
    hashed = passwords.hash(password)
    with ledger.write() as work:
        user = work.users.by_name(name)
        if user is None:
            raise InvalidInput(f"there is no account {name}", place="name")
        work.users.change(replace(user, password_hash=hashed))
        work.logins.close_all(user.user_id)
