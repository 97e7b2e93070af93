"""Classes, cameras, lessons over the API: created once, changed from what was read, paged; hostile input."""

from __future__ import annotations

import json

import pytest

from models.evidence import LeafKind
from storage.leaf_store import LeafQuery
from supervision_api.actions.cameras import checked_address, shown_address
from tests.api.scene import CAMERA, CLASS, JUDGED, LIVE, NASTY, SECRET_ADDRESS

LESSON = {
    "class_code": CLASS,
    "title": "第4课",
    "starts_at": "2026-11-24T09:00:00+08:00",
    "ends_at": "2026-11-24T09:45:00+08:00",
    "cameras": [CAMERA],
    "policy": {"late_after": "3m"},
}


def test_a_class_is_created_read_and_listed(operator) -> None:
    made = operator.post("/api/v1/classes", json={"code": "C-1", "name": "家政", "starts_on": "2026-12-01"})
    assert made.status_code == 201
    assert made.headers["etag"] == '"1"'
    read = operator.get("/api/v1/classes/C-1")
    assert read.json() == made.json()
    assert read.headers["etag"] == '"1"'
    assert "C-1" in [one["code"] for one in operator.get("/api/v1/classes").json()["items"]]


@pytest.mark.parametrize(
    "body",
    [
        {"code": "../etc", "name": "x"},
        {"code": "a/b", "name": "x"},
        {"code": "", "name": "x"},
        {"code": "x" * 65, "name": "x"},
        {"code": "C-2", "name": "  "},
        {"code": "C-2", "name": "x", "nmae": "y"},
        {"code": "C-2", "name": "x", "starts_on": "2026-12-01", "ends_on": "2026-11-01"},
        {"code": "C-2", "name": "x", "policy": {"late_aftr": "5m"}},
        {"code": "C-2", "name": "x", "policy": {"late_after": "-5m"}},
    ],
)
def test_a_bad_class_is_refused_with_the_field(operator, body) -> None:
    answer = operator.post("/api/v1/classes", json=body)
    assert answer.status_code == 422
    assert answer.json()["place"] or answer.json()["errors"]


def test_a_code_is_taken_once(operator) -> None:
    assert operator.post("/api/v1/classes", json={"code": CLASS, "name": "x"}).status_code == 409


