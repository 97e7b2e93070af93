"""Entity tags: a revision as ETag, and the check that a change starts from it (RFC 9110 section 13)."""

from __future__ import annotations

from supervision_api.problems import PreconditionFailed, PreconditionRequired


def etag_of(revision: int) -> str:
    """The strong entity tag of a revision."""
    return f'"{revision}"'


def require_match(if_match: str | None, revision: int) -> None:
    """Let a change pass only if it was made from the present revision.

    Raises:
        PreconditionRequired: no ``If-Match``.
        PreconditionFailed: it names another revision.
    """
    if not if_match:
        raise PreconditionRequired("a change needs If-Match", hint="send the ETag of what you read")
    given = {tag.strip().removeprefix("W/") for tag in if_match.split(",")}
    if "*" not in given and etag_of(revision) not in given:
        raise PreconditionFailed(
            "it was changed since you read it", hint="load it again and repeat the change"
        )
