"""The pages' HTML itself: well nested, labelled, nothing inline, hostile texts inert."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from supervision_api.app import create_app
from tests.api.scene import CAMERA, CLASS, JUDGED, LIVE, NASTY, PASSWORD, open_scene

VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
PAGES = (
    "/console/today",
    "/console/today?day=2026-11-24",
    "/console/classes",
    f"/console/classes/{CLASS}",
    f"/console/classes/{CLASS}/roster/import",
    "/console/cameras",
    "/console/flags",
    f"/console/lessons/{JUDGED}",
    f"/console/lessons/{LIVE}",
    f"/console/lessons/{JUDGED}/footage",
    f"/console/lessons/{LIVE}/footage",
    f"/console/lessons/{JUDGED}/evidence",
    f"/console/lessons/{JUDGED}/trainees/T003",
    f"/console/lessons/{JUDGED}/trainees/T004",
    f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:00:03%2B00:00&trainee=T002",
    f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:21:00%2B00:00",
    f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:00:06%2B00:00&shows=resembles"
    "&trainee=T004",
    "/console/lessons/nowhere",
)


class Page(HTMLParser):
    """Reads a page strictly: every element that opens must close, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.elements: list[tuple[str, dict[str, str], tuple[str, ...]]] = []
        self.tables: list[dict[str, list[object]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.wrong.append(f"<{tag}> has an attribute twice")
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, values, tuple(self.open)))
        if tag == "table":
            self.tables.append({"heads": [], "rows": []})
        if tag == "th" and "table" in self.open:
            self.tables[-1]["heads"].append(values.get("scope"))
        if tag == "tr" and "tbody" in self.open:
            self.tables[-1]["rows"].append(0)
        if tag == "td" and "tbody" in self.open:
            self.tables[-1]["rows"][-1] += int(values.get("colspan", "1"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, tuple(self.open)))
        if tag not in VOID and "svg" not in self.open:
            self.wrong.append(f"<{tag}/> closes itself outside of a drawing")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"</{tag}> within {self.open[-3:]}")
            return
        self.open.pop()

    def all(self, *tags: str) -> list[tuple[str, dict[str, str], tuple[str, ...]]]:
        return [one for one in self.elements if one[0] in tags]


@pytest.fixture(scope="module")
def texts(tmp_path_factory, migrated_database, clips) -> dict[str, str]:
    """Every page as the operator gets it; nothing here changes the scene, so one serves all tests."""
    with open_scene(tmp_path_factory.mktemp("pages"), migrated_database, clips) as scene:
        client = TestClient(create_app(scene.services))
        answer = client.post("/api/v1/session", json={"account": "operator", "password": PASSWORD})
        assert answer.status_code == 200
        return {path: client.get(path).text for path in PAGES}


@pytest.fixture(scope="module")
def pages(texts: dict[str, str]) -> dict[str, Page]:
    return {path: Page(text) for path, text in texts.items()}


def test_every_element_that_opens_closes_in_order(pages) -> None:
    assert {path: page.wrong for path, page in pages.items() if page.wrong or page.open} == {}


def test_an_id_is_given_once(pages) -> None:
    for path, page in pages.items():
        ids = Counter(values["id"] for _, values, _ in page.elements if "id" in values)
        assert (path, [name for name, count in ids.items() if count > 1]) == (path, [])


def test_every_field_has_a_label(pages) -> None:
    for path, page in pages.items():
        for tag, values, around in page.all("input", "select", "textarea"):
            if values.get("type") not in ("hidden", "submit"):
                assert "label" in around or "aria-label" in values, (path, tag, values)


def test_every_picture_has_its_text_and_every_drawing_says_whether_it_speaks(pages) -> None:
    for path, page in pages.items():
        for _, values, _ in page.all("img"):
            assert values.get("alt"), path
        for _, values, _ in page.all("svg"):
            assert "aria-hidden" in values or "aria-label" in values or "role" in values, (path, values)


def test_every_column_is_headed_and_every_row_is_whole(pages) -> None:
    for path, page in pages.items():
        for table in page.tables:
            assert set(table["heads"]) == {"col"}, path
            assert set(table["rows"]) <= {len(table["heads"])}, path


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(pages) -> None:
    for path, page in pages.items():
        for tag, values, _ in page.elements:
            assert not any(name.startswith("on") or name == "style" for name in values), (path, tag)
            for name in ("src", "href", "action", "data-events"):
                target = values.get(name, "/")
                assert target.startswith(("/", "#", "?")), (path, tag, target)
                assert not target.startswith("//"), (path, target)
            assert tag != "script" or values.get("src", "").startswith("/console/static/"), path


def test_every_posted_form_carries_its_token(pages) -> None:
    for path, page in pages.items():
        posted = sum(1 for _, values, _ in page.all("form") if values.get("method") == "post")
        tokens = sum(1 for _, values, _ in page.all("input") if values.get("name") == "csrf_token")
        assert (path, tokens) == (path, posted)


def test_a_page_has_one_heading_one_main_part_and_a_way_past_the_head(pages) -> None:
    for path, page in pages.items():
        assert len(page.all("h1")) == 1, path
        assert len(page.all("main")) == 1, path
        assert any(values.get("class") == "skip" for _, values, _ in page.all("a")), path


def test_what_opens_in_the_dialog_is_a_link_that_works_alone(pages) -> None:
    for path, page in pages.items():
        for tag, values, _ in page.elements:
            if "data-moment" in values:
                assert tag == "a", path
                assert values["href"].startswith("/console/lessons/"), path


def test_a_hostile_name_stays_text_wherever_it_is_shown(texts) -> None:
    for path, text in texts.items():
        assert NASTY not in text, path
        assert "<script>" not in text, path
    for path in (f"/console/classes/{CLASS}", f"/console/lessons/{JUDGED}", f"/console/lessons/{LIVE}"):
        assert "&lt;script&gt;" in texts[path], path


def test_a_hostile_address_comes_back_as_text(visitor) -> None:
    answer = visitor.get('/console/login?next="><script>alert(1)</script>')
    assert "<script>alert" not in answer.text
    told = visitor.post("/console/login", data={"account": '"><b>x', "password": "y", "csrf_token": "z"})
    assert '"><b>x' not in told.text
    assert "&#34;&gt;&lt;b&gt;x" in told.text


def test_the_fragment_is_the_inner_part_of_the_page_alone(operator) -> None:
    path = f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:00:03%2B00:00&trainee=T002"
    part = operator.get(path, headers={"X-Fragment": "moment"})
    assert "<html" not in part.text
    assert part.text.lstrip().startswith('<div class="moment"')
    assert part.headers["vary"] == "X-Fragment"
    assert Page(part.text).wrong == []
    assert "<html" in operator.get(path, headers={"X-Fragment": "other"}).text
