"""What must hold of every page, in both sizes and languages: it fits, it reads, it speaks one language."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.api.scene import CAMERA, CLASS, JUDGED, LIVE, NAMES
from tests.browser.crowd import (
    CROWD,
    CROWD_JUDGED,
    CROWD_LIVE,
    CROWD_SIZE,
    EMPTY,
    EMPTY_LESSON,
    crowd_names,
)

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.xdist_group("browser")]

EVERYWHERE = [(size, locale) for size in ("desk", "phone") for locale in ("zh_CN", "en")]
MOMENT = f"/console/lessons/{JUDGED}/moment?camera={CAMERA}"
PAGES = {
    "today": "/console/today",
    "empty-day": "/console/today?day=2026-11-29",
    "sheet": f"/console/lessons/{JUDGED}",
    "sheet-crowd": f"/console/lessons/{CROWD_JUDGED}",
    "live-crowd": f"/console/lessons/{CROWD_LIVE}",
    "live-empty": f"/console/lessons/{EMPTY_LESSON}",
    "footage": f"/console/lessons/{JUDGED}/footage",
    "footage-none": f"/console/lessons/{LIVE}/footage",
    "evidence": f"/console/lessons/{JUDGED}/evidence",
    "evidence-none": f"/console/lessons/{EMPTY_LESSON}/evidence",
    "evidence-log": "/console/evidence",
    "moment": f"{MOMENT}&at=2026-11-23T00:00:03%2B00:00&trainee=T002",
    "moment-alike": f"{MOMENT}&at=2026-11-23T00:00:06%2B00:00&shows=resembles&trainee=T004",
    "moment-gap": f"{MOMENT}&at=2026-11-23T00:21:00%2B00:00",
    "trainee": f"/console/lessons/{JUDGED}/trainees/T003",
    "trainee-crowd": f"/console/lessons/{CROWD_JUDGED}/trainees/C003",
    "classes": "/console/classes",
    "class": f"/console/classes/{CLASS}",
    "class-crowd": f"/console/classes/{CROWD}",
    "class-empty": f"/console/classes/{EMPTY}",
    "import": f"/console/classes/{CLASS}/roster/import",
    "flags": "/console/flags",
    "flags-none": "/console/flags?kind=spoof",
    "cameras": "/console/cameras",
    "storage": "/console/storage",
    "not-found": "/console/lessons/nowhere",
}


@pytest.mark.parametrize(("size", "locale"), EVERYWHERE)
def test_every_page_fits_its_screen(open_page, shoot, size: str, locale: str) -> None:
    page = open_page(size, locale)
    for name, path in PAGES.items():
        answer = page.goto(path)
        assert answer.status == (404 if name == "not-found" else 200), name
        shoot(page, f"{name}-{size}-{locale}")
        assert (
            page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        ), name


# what the page shows to eyes: every text node that takes room, with what holds it.
READ = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const over = (top, under) => {
    const alpha = top[3] ?? 1;
    return [0, 1, 2].map((i) => top[i] * alpha + under[i] * (1 - alpha));
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      layers.push(rgb(style.backgroundColor));
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim();
    const element = node.parentElement;
    if (!text || ["SCRIPT", "TEMPLATE", "NOSCRIPT", "TITLE", "OPTION"].includes(element.tagName)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if (!element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
    if (element.closest(".visually-hidden, .skip, svg")) continue;
    const style = getComputedStyle(element);
    const under = ground(element);
    let ratio = 21;
    if (under) {
      let opacity = 1;
      for (let at = element; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
      const ink = rgb(style.color);
      const drawn = over([...ink.slice(0, 3), (ink[3] ?? 1) * opacity], under);
      const [a, b] = [light(drawn), light(under)].sort((x, y) => y - x);
      ratio = (a + 0.05) / (b + 0.05);
    }
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const scrolls = !!element.closest(".table-wrap, .tabs, nav");
    found.push({ text, ratio, large, left: box.left, right: box.right, scrolls });
  }
  return { found, width: document.documentElement.clientWidth };
}"""
# texts of the data, not of the console: names of people, classes, rooms, lessons, accounts.
DATA = (
    *NAMES,
    *crowd_names(),
    *(
        "示范职业培训学校",
        "养老护理员",
        "失业人员",
        "实训",
        "教室前方",
        "郑老师",
        "欧阳",
        "夜课",
        "账号",
        "尚未开班",
        "第1课",
        "中文",
    ),
)
LATIN_ALLOWED = re.compile(
    r"[TCu]-?\d+|HZ-[\w-]+|room-301(?:-back)?|rtsp://\S+|rollcall[./]\S*|SHA-256|English|zip"
    r"|csv|xlsx|roster|Python|python verify\.py \."
    r"|name|id_number|phone|photo|rtsps?|rtmp|http\(?s?\)?|HLS|[kMGT]B|default-1|h264|https?|[0-9a-f]{8,}…?|"
    r"[A-Za-z0-9+/]{43}=|operator|supervisor|log-odds"
)