def test_a_repeated_key_creates_once_and_answers_the_same(operator) -> None:
    body, key = {"code": "C-3", "name": "一次"}, {"Idempotency-Key": "9c2b"}
    first = operator.post("/api/v1/classes", json=body, headers=key)
    again = operator.post("/api/v1/classes", json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"]


def test_a_key_belongs_to_its_request(operator) -> None:
    key = {"Idempotency-Key": "9c2b"}
    operator.post("/api/v1/classes", json={"code": "C-3", "name": "a"}, headers=key)
    other = operator.post("/api/v1/classes", json={"code": "C-4", "name": "a"}, headers=key)
    assert other.json()["code"] == "idempotency_mismatch"
    assert operator.get("/api/v1/classes/C-4").status_code == 404
    camera = {"camera_id": "c-3", "address": "rtsp://192.0.2.1/a"}
    assert operator.post("/api/v1/cameras", json=camera, headers=key).status_code == 422


def test_a_failed_call_keeps_no_answer(operator) -> None:
    key = {"Idempotency-Key": "k"}
    assert operator.post("/api/v1/classes", json={"code": CLASS, "name": "x"}, headers=key).status_code == 409
    body = {"code": "C-5", "name": "x"}
    assert operator.post("/api/v1/classes", json=body, headers=key).status_code == 201


def test_a_key_is_forgotten_after_two_days(scene, operator) -> None:
    key = {"Idempotency-Key": "k"}
    operator.post("/api/v1/classes", json={"code": "C-6", "name": "x"}, headers=key)
    scene.clock.forward(hours=11)
    operator.log_in("operator")
    scene.clock.forward(days=2)
    operator.log_in("operator")
    again = operator.post("/api/v1/classes", json={"code": "C-6", "name": "x"}, headers=key)
    assert again.status_code == 409


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
def test_a_key_has_a_sensible_length(operator, key: str) -> None:
    answer = operator.post(
        "/api/v1/classes", json={"code": "C-7", "name": "x"}, headers={"Idempotency-Key": key}
    )
    assert answer.status_code == 422


def test_a_change_needs_the_version_it_changes(operator) -> None:
    path, body = f"/api/v1/classes/{CLASS}", {"name": "新名"}
    assert operator.put(path, json=body).status_code == 428
    assert operator.put(path, json=body, headers={"If-Match": '"99"'}).status_code == 412
    tag = operator.get(path).headers["etag"]
    changed = operator.put(path, json=body, headers={"If-Match": f'"7", W/{tag}'})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert operator.put(path, json=body, headers={"If-Match": tag}).status_code == 412
    assert operator.put(path, json=body, headers={"If-Match": "*"}).status_code == 200


def test_lists_page_without_holes_or_repeats(operator) -> None:
    for number in range(7):
        operator.post("/api/v1/classes", json={"code": f"P-{number}", "name": "x"})
    seen, cursor = [], None
    for _ in range(10):
        page = operator.get(
            "/api/v1/classes", params={"limit": 3, **({"cursor": cursor} if cursor else {})}
        ).json()
        seen += [one["code"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 8


@pytest.mark.parametrize(
    "path", ["/api/v1/classes", "/api/v1/flags", "/api/v1/lessons", f"/api/v1/lessons/{JUDGED}/evidence"]
)
@pytest.mark.parametrize(
    "query", ["cursor=foreign", "cursor=W10", "limit=0", "limit=501", "limit=x", "cursor=-1"]
)
def test_a_foreign_cursor_or_limit_is_refused(operator, path: str, query: str) -> None:
    assert operator.get(f"{path}?{query}").status_code == 422


def test_the_roster_shows_masked_numbers_only(operator) -> None:
    page = operator.get(f"/api/v1/classes/{CLASS}/trainees?limit=2").json()
    assert page["items"][0]["masked_id_number"] == "371700********0010"
    assert page["next_cursor"]
    assert "19900101" not in json.dumps(page)


def test_a_cameras_secrets_go_in_and_never_come_out(operator, scene) -> None:
    texts = [
        operator.get("/api/v1/cameras").text,
        operator.get(f"/api/v1/cameras/{CAMERA}").text,
        operator.get("/console/cameras").text,
    ]
    for text in texts:
        assert "S3cret-pass" not in text
        assert "viewer" not in text
        assert "token=abc" not in text
        assert "192.0.2.10" in text
    body = {"display_name": "新名"}
    tag = operator.get(f"/api/v1/cameras/{CAMERA}").headers["etag"]
    assert operator.put(f"/api/v1/cameras/{CAMERA}", json=body, headers={"If-Match": tag}).status_code == 200
    with scene.house.ledger.read() as work:
        assert work.cameras.get(CAMERA).address == SECRET_ADDRESS


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("file:///etc/passwd", "begin it with"),
        ("/etc/passwd", "begin it with"),
        ("concat:a|b", "begin it with"),
        ("srt://192.0.2.1:9000", "MediaMTX"),
        ("rtsp://", "host"),
        ("rtsp://host:99999/x", "port"),
        ("rtsp://host:port/x", "port"),
        ("rtsp://ho st/x", "%20"),
        ("rtsp://[::1/x", "host"),
        ("rtsp://h/\nx", "%20"),
    ],
)
def test_an_address_that_is_no_stream_is_refused_without_repeating_it(
    operator, address: str, word: str
) -> None:
    body = {
        "camera_id": "new",
        "address": address.replace("//", "//u:Hidden-1@", 1) if "rtsp" in address else address,
    }
    answer = operator.post("/api/v1/cameras", json=body)
    assert answer.status_code == 422, answer.text
    assert word in answer.json()["hint"] + answer.json()["detail"]
    assert "Hidden-1" not in answer.text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://u:p@h:554/s?x=1", "rtsp://•••@h:554/s?•••"),
        ("rtsps://h/s", "rtsps://h/s"),
        ("http://[2001:db8::1]:80/a.m3u8", "http://[2001:db8::1]:80/a.m3u8"),
        ("synthetic:demo", "synthetic://demo"),
        ("rtsp://u:p:p@h/s", "rtsp://•••@h/s"),
    ],
)
def test_an_address_is_shown_without_secrets(address: str, shown: str) -> None:
    assert shown_address(address) == shown


def test_good_addresses_are_taken_as_they_are() -> None:
    for address in (
        "rtsp://u:p@h:554/s",
        "rtsps://h/s",
        "rtmp://h/live/x",
        "https://h/a.m3u8",
        "RTSP://[::1]:8554/x",
    ):
        assert checked_address(f" {address} ") == address


def test_a_planned_lesson_is_published_in_the_evidence_log(operator, scene) -> None:
    made = operator.post("/api/v1/lessons", json=LESSON)
    assert made.status_code == 201, made.text
    assert made.json()["state"] == "planned"
    assert made.json()["starts_at"].startswith("2026-11-24T01:00:00")
    with scene.house.ledger.read() as work:
        query = LeafQuery(lesson_id=made.json()["lesson_id"], kinds=(LeafKind.LESSON_PUBLISHED,))
        (leaf,) = work.evidence.store.rows(query)
        record = work.lessons.get(made.json()["lesson_id"])
    assert json.loads(leaf.record)["body"]["roll_call_seed"] == record.roll_call_seed
    assert record.policy.attendance.late_after.total_seconds() == 180


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ends_at": "2026-11-24T08:00:00+08:00"}, 422),
        ({"starts_at": "2026-11-24T09:00:00"}, 422),
        ({"starts_at": "yesterday"}, 422),
        ({"starts_at": "2026-11-20T09:00:00+08:00", "ends_at": "2026-11-20T09:45:00+08:00"}, 422),
        ({"cameras": ["no-such-camera"]}, 422),
        ({"class_code": "no-such-class"}, 404),
        ({"lesson_id": "../../x"}, 422),
        ({"titel": "x"}, 422),
        ({"policy": {"presence_gap": "soon"}}, 422),
    ],
)
def test_a_lesson_that_contradicts_itself_is_refused_whole(operator, scene, changes, status: int) -> None:
    answer = operator.post("/api/v1/lessons", json=LESSON | changes)
    assert answer.status_code == status, answer.text
    assert answer.json()["hint"]
    with scene.house.ledger.read() as work:
        assert list(work.evidence.store.rows(LeafQuery(kinds=(LeafKind.LESSON_PUBLISHED,)))) == []


