"""Rosters over HTTP: a check stores nothing, an import all or nothing; hostile uploads are refused."""

from __future__ import annotations

import io
import threading
import zipfile
from dataclasses import replace

import pytest

from models.errors import Conflict, NotFound, RosterInvalid
from models.evidence import LeafKind
from storage.leaf_store import LeafQuery
from supervision_api.actions.roster_import import ImportReport
from supervision_api.app import create_app
from supervision_api.roster_jobs import RosterJobs
from supervision_api.roster_upload import Upload, read_upload
from tests.api.conftest import Visitor
from tests.api.scene import CLASS, NASTY, examine_without_faces, id_number

HEADER = "姓名,身份证号,电话,照片"
NEW = "N-1"
PATH = f"/api/v1/classes/{NEW}/roster/import"


def table(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows)).encode()


def good(count: int = 3) -> bytes:
    return table(*(f"学员{n:02d},{id_number(500 + n)},13800000000,p{n}.jpg" for n in range(count)))


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def photos(count: int = 3) -> dict[str, bytes]:
    return {f"p{n}.jpg": b"\xff\xd8" + bytes([n]) * 20 for n in range(count)}


@pytest.fixture
def clerk(operator) -> Visitor:
    assert operator.post("/api/v1/classes", json={"code": NEW, "name": "新班"}).status_code == 201
    return operator


def send(clerk, files: dict[str, bytes], **form: str):
    parts = [("files", (name, content)) for name, content in files.items()]
    return clerk.post(PATH, files=parts, data=form)


def enrolled(scene, code: str = NEW) -> list[str]:
    with scene.house.ledger.read() as work:
        return [one.name for one in work.roster.trainees(code)]


def test_a_check_reports_and_stores_nothing(clerk, scene) -> None:
    answer = send(clerk, {"roster.zip": zipped({"roster.csv": good(), **photos()})})
    assert answer.status_code == 200, answer.text
    assert answer.json() | {"problems": []} == {
        "importable": True,
        "imported": False,
        "trainees": 3,
        "photos": 0,
        "templates": 0,
        "problems": [],
    }
    assert enrolled(scene) == []


@pytest.mark.parametrize("name", ["roster.csv", "学员花名册.csv", "C:\\rosters\\list.csv", "../../list.csv"])
def test_a_table_and_its_photos_are_imported_with_leaves(clerk, scene, name: str) -> None:
    answer = send(clerk, {name: good(), **photos()}, mode="import", consented="yes")
    assert answer.json()["imported"] is True, answer.text
    assert enrolled(scene) == ["学员00", "学员01", "学员02"]
    with scene.house.ledger.read() as work:
        kinds = [row.kind for row in work.evidence.store.rows(LeafQuery())]
        assert work.roster.entry(NEW, "T001").consent == "given"
    assert LeafKind.ENROLMENT in kinds
    assert LeafKind.CONSENT in kinds


def test_without_consent_no_consent_is_claimed(clerk, scene) -> None:
    send(clerk, {"roster.zip": zipped({"roster.csv": good(), **photos()})}, mode="import")
    with scene.house.ledger.read() as work:
        assert work.roster.entry(NEW, "T001").consent == "unknown"
        assert list(work.evidence.store.rows(LeafQuery(kinds=(LeafKind.CONSENT,)))) == []


BAD_ROWS = {
    "id_check": f"甲,{id_number(1)[:-1]}{'0' if id_number(1)[-1] != '0' else '1'},,p0.jpg",
    "id_length": "甲,1234,,p0.jpg",
    "name_empty": f",{id_number(1)},,p0.jpg",
    "formula": f"=cmd()|x,{id_number(1)},,p0.jpg",
    "photo_missing": f"甲,{id_number(1)},,nowhere.jpg",
    "photo_outside": f"甲,{id_number(1)},,../../etc/passwd",
}


@pytest.mark.parametrize("code", BAD_ROWS)
def test_one_bad_row_stops_the_whole_import_and_is_named(clerk, scene, code: str) -> None:
    rows = table(f"乙,{id_number(2)},,p1.jpg", BAD_ROWS[code])
    answer = send(clerk, {"roster.zip": zipped({"roster.csv": rows, **photos()})}, mode="import")
    assert answer.status_code == 422
    body = answer.json()
    assert body["imported"] is False
    problem = next(one for one in body["problems"] if one["fatal"])
    assert (problem["line"], problem["code"]) == (3, code)
    assert enrolled(scene) == []


