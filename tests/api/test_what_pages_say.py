"""What a reader finds on the pages of a lesson, figure by figure, in both languages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from models.attendance import Mark, Status
from models.flags import FlagState
from models.footage import CameraReport, CameraState
from models.label_texts import FLAG_LABELS, MARK_LABELS, STATUS_LABELS
from storage.leaf_store import LeafQuery
from supervision_api import live_events
from supervision_api.app import create_app
from supervision_api.console.i18n import Languages
from supervision_api.live_events import RollState
from tests.api.scene import (
    CAMERA,
    CLASS,
    JUDGED,
    LIVE,
    NAMES,
    NASTY,
    NOW,
    PASSWORD,
    STARTS,
    Scene,
    flags,
    open_scene,
    verdicts,
)

LOCALES = ("zh_CN", "en")
SHEET, EVIDENCE, FOOTAGE = (f"/console/lessons/{JUDGED}{part}" for part in ("", "/evidence", "/footage"))
LIVE_PAGE = f"/console/lessons/{LIVE}"


@dataclass(frozen=True)
class Reader:
    """Somebody who reads pages; ``scene`` is what stands behind them."""

    client: TestClient
    scene: Scene

    def html(self, path: str, locale: str = "en") -> str:
        self.client.cookies.set("rollcall_locale", locale)
        answer = self.client.get(path)
        assert answer.status_code == 200
        return answer.text

    def main(self, path: str, locale: str = "en") -> str:
        found = re.search(r"<main.*?</main>", self.html(path, locale), re.DOTALL)
        assert found is not None
        return found.group(0)

    def words(self, path: str, locale: str = "en") -> list[str]:
        return words_of(self.main(path, locale))

    def row(self, path: str, code: str, locale: str = "en") -> str:
        found = re.search(
            rf'<tbody class="pair" id="t-{code}".*?</tbody>', self.main(path, locale), re.DOTALL
        )
        assert found is not None
        return found.group(0)


def words_of(html: str) -> list[str]:
    """The texts between elements, drawings and scripts left out."""
    bare = re.sub(r"<(svg|script|style|template).*?</\1>", "", html, flags=re.DOTALL)
    pieces = (unescape(piece).strip() for piece in re.split(r"<[^>]+>", bare))
    return [re.sub(r"\s+", " ", piece) for piece in pieces if piece]


def links_of(html: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'href="([^"]+)"', html)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory, migrated_database, clips) -> Iterator[Reader]:
    """Nothing here changes the scene, so one serves all tests of the module."""
    with open_scene(tmp_path_factory.mktemp("said"), migrated_database, clips) as scene:
        client = TestClient(create_app(scene.services))
        answer = client.post("/api/v1/session", json={"account": "operator", "password": PASSWORD})
        assert answer.status_code == 200
        yield Reader(client, scene)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("verdict", verdicts(), ids=lambda one: one.trainee)
def test_the_sheet_s_row_is_the_verdict_s(reader: Reader, verdict, locale: str) -> None:
    words = words_of(reader.row(SHEET, verdict.trainee, locale))
    name = NAMES[int(verdict.trainee[1:]) - 1]
    assert words[:2] == [name, verdict.trainee]
    assert words[2].lower() == STATUS_LABELS[verdict.status].template(locale).lower()
    for mark in Mark:
        told = MARK_LABELS[mark].template(locale).lower() in [word.lower() for word in words]
        assert told is (mark in verdict.marks), mark
    required = words.index("/ 36")
    assert float(words[required - 1]) == pytest.approx(verdict.present_minutes, abs=0.1)
    assert float(words[required + 1]) == verdict.credited_hours


@pytest.mark.parametrize("locale", LOCALES)
def test_times_on_the_sheet_are_those_of_the_class_s_clock(reader: Reader, locale: str) -> None:
    words = words_of(reader.row(SHEET, "T002", locale))
    assert "08:08:12" in words
    assert "08:45:00" in words
    assert "00:08:12" not in words


def test_who_was_never_seen_has_no_times(reader: Reader) -> None:
    row = reader.row(SHEET, "T004")
    cells = re.findall(r'data-label="(?:First|Last) seen">([^<]*)<', row)
    assert [unescape(cell).strip() for cell in cells] == ["", ""]


@pytest.mark.parametrize("locale", LOCALES)
def test_the_sheet_counts_people_by_status(reader: Reader, locale: str) -> None:
    words = [word.lower() for word in reader.words(SHEET, locale)]
    for status in Status:
        count = sum(one.status is status for one in verdicts())
        assert words[words.index(STATUS_LABELS[status].template(locale).lower()) + 1] == str(count)


def test_the_sheet_adds_up_the_credited_hours(reader: Reader) -> None:
    words = reader.words(SHEET)
    total = sum(one.credited_hours for one in verdicts())
    assert float(words[words.index("Credited class hours") + 1]) == total


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("code", ["T002", "T003", "T004", "T005", "T006"])
def test_every_reason_is_a_sentence_in_the_reader_s_language(reader: Reader, code: str, locale: str) -> None:
    from models.reason_texts import render_reason

    words = words_of(reader.row(SHEET, code, locale))
    (verdict,) = [one for one in verdicts() if one.trainee == code]
    for reason in verdict.reasons:
        assert render_reason(reason, locale) in words
    assert not [word for word in words if reason.code in word]


def test_a_mark_leads_to_footage_of_this_trainee_at_an_instant_of_the_verdict(reader: Reader) -> None:
    links = [link for link in links_of(reader.row(SHEET, "T002")) if "/moment?" in link]
    instants = {link.at.isoformat() for link in verdicts()[1].evidence}
    for link in links:
        query = parse_qs(urlsplit(link).query)
        assert query["trainee"] == ["T002"]
        assert query["camera"] == [CAMERA]
        assert query["at"][0] in instants


def test_only_rows_that_need_a_look_are_marked_so(reader: Reader) -> None:
    html = reader.main(SHEET)
    notable = set(re.findall(r'id="t-(T\d+)" data-notable="yes"', html))
    assert notable == {one.trainee for one in verdicts() if one.status is not Status.PRESENT or one.marks}


def test_a_hostile_name_is_shown_and_not_run(reader: Reader) -> None:
    row = reader.row(SHEET, "T016")
    assert NASTY not in row
    assert NASTY in words_of(row)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("path", [SHEET, "/console/flags"])
def test_flags_tell_kind_person_and_reason(reader: Reader, path: str, locale: str) -> None:
    words = [word.lower() for word in reader.words(path, locale)]
    for flag in flags():
        assert FLAG_LABELS[flag.kind].template(locale).lower() in words
    assert "刘洋 t004" in words


def test_a_stranger_has_no_name_and_no_key_on_the_page(reader: Reader) -> None:
    assert "Unknown" in reader.words("/console/flags")
    assert "u-1" not in reader.words("/console/flags")


def test_the_list_of_flags_can_be_narrowed_by_kind(reader: Reader) -> None:
    only = reader.words("/console/flags?kind=stranger")
    assert "刘洋 T004" not in only
    assert "Unknown" in only


def test_no_withdrawn_flag_is_among_the_open_ones(reader: Reader) -> None:
    with reader.scene.house.ledger.read() as work:
        assert {one.flag.state for one in work.flags.of_lesson(JUDGED)} == {FlagState.OPEN}
    assert "刘洋 T004" not in reader.words("/console/flags?state=withdrawn")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_evidence_page_lists_every_leaf_with_its_hash(reader: Reader, locale: str) -> None:
    with reader.scene.house.ledger.read() as work:
        leaves = list(work.evidence.store.rows(LeafQuery(JUDGED)))
    words = reader.words(EVIDENCE, locale)
    hashes = [word.rstrip("…") for word in words if re.fullmatch(r"[0-9a-f]{16,}…", word)]
    assert len(hashes) == len(leaves)
    for leaf, shown in zip(leaves, hashes, strict=True):
        assert leaf.leaf_hash.hex().startswith(shown)
        assert hashlib.sha256(b"\0" + leaf.record).digest() == leaf.leaf_hash


def test_a_verdict_s_leaf_names_trainee_and_status(reader: Reader) -> None:
    words = reader.words(EVIDENCE)
    assert "T004 · Absent" in words
    assert "T005 · Not observable" in words
    assert "T004 · 缺勤" in reader.words(EVIDENCE, "zh_CN")


def test_the_evidence_page_shows_the_checkpoint_s_root_and_the_log_s_name(reader: Reader) -> None:
    with reader.scene.house.ledger.read() as work:
        head = work.evidence.store.head()
    words = reader.words(EVIDENCE)
    assert head is not None
    assert words[words.index("Log") + 1] == reader.scene.house.settings.origin
    assert any(re.fullmatch(r"[A-Za-z0-9+/]{43}=", word) for word in words)


@pytest.mark.parametrize(
    ("locale", "stored", "waiting"),
    [("en", "stored and locked", "waiting for the store"), ("zh_CN", "已存储并锁定", "等待存储")],
)
def test_the_footage_page_says_of_each_segment_whether_it_is_kept(
    reader: Reader, locale: str, stored: str, waiting: str
) -> None:
    words = reader.words(FOOTAGE, locale)
    assert words.count(stored) == 1
    assert words.count(waiting) == 1
    for segment in reader.scene.segments:
        assert any(segment.sha256.startswith(word.rstrip("…")) for word in words if word.endswith("…"))


@pytest.mark.parametrize(("locale", "cause"), [("en", "Stream lost"), ("zh_CN", "视频流中断")])
def test_the_footage_page_declares_the_gap_with_its_cause(reader: Reader, locale: str, cause: str) -> None:
    words = reader.words(FOOTAGE, locale)
    index = words.index(cause)
    assert words[index - 3 : index] == ["08:20:00", "08:22:00", "120.0"]


@pytest.mark.parametrize("locale", LOCALES)
def test_a_trainee_s_page_offers_only_the_marks_there_are_to_strike(reader: Reader, locale: str) -> None:
    words = [w.lower() for w in reader.words(f"/console/lessons/{JUDGED}/trainees/T003", locale)]
    assert MARK_LABELS[Mark.LEFT_EARLY].template(locale).lower() in words
    assert MARK_LABELS[Mark.LATE].template(locale).lower() not in words


def test_a_trainee_s_page_never_shows_the_identity_number(reader: Reader) -> None:
    with reader.scene.house.ledger.read() as work:
        number = work.roster.reveal(CLASS, "T003").id_number
    for path in (SHEET, f"/console/lessons/{JUDGED}/trainees/T003", f"/console/classes/{CLASS}"):
        assert number not in reader.html(path)


def test_the_camera_s_password_is_on_no_page(reader: Reader) -> None:
    for path in ("/console/cameras", LIVE_PAGE, FOOTAGE, f"/console/classes/{CLASS}"):
        assert "S3cret" not in reader.html(path)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_running_lesson_s_roll_starts_with_nobody_seen(reader: Reader, locale: str) -> None:
    words = reader.words(LIVE_PAGE, locale)
    waiting = {"en": "Not seen yet", "zh_CN": "尚未识别"}[locale]
    assert words.count(waiting) == len(NAMES)


def test_the_live_page_shows_what_the_hub_knows_when_it_is_opened(scene: Scene) -> None:
    """Readable without a script: state, marks, camera and strangers are in the page itself."""
    seen = NOW - timedelta(minutes=10)
    for code, state, marks in (("T001", RollState.HERE, ()), ("T002", RollState.AWAY, (Mark.LATE,))):
        event = live_events.roll_entry(
            NOW, code, state, first_seen=seen, last_seen=NOW, camera_id=CAMERA, marks=marks
        )
        scene.hub.publish(LIVE, event)
    scene.hub.publish(LIVE, live_events.unknown_person(NOW, "u-7", CAMERA, seen, NOW))
    report = CameraReport(CAMERA, LIVE, NOW, CameraState.WAITING, "stream_lost", "hunter2", 4.0)
    scene.hub.publish(LIVE, live_events.camera_changed(report))
    client = TestClient(create_app(scene.services))
    client.post("/api/v1/session", json={"account": "operator", "password": PASSWORD})
    page = Reader(client, scene)
    words = page.words(LIVE_PAGE)
    assert words.count("Not seen yet") == len(NAMES) - 2
    assert {"Late", "Waiting to reconnect"} <= set(words)
    assert "2" in words[words.index("Roll") : words.index("Roll") + 2]
    assert "hunter2" not in page.html(LIVE_PAGE)


@pytest.mark.parametrize("path", [SHEET, EVIDENCE, FOOTAGE, LIVE_PAGE, "/console/flags", "/console/today"])
def test_no_code_of_the_program_is_shown_to_a_reader(reader: Reader, path: str) -> None:
    codes = {one.value for one in Status} | {one.value for one in Mark if "_" in one.value}
    codes |= {"stream_lost", "segment_closed", "disk_full", "never_seen", "present_enough"}
    for locale in LOCALES:
        assert not codes & set(reader.words(path, locale)), locale


@pytest.mark.parametrize("path", [SHEET, EVIDENCE, FOOTAGE, LIVE_PAGE, "/console/flags", "/console/today"])
def test_the_page_says_its_language(reader: Reader, path: str) -> None:
    for locale in LOCALES:
        tag = Languages("zh_CN").get(locale).tag
        assert f'<html lang="{tag}"' in reader.html(path, locale)


def test_a_forged_verdict_shows_on_the_sheet_and_not_in_its_leaf(scene: Scene) -> None:
    """The page shows rows; the evidence page shows what was signed: the two differ in sight of the reader."""
    forged = replace(verdicts()[3], status=Status.PRESENT, present_minutes=45.0, first_seen=STARTS)
    with scene.house.ledger.write() as work:
        work.verdicts.save([forged], NOW)
    client = TestClient(create_app(scene.services))
    client.post("/api/v1/session", json={"account": "operator", "password": PASSWORD})
    page = Reader(client, scene)
    assert words_of(page.row(SHEET, "T004"))[2] == "Present"
    assert "T004 · Absent" in page.words(EVIDENCE)
