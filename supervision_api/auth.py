"""Log-in and sessions: who calls, by which session, and whether a write may come from this page.

A session is a random token in a cookie; the database knows only its SHA-256. The CSRF token is derived
from the session's token, so a page of another origin, which cannot read the cookie, cannot make it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from models.errors import InvalidInput, NotAllowed, NotAuthenticated
from models.plain_text import unfit_character
from models.register import LoginSession, Role, User
from supervision_api.auth_permissions import Permission, may
from supervision_api.auth_throttle import Throttle
from supervision_api.problems import CsrfRefused, TooManyAttempts
from supervision_api.services import Services

SESSION_COOKIE = "rollcall_session"
VISITOR_COOKIE = "rollcall_visitor"
LOCALE_COOKIE = "rollcall_locale"
# a browser keeps the prefix only on a Secure cookie without Domain: a sub-domain cannot plant it.
SECURE_PREFIX = "__Host-"
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is logged in on this request. ``csrf``: the token this session's writes must carry."""

    user: User
    token_hash: str = field(repr=False)
    csrf: str = field(repr=False)

    @property
    def actor(self) -> str:
        """The name written into records."""
        return self.user.name

    def may(self, permission: Permission) -> bool:
        return may(self.user.role, permission)

    def require(self, permission: Permission) -> None:
        """Raises ``NotAllowed`` where the role lacks the permission."""
        if not self.may(permission):
            raise NotAllowed(
                f"the role {self.user.role} may not do this",
                hint="ask someone whose role may",
                place=permission,
            )


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A fresh session: ``token`` goes into the cookie and nowhere else."""

    user: User
    token: str = field(repr=False)
    csrf: str = field(repr=False)
    expires_at: datetime


def new_token() -> str:
    """A token nobody guesses: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """SHA-256 of a token as hex: what the database keeps."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(token: str) -> str:
    """The CSRF token that belongs to a session's (or visitor's) token."""
    return hmac.new(token.encode(), b"rollcall csrf", hashlib.sha256).hexdigest()


def check_csrf(token: str, given: str | None) -> None:
    """Raises ``CsrfRefused`` unless ``given`` belongs to ``token``; compared in constant time."""
    if not hmac.compare_digest(csrf_of(token).encode(), (given or "").encode()):
        raise CsrfRefused("the request lacks this session's token", hint="load the page again and retry")


def log_in(services: Services, name: str, password: str, address: str) -> LoggedIn:
    """Check an account and open a session.

    Every failure looks the same: unknown account, wrong password and disabled account take the same work
    and give the same answer. Attempts wait by account and by address.

    Raises:
        NotAuthenticated: refused.
        TooManyAttempts: refused before looking; says how long to wait.
    """
    throttle = Throttle.of(name, address)
    now = services.clock.now()
    try:
        # counted before the slow check: a hundred guesses at once must not all pass the gate together.
        with services.ledger.write() as work:
            throttle.admit(work.logins, now)
            # what no database keeps names no account.
            user = None if unfit_character(name) else work.users.by_name(name.strip())
    except TooManyAttempts:
        services.metrics.logins.labels("throttled").inc()
        raise
    usable = user is not None and user.enabled and user.role is not Role.PLATFORM
    matches = services.passwords.matches(user.password_hash if user and usable else None, password)
    if user is None or not matches:
        services.metrics.logins.labels("refused").inc()
        raise NotAuthenticated("account and password do not fit", hint="check both and retry")
    token = new_token()
    session = LoginSession(
        hash_token(token), hash_token(csrf_of(token)), user.user_id, now, now + services.web.session_lifetime
    )
    # hashing is slow on purpose and must not hold the database's write lock.
    renewed = services.passwords.renewed(user.password_hash, password)
    with services.ledger.write() as work:
        throttle.forgive(work.logins)
        work.logins.forget_expired(now)
        work.logins.open(session)
        if renewed is not None:
            work.users.change(replace(work.users.get(user.user_id), password_hash=renewed))
    services.metrics.logins.labels("accepted").inc()
    return LoggedIn(user, token, csrf_of(token), session.expires_at)


def find_caller(services: Services, token: str | None) -> Caller | None:
    """The caller of a session cookie; ``None`` where it is unknown, expired or of a disabled account."""
    if not token:
        return None
    now = services.clock.now()
    with services.ledger.read() as work:
        session = work.logins.find(hash_token(token), now)
        user = work.users.get(session.user_id) if session else None
    if user is None or not user.enabled:
        return None
    return Caller(user, hash_token(token), csrf_of(token))


def log_out(services: Services, caller: Caller) -> None:
    """End the session; its cookie is worth nothing from now on."""
    with services.ledger.write() as work:
        work.logins.close(caller.token_hash)


def choose_locale(services: Services, caller: Caller, locale: str, known: Callable[[str], bool]) -> None:
    """Remember an account's language.

    Raises:
        InvalidInput: no such language.
    """
    if not known(locale):
        raise InvalidInput(f"no language {locale!r}", hint="choose zh_CN or en")
    with services.ledger.write() as work:
        work.users.change(replace(work.users.get(caller.user.user_id), locale=locale))


def cookie_name(base: str, *, https: bool) -> str:
    """The cookie's full name."""
    return f"{SECURE_PREFIX}{base}" if https else base
