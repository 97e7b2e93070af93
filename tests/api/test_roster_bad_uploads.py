"""A refused roster leaves no trace; two at once, one twice, one cut off; nobody reads a whole number."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import sqlite3
import threading
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from models.evidence import LeafKind
from models.frame import Box
from models.identity import check_character
from models.roster import Enrolled
from recognition.enrolment import ExaminedPhoto
from recognition.quality import Quality
from storage.leaf_store import LeafQuery
from supervision_api.app import create_app
from supervision_api.pipeline.roster_enrolment import TraineePhoto
from tests.api.conftest import Visitor
from tests.api.scene import CLASS, Scene, examine_without_faces, id_number

HEADER = "姓名,身份证号,电话,照片"
NEW = "N-1"
PATH = f"/api/v1/classes/{NEW}/roster/import"
PAGE = f"/console/classes/{NEW}/roster/import"


def person(order: int, born: str = "19850101") -> str:
    first = f"371702{born}{order:03d}"
    return first + check_character(first)


def table(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows)).encode()


def rows_of(count: int, first: int = 500) -> list[str]:
    return [f"学员{first + n},{id_number(first + n)},13800000000,p{n}.jpg" for n in range(count)]


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def photos(count: int = 3) -> dict[str, bytes]:
    return {f"p{n}.jpg": b"\xff\xd8" + bytes([n % 256]) * 20 for n in range(count)}


def roster(*rows: str, count: int = 3) -> bytes:
    return zipped({"roster.csv": table(*rows), **photos(count)})


@pytest.fixture
def clerk(operator: Visitor) -> Visitor:
    assert operator.post("/api/v1/classes", json={"code": NEW, "name": "新班"}).status_code == 201
    return operator


def send(client: Visitor, content: bytes, name: str = "roster.zip", **form: str):
    return client.post(PATH, files=[("files", (name, content))], data={"mode": "import", **form})


def picture_of(scene: Scene) -> tuple[list[str], dict[str, str]]:
    """The whole database as statements, and every other file of the installation by its hash."""
    folder = scene.house.folder
    (database,) = folder.glob("*.db")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        statements = list(connection.iterdump())
    connection.close()
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".db" not in path.name
    }
    return statements, files


def enrolled(scene: Scene, code: str = NEW) -> list[tuple[str, str]]:
    with scene.house.ledger.read() as work:
        return [(one.code, one.name) for one in work.roster.trainees(code)]


def book(*rows: list[object]) -> bytes:
    made = openpyxl.Workbook()
    assert made.active is not None
    for row in (HEADER.split(","), *rows):
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


WRONG = id_number(1)[:-1] + ("0" if id_number(1)[-1] != "0" else "1")
REFUSED = {
    "wrong check digit": ("r.zip", roster(*rows_of(2), f"甲,{WRONG},,p2.jpg")),
    "twice in the file": ("r.zip", roster(*rows_of(2), f"甲,{id_number(500)},,p2.jpg")),
    "a photo is missing": ("r.zip", roster(*rows_of(4))),
    "a photo outside": ("r.zip", roster(f"甲,{id_number(1)},,../p0.jpg")),
    "a formula": ("r.zip", roster(f'"=HYPERLINK(""x"")",{id_number(1)},,p0.jpg')),
    "a formula in a workbook": ("r.zip", zipped({"roster.xlsx": book(["=A1", id_number(1), "", ""])})),
    "lost digits": ("r.xlsx", book(["甲", 371702199001011234, "", ""])),
    "scientific": ("r.csv", table("甲,3.71702E+17,,")),
    "a link": ("r.zip", b""),
    "nested": ("r.zip", zipped({"roster.zip": roster(*rows_of(1))})),
    "cut off": ("r.zip", roster(*rows_of(3))[:-40]),
    "encrypted": ("r.zip", b""),
    "no utf-16 mark": ("r.csv", table(*rows_of(1)).decode().encode("utf-16-le")),
    "header only": ("r.csv", table()),
}


def _with_flag(content: bytes, places: tuple[tuple[bytes, int, int], ...]) -> bytes:
    patched = bytearray(content)
    for signature, offset, value in places:
        patched[patched.find(signature) + offset] |= value
    return bytes(patched)


REFUSED["encrypted"] = (
    "r.zip",
    _with_flag(roster(*rows_of(1)), ((b"PK\x03\x04", 6, 1), (b"PK\x01\x02", 8, 1))),
)
# the high half of a member's external attributes is its mode on Unix: 0o120777 is a link
REFUSED["a link"] = (
    "r.zip",
    _with_flag(roster(*rows_of(1)), ((b"PK\x01\x02", 40, 0xFF), (b"PK\x01\x02", 41, 0xA1))),
)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_import_leaves_database_and_folders_as_they_were(
    clerk: Visitor, scene: Scene, kind: str
) -> None:
    before = picture_of(scene)
    name, content = REFUSED[kind]
    answer = send(clerk, content, name, consented="yes")
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert body.get("hint") or any(one["fatal"] for one in body["problems"])
    assert picture_of(scene) == before


def test_a_refused_import_on_the_page_leaves_no_trace_either(clerk: Visitor, scene: Scene) -> None:
    token = clerk.form_token(PAGE)
    before = picture_of(scene)
    parts = [("files", ("roster.zip", roster(*rows_of(2), f"甲,{WRONG},,p2.jpg")))]
    answer = clerk.post(PAGE, files=parts, data={"csrf_token": token, "mode": "import", "consented": "yes"})
    page = report_page(clerk, answer.headers["location"])
    assert "校验位不符" in page
    assert WRONG[6:] not in page
    assert picture_of(scene) == before


def report_page(client: Visitor, location: str) -> str:
    job = location.partition("job=")[2]
    for _ in range(2000):
        if client.get(f"{PAGE}/{job}/progress").json()["done"]:
            return client.get(location).text
    raise AssertionError("the import never ended")


def test_a_report_names_row_column_cause_and_next_step(clerk: Visitor) -> None:
    rows = [*rows_of(1), "", f",{id_number(1)},,p1.jpg", f"乙,{WRONG},,p2.jpg"]
    answer = send(clerk, roster(*rows), mode="check")
    told = {(one["line"], one["field"]): one["message"] for one in answer.json()["problems"] if one["fatal"]}
    assert told.keys() == {(4, "name"), (5, "id_number")}, "the empty third row keeps the count"
    assert "请补填" in told[4, "name"]
    assert "核对" in told[5, "id_number"]


def test_the_same_file_twice_says_of_each_row_who_it_is(clerk: Visitor, scene: Scene) -> None:
    content = roster(*rows_of(3))
    assert send(clerk, content).json()["imported"] is True
    before = picture_of(scene)
    again = send(clerk, content)
    assert again.status_code == 422
    problems = again.json()["problems"]
    assert [(one["line"], one["code"]) for one in problems] == [(n, "id_enrolled") for n in (2, 3, 4)]
    assert ["T001" in problems[0]["message"], "T003" in problems[2]["message"]] == [True, True]
    assert picture_of(scene) == before


def test_a_check_tells_of_enrolled_people_before_anybody_imports(clerk: Visitor) -> None:
    send(clerk, roster(*rows_of(3)))
    checked = send(clerk, roster(*rows_of(1)), mode="check")
    assert checked.status_code == 422
    assert checked.json()["importable"] is False


def test_later_comers_get_codes_that_nobody_has(clerk: Visitor, scene: Scene) -> None:
    send(clerk, roster(*rows_of(2)))
    assert send(clerk, roster(*rows_of(2, first=700))).json()["imported"] is True
    assert [code for code, _ in enrolled(scene)] == ["T001", "T001-2", "T002", "T002-2"]


def test_the_same_person_may_be_in_two_classes(clerk: Visitor, scene: Scene) -> None:
    assert send(clerk, roster(f"王建国,{id_number(1)},,p0.jpg")).json()["imported"] is True
    with scene.house.ledger.read() as work:
        assert work.roster.same_identity(id_number(1)) == ((CLASS, "T001"), (NEW, "T001"))


def test_two_imports_of_one_class_at_once_store_it_once(scene: Scene) -> None:
    """Both have read an empty class when they begin to store: the second must find the first."""
    together = threading.Barrier(2, timeout=20)

    def meet(*args: object, **named: object):
        examined = examine_without_faces(*args, **named)
        together.wait()
        return examined

    app = create_app(replace(scene.services, examine_roster=meet))
    clerk = Visitor(app, raise_server_exceptions=False).log_in("operator")
    clerk.post("/api/v1/classes", json={"code": NEW, "name": "新班"})
    contents = [roster(*rows_of(3)), roster(*rows_of(3, first=502))]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda content: send(clerk, content), contents))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    refused = next(answer for answer in answers if answer.status_code == 409).json()
    assert refused["hint"]
    assert len(enrolled(scene)) == 3
    with scene.house.ledger.read() as work:
        leaves = list(work.evidence.store.rows(LeafQuery(kinds=(LeafKind.ENROLMENT,))))
    assert len(leaves) == 1


def test_imports_of_two_classes_at_once_both_stand(clerk: Visitor, scene: Scene) -> None:
    clerk.post("/api/v1/classes", json={"code": "N-2", "name": "另一班"})
    paths = [PATH, PATH.replace(NEW, "N-2")]
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(
            lambda path: clerk.post(
                path, files=[("files", ("r.zip", roster(*rows_of(3))))], data={"mode": "import"}
            ),
            paths,
        )
        assert [answer.status_code for answer in answers] == [200, 200]
    assert len(enrolled(scene)) == len(enrolled(scene, "N-2")) == 3


def multipart(content: bytes, name: str = "roster.zip") -> tuple[bytes, dict[str, str]]:
    edge = "edge-of-parts"
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="mode"\r\n\r\nimport\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        "Content-Type: application/zip\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={edge}"}


def test_the_upload_as_written_by_hand_is_taken(clerk: Visitor) -> None:
    body, headers = multipart(roster(*rows_of(3)))
    assert clerk.post(PATH, content=body, headers=headers).json()["imported"] is True


# the form's parser leaves a part that never ended to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("left", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_an_upload_cut_off_on_its_way_stores_nothing(clerk: Visitor, scene: Scene, left: float) -> None:
    body, headers = multipart(roster(*rows_of(3)))
    before = picture_of(scene)
    answer = clerk.post(PATH, content=body[: int(len(body) * left)], headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert picture_of(scene) == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_line_that_breaks_during_the_upload_is_no_fault_of_the_server(
    clerk: Visitor, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """What uvicorn hands on when the browser is gone: part of the body, then that nobody is there."""
    body, headers = multipart(roster(*rows_of(3)))
    cookie = "; ".join(f"{name}={value}" for name, value in clerk.cookies.items())
    given = {**headers, "Content-Length": str(len(body)), "Cookie": cookie, "Host": "testserver"}
    given["X-CSRF-Token"] = clerk.headers["X-CSRF-Token"]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 5), "server": ("testserver", 80),
    }  # fmt: skip
    words = [
        {"type": "http.request", "body": body[: len(body) // 2], "more_body": True},
        {"type": "http.disconnect"},
    ]
    said: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return words.pop(0) if words else {"type": "http.disconnect"}

    async def tell(message: dict[str, object]) -> None:
        said.append(message)

    before = picture_of(scene)
    asyncio.run(create_app(scene.services)(scope, receive, tell))
    assert picture_of(scene) == before
    assert not any(record.levelno >= logging.ERROR for record in caplog.records)
    assert [one["status"] for one in said if one["type"] == "http.response.start"] in ([], [400])


@pytest.mark.parametrize(
    "header",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other"],
)
def test_a_form_whose_parts_cannot_be_told_apart_is_refused(clerk: Visitor, header: str) -> None:
    body, _ = multipart(roster(*rows_of(3)))
    answer = clerk.post(PATH, content=body, headers={"Content-Type": header})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["title"]


@pytest.mark.parametrize(
    "name", ["", "x" * 3000 + ".zip", "r\x00.zip", "花名册.zip", 'a"b.zip', "../../r.zip"]
)
def test_the_uploads_name_decides_nothing_but_its_kind(clerk: Visitor, name: str) -> None:
    answer = send(clerk, roster(*rows_of(3)), name or "roster.zip", mode="check")
    assert answer.status_code in (200, 422)
    assert "x" * 300 not in answer.text


def test_no_number_reaches_a_log_an_answer_a_leaf_or_the_disk(
    clerk: Visitor, scene: Scene, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = [id_number(500 + n) for n in range(3)]
    answers = [
        send(clerk, roster(*rows_of(3))),
        send(clerk, roster(*rows_of(3))),
        send(clerk, roster(f"甲,{secret[0][:-1]},,p0.jpg", f"乙,{secret[1]}9,,p1.jpg")),
        clerk.get(f"/api/v1/classes/{NEW}/trainees"),
        clerk.get(f"/console/classes/{NEW}"),
    ]
    seen = capfd.readouterr()
    (database,) = scene.house.folder.glob("*.db")
    stored = b"".join(path.read_bytes() for path in scene.house.folder.glob(f"{database.name}*"))
    for one in secret:
        # the part between the first six and the last four names the person
        for place in (*(answer.text for answer in answers), caplog.text, seen.out, seen.err):
            assert one[6:14] + one[14:17] not in place
        assert one.encode() not in stored


def test_ten_thousand_rows_are_checked_and_imported_in_bounded_memory(clerk: Visitor, scene: Scene) -> None:
    days = [
        f"{year}{month:02d}{day:02d}" for year in (1980, 1981) for month in range(1, 13) for day in (1, 2)
    ]
    people = [(order, born) for born in days for order in range(1, 210)][:10_000]
    content = table(*(f"学员{n:05d},{person(*one)},,照片/{n}.jpg" for n, one in enumerate(people)))
    packed = zipped({"roster.csv": content, **{f"照片/{n}.jpg": b"\xff\xd8x" for n in range(10_000)}})
    tracemalloc.start()
    try:
        answer = send(clerk, packed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.json() | {"problems": []} == {
        "importable": True,
        "imported": True,
        "trainees": 10_000,
        "photos": 0,
        "templates": 0,
        "problems": [],
    }
    assert peak < 120 * 2**20, f"{peak >> 20} MiB"
    listed = clerk.get(f"/api/v1/classes/{NEW}/trainees?limit=200").json()
    assert listed["items"][0]["code"] == "T00001"


def test_ten_thousand_bad_rows_are_all_told(clerk: Visitor, scene: Scene) -> None:
    before = picture_of(scene)
    answer = send(clerk, table(*(f"学员{n},{n},," for n in range(10_000))), "roster.csv")
    assert answer.status_code == 422
    fatal = [one for one in answer.json()["problems"] if one["fatal"]]
    assert len(fatal) == 10_000
    assert {one["code"] for one in fatal} == {"id_length"}
    assert picture_of(scene) == before


def face(at: float, name: str) -> ExaminedPhoto:
    embedding = np.zeros(128, np.float32)
    embedding[0] = at
    quality = Quality(0.9, (("sharp", 0.9),))
    box = Box(0, 0, 90, 90)
    sha256 = hashlib.sha256(photos()[name]).hexdigest()
    return ExaminedPhoto(name, sha256, 200, 200, box, embedding, quality, 0, (), "detector", "network-1")


def with_faces(*places: float):
    """An examiner whose n-th photo shows a face at the n-th place."""

    def examine(files, today, progress, *, faceless_allowed: bool, enrolled: Enrolled | None = None):
        roster = examine_without_faces(
            files, today, progress, faceless_allowed=faceless_allowed, enrolled=enrolled
        )
        shown = zip(roster.trainees, places, strict=False)
        found = tuple(TraineePhoto(one.code, face(at, one.photos[0]), files) for one, at in shown)
        return replace(roster, photos=found, faceless=())

    return examine


def visitor_with(scene: Scene, *places: float) -> Visitor:
    app = create_app(replace(scene.services, examine_roster=with_faces(*places)))
    return Visitor(app, raise_server_exceptions=False).log_in("operator")


def test_a_face_that_the_class_knows_under_another_number_is_told_by_row(
    clerk: Visitor, scene: Scene
) -> None:
    first = visitor_with(scene, 0.0, 5.0)
    assert send(first, roster(*rows_of(2)), consented="yes").json()["templates"] == 2
    second = visitor_with(scene, 9.0, 5.1)
    answer = send(second, roster(*rows_of(2, first=700)), consented="yes")
    assert answer.status_code == 200, "twins exist: a flag to look at, no refusal"
    (told,) = answer.json()["problems"]
    assert (told["line"], told["field"], told["code"], told["fatal"]) == (3, "photo", "face_enrolled", False)
    assert "T002" in told["message"]


def test_faces_of_another_class_are_never_compared(clerk: Visitor, scene: Scene) -> None:
    clerk.post("/api/v1/classes", json={"code": "N-2", "name": "另一班"})
    one = visitor_with(scene, 0.0)
    content = [("files", ("r.zip", roster(*rows_of(1))))]
    form = {"mode": "import", "consented": "yes"}
    assert one.post(PATH.replace(NEW, "N-2"), files=content, data=form).json()["imported"]
    assert send(one, roster(*rows_of(1, first=700)), consented="yes").json()["problems"] == []


def test_templates_of_another_network_are_never_compared(clerk: Visitor, scene: Scene) -> None:
    assert send(visitor_with(scene, 0.0), roster(*rows_of(1)), consented="yes").json()["templates"] == 1
    changed = with_faces(0.0)

    def newer(*args, **named):
        examined = changed(*args, **named)
        other = tuple(
            replace(one, examined=replace(one.examined, encoder="network-2")) for one in examined.photos
        )
        return replace(examined, photos=other)

    app = create_app(replace(scene.services, examine_roster=newer))
    later = Visitor(app, raise_server_exceptions=False).log_in("operator")
    answer = send(later, roster(*rows_of(1, first=700)), consented="yes")
    assert answer.json()["problems"] == []
    with scene.house.ledger.read() as work:
        networks = [one.network for one in work.faces.templates(NEW)]
        assert [one.trainee for one in work.faces.templates(NEW, "network-1")] == ["T001"]
    assert networks == ["network-1", "network-2"]


def test_photos_are_stored_as_they_came_and_encrypted(clerk: Visitor, scene: Scene) -> None:
    marker = b"\xff\xd8" + b"FACE-OF-NOBODY" * 40
    content = zipped({"roster.csv": table(*rows_of(1)), "p0.jpg": marker})
    taken = with_faces(0.0)

    def examine(*args, **named):
        examined = taken(*args, **named)
        digest = hashlib.sha256(marker).hexdigest()
        shown = tuple(replace(p, examined=replace(p.examined, sha256=digest)) for p in examined.photos)
        return replace(examined, photos=shown)

    app = create_app(replace(scene.services, examine_roster=examine))
    visitor = Visitor(app, raise_server_exceptions=False).log_in("operator")
    assert send(visitor, content, consented="yes").json()["photos"] == 1
    with scene.house.ledger.read() as work:
        (kept,) = work.faces.photos(NEW, "T001")
        assert work.faces.photo_bytes(kept.photo_id) == marker
    for path in Path(scene.house.folder).glob("*.db*"):
        assert b"FACE-OF-NOBODY" not in path.read_bytes()


def test_a_photo_that_changed_meanwhile_is_not_stored_under_the_old_template(
    clerk: Visitor, scene: Scene
) -> None:
    before = picture_of(scene)
    content = zipped({"roster.csv": table(*rows_of(1)), "p0.jpg": b"\xff\xd8 another picture"})
    answer = send(visitor_with(scene, 0.0), content, consented="yes")
    assert answer.status_code == 422
    assert "changed while" in answer.text
    statements, files = picture_of(scene)
    assert files == before[1]
    assert [one for one in statements if "trainees" in one] == [one for one in before[0] if "trainees" in one]


def test_without_consent_faces_are_looked_at_and_not_kept(clerk: Visitor, scene: Scene) -> None:
    answer = send(visitor_with(scene, 0.0), roster(*rows_of(1)))
    assert (answer.json()["imported"], answer.json()["templates"]) == (True, 0)
    with scene.house.ledger.read() as work:
        assert work.faces.photos(NEW, "T001") == ()
        assert work.faces.templates(NEW) == ()
