"""Foreign errors of the S3 line as ours: what may be tried again, and that no foreign text passes."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Any

import pytest
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError, SSLError

from models.errors import (
    DiskFull,
    EvidenceBroken,
    NotFound,
    ObjectLocked,
    RollcallError,
    SettingInvalid,
    StorageError,
    StoreKeyRefused,
    StoreUnavailable,
)
from storage.objects.s3_connection import S3Access, S3Connection
from storage.objects.s3_errors import is_passing, translated
from storage.objects.s3_reader import _instant
from tests.hand_clock import HandClock

SECRET = "s3cr3t-in-a-foreign-text"
NONE: Any = None


def answered(code: str) -> S3Error:
    return S3Error(NONE, code, SECRET, SECRET, SECRET, SECRET)


CASES: list[tuple[Exception, type[RollcallError], bool]] = [
    (answered("NoSuchKey"), NotFound, False),
    (answered("NoSuchVersion"), NotFound, False),
    (answered("SlowDown"), StoreUnavailable, True),
    (answered("InternalError"), StoreUnavailable, True),
    (answered("XMinioStorageFull"), DiskFull, False),
    (answered("QuotaExceeded"), DiskFull, False),
    (answered("AccessDenied"), StoreKeyRefused, False),
    (answered("SignatureDoesNotMatch"), StoreKeyRefused, False),
    (answered("InvalidAccessKeyId"), StoreKeyRefused, False),
    (answered("UserSuspended"), StoreKeyRefused, False),
    (answered("ExpiredToken"), StoreKeyRefused, False),
    (answered("RequestTimeTooSkewed"), StorageError, False),
    (answered("NoSuchBucket"), StorageError, False),
    (answered("ObjectLocked"), ObjectLocked, False),
    (answered("Unheard"), StorageError, False),
    (ServerError(SECRET, 503), StoreUnavailable, True),
    (ServerError(SECRET, 400), StorageError, False),
    (InvalidResponseError(502, "text/html", SECRET), StoreUnavailable, True),
    (InvalidResponseError(200, "text/html", SECRET), StorageError, False),
    (MaxRetryError(NONE, SECRET, NewConnectionError(NONE, SECRET)), StoreUnavailable, True),
    (MaxRetryError(NONE, SECRET, SSLError(SECRET)), StorageError, False),
    (ReadTimeoutError(NONE, SECRET, SECRET), StoreUnavailable, True),
    (ProtocolError(SECRET), StoreUnavailable, True),
    (ConnectionResetError(SECRET), StoreUnavailable, True),
    (ssl.SSLError(SECRET), StoreUnavailable, True),
    (ValueError(SECRET), StorageError, False),
]


@pytest.mark.parametrize(
    ("foreign", "ours", "passing"), CASES, ids=lambda value: getattr(value, "code", None)
)
def test_each_foreign_error_has_one_of_ours_and_its_text_is_dropped(
    foreign: Exception, ours: type[RollcallError], passing: bool
) -> None:
    error = translated(foreign, "bucket/key")
    assert type(error) is ours
    assert is_passing(foreign) is passing
    assert SECRET not in str(error)
    assert error.place == "bucket/key"


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "UserSuspended", "AccessDenied"])
def test_a_key_that_was_withdrawn_is_named_with_the_next_step(code: str) -> None:
    told = str(translated(answered(code), "bucket"))
    assert f"refuses our key ({code})" in told
    assert "let it in again" in told
    assert {"ROLLCALL_S3_ACCESS_KEY", "ROLLCALL_S3_SECRET_KEY"} <= set(told.replace(",", " ").split())


def connection(**changes: Any) -> S3Connection:
    values = {"endpoint": "http://127.0.0.1:9", "bucket": "b", "access_key": "k", "secret_key": SECRET}
    return S3Connection(S3Access(**(values | changes)), HandClock(datetime(2026, 11, 23, tzinfo=UTC)))


@pytest.mark.parametrize("endpoint", ["", "store:9000", "ftp://store", "https://store/path", "https://"])
def test_an_address_that_cannot_work_is_named_as_a_setting(endpoint: str) -> None:
    with pytest.raises(SettingInvalid) as raised:
        connection(endpoint=endpoint)
    assert raised.value.place == "ROLLCALL_S3_ENDPOINT"


def test_a_refused_connection_opens_the_circuit_and_costs_few_calls() -> None:
    line, calls = connection(), []

    def act(client: Any) -> bool:
        calls.append(1)
        return bool(client.bucket_exists("bbb"))

    for _ in range(10):
        with pytest.raises(StoreUnavailable):
            line.ask("b", act)
    assert len(calls) == 5


def test_a_call_that_took_long_is_not_repeated_and_a_quick_failure_is() -> None:
    for seconds, expected in ((30, 1), (0, 3)):
        clock, calls = HandClock(datetime(2026, 11, 23, tzinfo=UTC)), []
        line = S3Connection(S3Access("http://127.0.0.1:9", "b", "k", SECRET), clock)

        def act(
            _client: Any, clock: HandClock = clock, calls: list[int] = calls, took: int = seconds
        ) -> None:
            calls.append(1)
            clock.forward(seconds=took)
            raise ReadTimeoutError(NONE, SECRET, SECRET)

        with pytest.raises(StoreUnavailable, match="in time"):
            line.ask("b", act)
        assert len(calls) == expected


def test_a_refused_connection_and_a_silent_server_are_told_apart() -> None:
    refused = MaxRetryError(NONE, SECRET, NewConnectionError(NONE, SECRET))
    silent = MaxRetryError(NONE, SECRET, ReadTimeoutError(NONE, SECRET, SECRET))
    assert "cannot be reached" in translated(refused, "b").message
    assert "in time" in translated(silent, "b").message


def test_the_secret_is_in_no_text_of_what_holds_it() -> None:
    access = S3Access("http://127.0.0.1:9", "b", "k", SECRET)
    assert SECRET not in repr(access)
    with pytest.raises(StoreUnavailable) as raised:
        connection().once("b", lambda client: client.bucket_exists("bbb"))
    assert SECRET not in f"{raised.value} {raised.value!r} {raised.value.__dict__}"
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2031-11-23T16:00:00Z", 0),
        ("2031-11-23T16:00:00.000Z", 0),
        ("2031-11-23T16:00:00.123Z", 123000),
        ("2031-11-23T16:00:00.123456789Z", 123456),
        ("2031-11-23T16:00:00.000000000Z", 0),
    ],
)
def test_lock_dates_are_read_with_any_number_of_digits(text: str, microsecond: int) -> None:
    assert _instant(text, "k") == datetime(2031, 11, 23, 16, 0, 0, microsecond, tzinfo=UTC)


def test_a_lock_date_that_cannot_be_read_is_an_evidence_fault() -> None:
    with pytest.raises(EvidenceBroken):
        _instant("soon", "k")