def test_a_camera_serves_one_lesson_at_a_time(operator) -> None:
    assert operator.post("/api/v1/lessons", json=LESSON).status_code == 201
    later = LESSON | {"starts_at": "2026-11-24T09:30:00+08:00", "ends_at": "2026-11-24T10:00:00+08:00"}
    assert operator.post("/api/v1/lessons", json=later).status_code == 409
    after = LESSON | {"starts_at": "2026-11-24T09:45:00+08:00", "ends_at": "2026-11-24T10:00:00+08:00"}
    assert operator.post("/api/v1/lessons", json=after).status_code == 201


def test_a_planned_lesson_changes_and_a_running_one_does_not(operator) -> None:
    made = operator.post("/api/v1/lessons", json=LESSON).json()
    path = f"/api/v1/lessons/{made['lesson_id']}"
    tag = operator.get(path).headers["etag"]
    changed = operator.put(path, json=LESSON | {"title": "改期"}, headers={"If-Match": tag})
    assert changed.json()["title"] == "改期"
    assert changed.json()["lesson_id"] == made["lesson_id"]
    running = operator.get(f"/api/v1/lessons/{LIVE}").headers["etag"]
    assert (
        operator.put(f"/api/v1/lessons/{LIVE}", json=LESSON, headers={"If-Match": running}).status_code == 409
    )


def test_a_day_is_one_of_china(operator) -> None:
    early = LESSON | {"starts_at": "2026-11-25T00:10:00+08:00", "ends_at": "2026-11-25T00:50:00+08:00"}
    made = operator.post("/api/v1/lessons", json=early).json()["lesson_id"]
    days = {
        day: [one["lesson_id"] for one in operator.get(f"/api/v1/lessons?day={day}").json()["items"]]
        for day in ("2026-11-24", "2026-11-25")
    }
    assert days == {"2026-11-24": [], "2026-11-25": [made]}


def test_a_list_tells_how_many_were_seen(operator) -> None:
    listed = {
        one["lesson_id"]: one for one in operator.get(f"/api/v1/lessons?class_code={CLASS}").json()["items"]
    }
    assert (listed[JUDGED]["seen"], listed[JUDGED]["expected"], listed[JUDGED]["open_flags"]) == (12, 16, 2)
    assert listed[LIVE]["seen"] == 0
    only = operator.get("/api/v1/lessons?state=running").json()["items"]
    assert [one["lesson_id"] for one in only] == [LIVE]


def test_the_console_files_a_class_a_camera_and_a_lesson(operator) -> None:
    token = operator.form_token("/console/classes")
    form = {"csrf_token": token, "code": "F-1", "name": NASTY, "programme": "x"}
    assert operator.post("/console/classes", data=form).headers["location"] == "/console/classes/F-1"
    camera = {"csrf_token": token, "camera_id": "f-1", "display_name": NASTY, "address": "rtsp://192.0.2.7/s"}
    assert operator.post("/console/cameras", data=camera).status_code == 303
    lesson = {
        "csrf_token": token,
        "title": NASTY,
        "day": "2026-11-25",
        "starts": "09:00",
        "ends": "09:45",
        "camera": "f-1",
        "room": NASTY,
        "instructor": NASTY,
    }
    assert operator.post("/console/classes/F-1/lessons", data=lesson).status_code == 303
    for page in (
        "/console/classes",
        "/console/classes/F-1",
        "/console/cameras",
        "/console/today?day=2026-11-25",
    ):
        text = operator.get(page).text
        assert NASTY not in text
        assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/console/classes", {"code": CLASS, "name": "x"}),
        ("/console/classes", {"code": "a b", "name": "x"}),
        ("/console/cameras", {"camera_id": "x", "address": "file:///x"}),
        (f"/console/classes/{CLASS}/lessons", {"title": "x", "day": "tomorrow", "starts": "9", "ends": "10"}),
        (f"/console/classes/{CLASS}/lessons", {"day": "2026-11-25", "starts": "10:00", "ends": "09:00"}),
    ],
)
def test_a_form_that_cannot_be_used_says_why_on_its_page(operator, path: str, form: dict[str, str]) -> None:
    token = operator.form_token("/console/classes")
    answer = operator.post(path, data={"csrf_token": token, **form})
    assert answer.status_code in (409, 422)
    assert 'role="alert"' in answer.text
