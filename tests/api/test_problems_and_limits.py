"""Errors as problem documents and pages; sizes, headers, ids, health, metrics."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from models import errors
from models.errors import DatabaseBusy, DiskFull, RollcallError, StorageError
from supervision_api import problems
from supervision_api.app import create_app
from supervision_api.console import phrases
from supervision_api.console.i18n import Languages
from supervision_api.metrics import Metrics
from supervision_api.services import Readiness
from tests.api.scene import JUDGED

DOCS = Path(__file__).resolve().parents[2] / "docs" / "guides"


def all_errors() -> list[type[RollcallError]]:
    known = [
        kind
        for module in (errors, problems)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, RollcallError)
    ]
    return sorted(set(known), key=lambda kind: kind.code)


def raised(kind: type[RollcallError]) -> RollcallError:
    extra = {"retry_after_s": 7} if kind is problems.TooManyAttempts else {}
    return kind("something is wrong", hint="do this", place="there", **extra)


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.code)
def test_every_error_has_a_status_of_its_own_row(kind: type[RollcallError]) -> None:
    assert kind in problems.STATUS
    assert 400 <= problems.status_of(raised(kind)) <= 599


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.code)
@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_every_error_has_a_sentence_in_both_languages(kind: type[RollcallError], locale: str) -> None:
    assert kind.code in phrases.ERROR
    said = phrases.say(Languages("zh_CN").get(locale), phrases.ERROR, kind.code)
    assert said != kind.code
    assert bool(re.search("[\u4e00-\u9fff]", said)) is (locale == "zh_CN")


def test_every_error_is_documented() -> None:
    told = (DOCS / "errors.md").read_text() + (DOCS / "api.md").read_text()
    assert [kind.code for kind in all_errors() if f"`{kind.code}`" not in told] == []


def app_raising(scene, error: Exception) -> TestClient:
    app = create_app(scene.services)

    @app.get("/api/v1/raises")
    @app.get("/console/raises")
    def raises() -> None:
        raise error

    return TestClient(app, raise_server_exceptions=False)


def test_every_error_becomes_a_problem_document(scene) -> None:
    for kind in all_errors():
        answer = app_raising(scene, raised(kind)).get("/api/v1/raises", headers={"Accept-Language": "en"})
        body = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.status_code == body["status"] == problems.status_of(raised(kind))
        assert body["type"] == f"urn:rollcall:error:{kind.code}"
        assert body["code"] == kind.code
        assert body["instance"] == "/api/v1/raises"
        assert body["request_id"] == answer.headers["x-request-id"]
        assert body["title"]


@pytest.mark.parametrize("error", [errors.SettingInvalid("secret path"), RuntimeError("secret path")])
def test_a_fault_tells_nothing_of_its_cause(scene, error: Exception) -> None:
    client = app_raising(scene, error)
    for path in ("/api/v1/raises", "/console/raises"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "secret path" not in answer.text
        assert answer.headers["x-request-id"] in answer.text


@pytest.mark.parametrize("error", [DatabaseBusy("locked"), StorageError("gone")])
def test_what_passes_by_itself_says_when_to_retry(scene, error: RollcallError) -> None:
    answer = app_raising(scene, error).get("/api/v1/raises")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_full_disk_is_told_to_people_in_their_language(scene) -> None:
    answer = app_raising(scene, DiskFull("no room")).get("/console/raises")
    assert answer.status_code == 507
    assert "磁盘已满" in answer.text


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("en", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("fr", "zh-CN"),
        ("en;q=0.1, zh;q=x", "en"),
        ("", "zh-CN"),
    ],
)
def test_a_problem_speaks_the_readers_language(visitor, header: str, tag: str) -> None:
    answer = visitor.get("/api/v1/flags", headers={"Accept-Language": header})
    assert answer.headers["content-language"] == tag


def test_a_malformed_body_names_its_fields_and_not_their_values(visitor) -> None:
    answer = visitor.post("/api/v1/session", json={"account": "operator", "password": "x" * 300, "extra": 1})
    assert answer.status_code == 422
    fields = [entry["field"] for entry in answer.json()["errors"]]
    assert fields == ["body.password", "body.extra"]
    assert "xxxx" not in answer.text


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'{"account": NaN}'])
def test_broken_json_is_refused_as_a_problem(visitor, body: bytes) -> None:
    answer = visitor.post("/api/v1/session", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/nothing", "/api/v1/lessons/none"])
def test_an_unknown_address_is_a_problem(operator, path: str) -> None:
    answer = operator.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_an_unknown_page_is_a_page(operator) -> None:
    answer = operator.get("/console/lessons/none")
    assert answer.status_code == 404
    assert "text/html" in answer.headers["content-type"]
    assert "您无权查看" in answer.text


def test_a_forbidden_page_is_a_page(visitor) -> None:
    answer = visitor.log_in("administrator").get("/console/flags")
    assert answer.status_code == 403
    assert "您的角色不能进行此操作" in answer.text


def test_another_method_is_a_problem(operator) -> None:
    assert operator.patch("/api/v1/classes").status_code == 405


@pytest.mark.parametrize(
    "path", ["/console/today", "/api/v1/session", "/healthz", "/console/static/app.css", "/none"]
)
def test_every_answer_carries_the_security_headers(operator, path: str) -> None:
    headers = operator.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_are_not_kept_by_a_shared_browser(operator) -> None:
    assert operator.get("/console/today").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-12345678", True), ("short", False), ("bad id\twith tab", False), ("x" * 65, False)],
)
def test_a_plain_request_id_is_kept_and_another_replaced(visitor, given: str, kept: bool) -> None:
    answer = visitor.get("/healthz", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"] == given) is kept


def test_a_declared_size_over_the_limit_is_refused(operator) -> None:
    answer = operator.post("/api/v1/classes", content=b"x" * (1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["code"] == "request_too_large"


def test_an_undeclared_size_over_the_limit_is_refused(operator) -> None:
    pieces = (b"x" * 65536 for _ in range(40))
    answer = operator.post("/api/v1/classes", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_an_upload_has_a_limit_of_its_own(scene) -> None:
    services = replace(scene.services, web=replace(scene.services.web, upload_limit_bytes=4096))
    client = TestClient(create_app(services))
    token = client.post("/api/v1/session", json={"account": "operator", "password": "three quiet classrooms"})
    client.headers["X-CSRF-Token"] = token.json()["csrf_token"]
    files = {"files": ("roster.zip", b"x" * 8192)}
    answer = client.post("/api/v1/classes/HZ-2026-014/roster/import", files=files)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/console/static/../app.py",
        "/console/static/%2e%2e/app.py",
        "/console/static/..%2f..%2fapp.py",
        "/console/static/%00",
    ],
)
def test_static_files_stay_in_their_folder(visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code in (303, 404)
    assert "create_app" not in answer.text


def test_health_answers_without_a_log_in(visitor) -> None:
    assert visitor.get("/healthz").json() == {"status": "ok"}


def test_ready_names_every_check(visitor) -> None:
    answer = visitor.get("/readyz")
    assert answer.status_code == 200, answer.text
    assert {check["name"] for check in answer.json()["checks"]} >= {"database", "object_store", "disk"}


def test_not_ready_says_why(scene) -> None:
    def recorder() -> tuple[Readiness, ...]:
        return (Readiness("recorders", False, "recorder_failed", "room-301"),)

    web = replace(scene.services.web, disk_reserve_bytes=2**60)
    client = TestClient(create_app(replace(scene.services, readiness=recorder, web=web)))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    failed = {check["name"]: check["reason"] for check in answer.json()["checks"] if not check["ok"]}
    assert failed == {"recorders": "recorder_failed", "disk": "disk_full"}


def test_a_store_and_a_database_that_fail_are_named(scene) -> None:
    class Gone:
        def list_versions(self, prefix: str) -> list[object]:
            raise StorageError("no answer")

    class NoLedger:
        def read(self) -> None:
            raise DatabaseBusy("locked")

    services = replace(scene.services, objects=Gone(), ledger=NoLedger())
    checks = {
        c["name"]: c["reason"] for c in TestClient(create_app(services)).get("/readyz").json()["checks"]
    }
    assert checks["database"] == "database_busy"
    assert checks["object_store"] == "storage_error"


def test_metrics_count_requests_by_route_and_name_nobody(operator) -> None:
    operator.get(f"/api/v1/lessons/{JUDGED}")
    text = operator.get("/metrics").text
    assert 'route="/api/v1/lessons/{lesson_id}"' in text
    assert JUDGED not in text
    assert 'rollcall_logins_total{outcome="accepted"} 1.0' in text


def test_every_metric_is_documented() -> None:
    told = (DOCS / "api.md").read_text()
    assert [name for name in Metrics().names() if f"`{name}" not in told] == []


def test_the_contract_is_published_with_every_route(visitor) -> None:
    paths = visitor.get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/lessons/{lesson_id}/attendance" in paths
    assert not [path for path in paths if path.startswith("/console")]
    operations = [op for path in paths.values() for op in path.values()]
    assert all(op.get("summary") for op in operations)
    ids = [op["operationId"] for op in operations]
    assert len(ids) == len(set(ids))