def test_duplicates_name_the_other_row(clerk) -> None:
    rows = table(f"甲,{id_number(1)},,p0.jpg", f"甲,{id_number(1)},,p1.jpg", f"乙,{id_number(1)},,p2.jpg")
    answer = send(clerk, {"roster.zip": zipped({"roster.csv": rows, **photos()})})
    codes = {(one["line"], one["code"]) for one in answer.json()["problems"]}
    assert {(3, "id_duplicate"), (4, "id_conflict")} <= codes


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_report_speaks_the_readers_language_and_hides_numbers(clerk, language: str) -> None:
    clerk.headers["Accept-Language"] = language
    answer = send(clerk, {"roster.zip": zipped({"roster.csv": table(BAD_ROWS["id_check"]), **photos()})})
    message = answer.json()["problems"][0]["message"]
    assert ("校验位" in message) is (language == "zh-CN")
    assert id_number(1)[:17] not in answer.text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_tables_come_in_the_encodings_people_save(clerk, scene, encoding: str) -> None:
    rows = good().decode().encode(encoding)
    assert send(clerk, {"roster.csv": rows, **photos()}, mode="import").status_code == 200
    assert enrolled(scene)[0] == "学员00"


def test_the_same_people_are_not_enrolled_twice(clerk, scene) -> None:
    files = {"roster.zip": zipped({"roster.csv": good(), **photos()})}
    assert send(clerk, files, mode="import").status_code == 200
    again = send(clerk, files, mode="import")
    assert again.status_code == 422
    assert [(one["line"], one["code"]) for one in again.json()["problems"]] == [
        (line, "id_enrolled") for line in (2, 3, 4)
    ]
    assert "T002" in again.json()["problems"][1]["message"]
    assert len(enrolled(scene)) == 3