def shown(page):
    read = page.evaluate(READ)
    return read["found"], read["width"]


@pytest.mark.parametrize(("size", "locale"), EVERYWHERE)
def test_every_text_is_read_whole_and_dark_enough(open_page, size: str, locale: str) -> None:
    """WCAG 1.4.3: 4.5:1, large text 3:1. Nothing but what scrolls sideways reaches over the edge."""
    page = open_page(size, locale)
    for name, path in PAGES.items():
        page.goto(path)
        texts, width = shown(page)
        assert texts, name
        faint = [(t["text"], round(t["ratio"], 2)) for t in texts if t["ratio"] < (3 if t["large"] else 4.5)]
        assert (name, faint) == (name, [])
        cut = [
            t["text"] for t in texts if not t["scrolls"] and (t["left"] < -0.5 or t["right"] > width + 0.5)
        ]
        assert (name, cut) == (name, [])


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_an_english_page_holds_chinese_in_names_alone(open_page, size: str) -> None:
    page = open_page(size, "en")
    for name, path in PAGES.items():
        page.goto(path)
        texts = [t["text"] for t in shown(page)[0] if not any(part in t["text"] for part in DATA)]
        assert (name, [text for text in texts if re.search(r"[\u3400-\u9fff]", text)]) == (name, [])


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_a_chinese_page_holds_latin_in_codes_and_names_alone(open_page, size: str) -> None:
    page = open_page(size, "zh_CN")
    for name, path in PAGES.items():
        page.goto(path)
        texts = [t["text"] for t in shown(page)[0] if not any(part in t["text"] for part in DATA)]
        left = [(text, LATIN_ALLOWED.sub("", text)) for text in texts]
        # a request's number is hexadecimal and may begin with a letter.
        english = [text for text, rest in left if re.search(r"[A-Za-z]{2,}", rest) and "请求编号" not in text]
        assert (name, english) == (name, [])


NAMED = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.labels?.length || one.getAttribute("aria-label") || one.textContent.trim()))
  .map((one) => one.outerHTML)"""


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_everything_that_can_be_used_has_a_name(open_page, locale: str) -> None:
    page = open_page("desk", locale)
    for name, path in PAGES.items():
        page.goto(path)
        assert (name, page.evaluate(NAMED)) == (name, [])
        assert page.evaluate("document.querySelectorAll('h1').length") == 1, name
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert (name, len(ids)) == (name, len(set(ids)))


def test_no_page_asks_anything_of_another_machine(open_page, served) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in PAGES.values():
        page.goto(path)
    assert asked
    assert [url for url in asked if not url.startswith((served.url, "blob:", "data:"))] == []


def test_what_is_focused_is_seen_and_comes_in_the_order_of_reading(open_page) -> None:
    page = open_page()
    page.goto(f"/console/lessons/{JUDGED}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    tops = []
    for _ in range(14):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            "(e => [e.getBoundingClientRect().top + scrollY, getComputedStyle(e).boxShadow])"
            "(document.activeElement)"
        )
        assert seen[1] != "none"
        tops.append(seen[0])
    # the head of the page is one line, the tabs another: never back up.
    assert all(later >= earlier - 40 for earlier, later in itertools.pairwise(tops))


def test_the_skip_link_leads_past_the_head(open_page) -> None:
    page = open_page()
    page.goto("/console/flags")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_the_printed_sheet_has_every_row_and_lines_to_sign(open_page, shoot, locale: str) -> None:
    page = open_page("desk", locale)
    page.goto(f"/console/lessons/{CROWD_JUDGED}")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 794, "height": 1123})
    shoot(page, f"print-{locale}")
    assert page.locator("tbody.pair").count() == CROWD_SIZE
    assert page.locator(".signatures").is_visible()
    assert not page.locator("header.top").is_visible()
    assert not page.locator("#print").is_visible()
    assert not page.locator("#only-notable").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_times_are_the_classs_own_wherever_the_reader_sits(open_page) -> None:
    """The browser of these tests says New York."""
    page = open_page()
    page.goto(f"/console/lessons/{JUDGED}")
    assert "08:08:12" in page.locator("#t-T002").inner_text()
    page.goto(f"/console/lessons/{CROWD_LIVE}")
    assert page.locator("#clock").inner_text().startswith("09:30")
