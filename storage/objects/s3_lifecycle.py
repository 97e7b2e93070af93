"""Lifecycle rules that let the server itself expire what is free, below one prefix, and nothing sooner.

A versioned bucket needs three: one lays a delete marker over the current version, one removes versions that
are no longer current, one removes markers with nothing below them. A version whose retention runs is kept by
Object Lock whatever a rule says; the rules shorten only the time that a *free* version stays. They are set
where somebody asks, since deleting by rule leaves no tombstone in the evidence log.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule

from models.errors import EvidenceBroken, InvalidInput
from storage.objects.s3_connection import S3Connection

_NOT_CURRENT_DAYS = 1


def expiry_rules(prefix: str, kept_for: timedelta) -> LifecycleConfig:
    """The three rules: current after ``kept_for``, others a day later, markers at the end. Pure.

    Raises:
        InvalidInput: an empty prefix (it would hold for checkpoints and keys too), or less than a day.
    """
    days = kept_for.days
    if not prefix or days < 1:
        raise InvalidInput(
            "expiry needs a prefix and at least a day", place="expiry", hint="footage/, 1830 days"
        )
    chosen = Filter(prefix=prefix)
    name = prefix.strip("/").replace("/", "-")
    return LifecycleConfig(
        [
            Rule(ENABLED, rule_filter=chosen, rule_id=f"{name}-current", expiration=Expiration(days=days)),
            Rule(
                ENABLED,
                rule_filter=chosen,
                rule_id=f"{name}-not-current",
                noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=_NOT_CURRENT_DAYS),
            ),
            Rule(
                ENABLED,
                rule_filter=chosen,
                rule_id=f"{name}-markers",
                expiration=Expiration(expired_object_delete_marker=True),
            ),
        ]
    )


def set_expiry(connection: S3Connection, prefix: str, kept_for: timedelta) -> None:
    """Set the three rules, in place of all others of the bucket, and read them back.

    Raises:
        EvidenceBroken: the server shows others than it was given.
        InvalidInput, StorageError.
    """
    wanted = expiry_rules(prefix, kept_for)
    connection.ask(connection.place, lambda client: client.set_bucket_lifecycle(connection.bucket, wanted))
    if not has_expiry(connection, prefix, kept_for):
        raise EvidenceBroken(
            "the store does not keep the lifecycle rules it was given",
            place=connection.place,
            hint="look at the store's own administration",
        )


def has_expiry(connection: S3Connection, prefix: str, kept_for: timedelta) -> bool:
    """Whether exactly these rules are set; another rule could remove what nobody knows to be free."""
    found = connection.ask(connection.place, _reading(connection.bucket))
    return found == _told(expiry_rules(prefix, kept_for))


def _reading(bucket: str) -> Callable[[Minio], frozenset[tuple[object, ...]]]:
    def read(client: Minio) -> frozenset[tuple[object, ...]]:
        try:
            config = client.get_bucket_lifecycle(bucket)
        except S3Error as error:
            if error.code == "NoSuchLifecycleConfiguration":
                return frozenset()
            raise
        return _told(config) if config is not None else frozenset()

    return read


def _told(config: LifecycleConfig) -> frozenset[tuple[object, ...]]:
    """What each rule says, in whatever order and with whatever defaults a server returns it."""
    told: set[tuple[object, ...]] = set()
    for rule in config.rules:
        expiration, others = rule.expiration, rule.noncurrent_version_expiration
        told.add(
            (
                rule.rule_id,
                rule.status,
                rule.rule_filter.prefix if rule.rule_filter is not None else None,
                expiration.days if expiration is not None else None,
                bool(expiration.expired_object_delete_marker) if expiration is not None else False,
                others.noncurrent_days if others is not None else None,
                rule.transition is not None or rule.noncurrent_version_transition is not None,
            )
        )
    return frozenset(told)