BOMB = zipped({"roster.csv": good(), "p0.jpg": b"\0" * (8 << 20)})
HOSTILE = {
    "traversal": {"r.zip": zipped({"roster.csv": good(), "../../evil.jpg": b"x"})},
    "absolute": {"r.zip": zipped({"roster.csv": good(), "/etc/evil.jpg": b"x"})},
    "bomb": {"r.zip": BOMB},
    "no table": {"r.zip": zipped(photos())},
    "not a zip": {"r.zip": b"PK\x03\x04 nonsense"},
    "two tables": {"a.csv": good(), "b.csv": good()},
    "a program": {"roster.csv": good(), "setup.exe": b"MZ"},
    "a page": {"roster.csv": good(), "x.svg": b"<svg onload=alert(1)>"},
    "same name": {"roster.csv": good(), "a/p.jpg": b"x", "b/P.JPG": b"y"},
    "empty table": {"roster.csv": b""},
    "no header": {"roster.csv": b"a,b,c\n1,2,3\n"},
    "binary": {"roster.csv": bytes(range(256)) * 4},
    "broken workbook": {"roster.xlsx": b"PK\x03\x04 nonsense"},
    "only a photo": {"p0.jpg": b"\xff\xd8"},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_upload_that_is_no_roster_is_refused_with_a_next_step(clerk, scene, kind: str) -> None:
    answer = send(clerk, HOSTILE[kind], mode="import")
    assert answer.status_code in (415, 422), answer.text
    assert answer.json()["hint"]
    assert enrolled(scene) == []


@pytest.mark.parametrize(
    ("form", "files"),
    [({"mode": "delete"}, {"roster.csv": good()}), ({}, {}), ({"mode": "import"}, {"": b""})],
)
def test_a_form_without_sense_is_refused(clerk, form: dict[str, str], files: dict[str, bytes]) -> None:
    assert send(clerk, files, **form).status_code == 422


def test_json_is_no_roster(clerk) -> None:
    assert clerk.post(PATH, json={"rows": []}).status_code == 422


def test_a_class_must_exist(operator) -> None:
    answer = operator.post("/api/v1/classes/none/roster/import", files={"files": ("roster.csv", good())})
    assert answer.status_code == 404


def test_a_name_the_browser_made_up_never_becomes_a_path() -> None:
    files = read_upload([Upload("..\\..\\roster.csv", good(1)), Upload("/etc/p0.jpg", b"x")])
    assert files.photo_names == frozenset({"p0.jpg"})


def test_too_many_files_are_refused() -> None:
    with pytest.raises(RosterInvalid, match="more than"):
        read_upload([Upload(f"{n}.jpg", b"x") for n in range(2001)])


def wait_for_report(clerk, location: str) -> str:
    """The page after the job has ended; each look at the job's progress lets its thread run."""
    job = location.partition("job=")[2]
    for _ in range(2000):
        if clerk.get(f"/console/classes/{NEW}/roster/import/{job}/progress").json()["done"]:
            return clerk.get(location).text
    raise AssertionError("the import never ended")


def test_the_page_imports_and_reports(clerk, scene) -> None:
    token = clerk.form_token(f"/console/classes/{NEW}/roster/import")
    form = {"csrf_token": token, "mode": "import", "consented": "yes"}
    parts = [("files", ("roster.zip", zipped({"roster.csv": good(), **photos()})))]
    answer = clerk.post(f"/console/classes/{NEW}/roster/import", files=parts, data=form)
    assert answer.status_code == 303
    assert "已导入 3 名学员" in wait_for_report(clerk, answer.headers["location"])
    assert len(enrolled(scene)) == 3


def test_the_page_shows_rows_and_refuses_markup(clerk, scene) -> None:
    token = clerk.form_token(f"/console/classes/{NEW}/roster/import")
    rows = table(f"甲,{id_number(1)},,{NASTY.replace(',', '')}.jpg")
    parts = [("files", ("roster.csv", rows))]
    answer = clerk.post(
        f"/console/classes/{NEW}/roster/import", files=parts, data={"csrf_token": token, "mode": "import"}
    )
    page = wait_for_report(clerk, answer.headers["location"])
    assert "未通过" in page
    assert NASTY not in page
    assert enrolled(scene) == []


def test_the_page_says_why_a_file_cannot_be_read(clerk) -> None:
    token = clerk.form_token(f"/console/classes/{NEW}/roster/import")
    parts = [("files", ("r.zip", b"nonsense"))]
    answer = clerk.post(f"/console/classes/{NEW}/roster/import", files=parts, data={"csrf_token": token})
    assert 'role="alert"' in wait_for_report(clerk, answer.headers["location"])


def test_an_upload_without_the_pages_token_is_refused(clerk, scene) -> None:
    parts = [("files", ("roster.zip", zipped({"roster.csv": good(), **photos()})))]
    answer = clerk.post(f"/console/classes/{NEW}/roster/import", files=parts, data={"mode": "import"})
    assert answer.status_code == 403
    assert enrolled(scene) == []


def test_progress_is_shown_to_its_owner_only(scene) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(files, today, progress, *, faceless_allowed, enrolled):
        progress(0.25, "photos")
        begun.set()
        assert go_on.wait(20)
        return examine_without_faces(files, today, progress, faceless_allowed=faceless_allowed)

    app = create_app(replace(scene.services, examine_roster=slow))
    clerk = Visitor(app).log_in("operator")
    clerk.follow_redirects = False
    clerk.post("/api/v1/classes", json={"code": NEW, "name": "新班"})
    page = f"/console/classes/{NEW}/roster/import"
    form = {"csrf_token": clerk.form_token(page)}
    parts = [("files", ("roster.zip", zipped({"roster.csv": good(), **photos()})))]
    location = clerk.post(page, files=parts, data=form).headers["location"]
    assert begun.wait(20)
    job = location.partition("job=")[2]
    assert clerk.get(f"{page}/{job}/progress").json() == {"done": False, "percent": 25}
    assert "progress" in clerk.get(location).text
    again = clerk.post(page, files=parts, data=form)
    assert again.status_code == 409
    assert clerk.get(f"/console/classes/{CLASS}/roster/import/{job}/progress").status_code == 404
    go_on.set()
    wait_for_report(clerk, location)


def test_a_job_that_breaks_ends_with_a_fault() -> None:
    jobs, ended = RosterJobs(), threading.Event()
    hook, threading.excepthook = threading.excepthook, lambda _args: ended.set()
    try:
        job = jobs.start("operator", "C", lambda _progress: 1 / 0)
        assert ended.wait(20)
    finally:
        threading.excepthook = hook
    assert jobs.get(job.job_id, "operator", "C").error.code == "internal_error"
    with pytest.raises(NotFound):
        jobs.get(job.job_id, "other", "C")


def test_jobs_are_bounded_and_old_ones_forgotten() -> None:
    jobs, go_on, ended = RosterJobs(), threading.Event(), threading.Semaphore(0)
    report = ImportReport(True, False, 0, 0, 0, ())

    def wait(_progress) -> ImportReport:
        assert go_on.wait(20)
        return report

    running = [jobs.start("o", f"C{n}", wait) for n in range(4)]
    with pytest.raises(Conflict):
        jobs.start("o", "C9", wait)
    go_on.set()
    for job in running:
        for _ in range(100_000):
            if jobs.get(job.job_id, "o", job.class_code).done:
                break
            ended.acquire(timeout=0.001)
        assert jobs.get(job.job_id, "o", job.class_code).report == report
