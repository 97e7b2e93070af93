"""The film of a lesson in Chromium: sought, played over a gap and a change of size, as MP4 and as HLS."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.browser.film_stage import BACK, BEGINS, FRONT, LESSON, add_film_lesson
from tests.browser.test_forms_and_playback import EVERYWHERE, fits, until

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.xdist_group("browser")]

PAGE = f"/console/lessons/{LESSON}/footage"
VIDEO = f"document.querySelector('#camera-{FRONT} video')"
COPY = f"document.querySelector('#camera-{BACK} video')"

# The share of the picture's width at which the white bar begins, and the grey behind it. A seek is over
# before its picture is on the page: what was handed over since is awaited.
LOOK = """async ([name, second]) => {
  const video = document.querySelector(`#camera-${name} video`);
  if (second !== null) {
    const asked = performance.now();
    const shown = new Promise((done) => {
      const look = (_now, frame) =>
        frame.presentationTime > asked ? done() : video.requestVideoFrameCallback(look);
      video.requestVideoFrameCallback(look);
    });
    await new Promise((done, fail) => {
      video.addEventListener('seeked', done, { once: true });
      video.addEventListener('error', () => fail(new Error(video.error.message)), { once: true });
      video.currentTime = second;
    });
    await shown;
  }
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const row = context.getImageData(0, canvas.height / 2, canvas.width, 1).data;
  const bright = [...row.filter((_, i) => i % 4 === 0)].map((value) => value > 225);
  const beside = bright.lastIndexOf(true) < canvas.width - 10 ? canvas.width - 4 : 4;
  return { bar: bright.indexOf(true) / (canvas.width - 20), grey: row[beside * 4], width: canvas.width };
}"""


@pytest.fixture(scope="module", autouse=True)
def film_lesson(browser_scene) -> None:
    add_film_lesson(browser_scene.house)


def open_film(open_page, name: str, size: str = "desk", locale: str = "zh_CN", query: str = "?time=08:00:03"):
    page = open_page(size, locale)
    page.goto(f"{PAGE}{query}&camera={name}#camera-{name}")
    until(page, f"document.querySelector('#camera-{name} video').readyState >= 2")
    page.evaluate(f"document.querySelector('#camera-{name} video').pause()")
    return page


def looked(page, name: str, second: float | None) -> dict[str, float]:
    return page.evaluate(LOOK, [name, second])


def test_every_instant_shows_its_own_picture_wherever_one_seeks(open_page) -> None:
    page = open_film(open_page, FRONT)
    assert page.evaluate(f"{VIDEO}.duration") == pytest.approx(60, abs=0.01)
    for second, share, grey, width in (
        (3.05, 0.30, 60, 320), (14.55, 0.45, 120, 320), (55.05, 0.50, 180, 640), (0.05, 0.0, 60, 320),
        (19.95, 0.99, 120, 320), (50.05, 0.0, 180, 640), (9.95, 0.99, 60, 320),
    ):  # fmt: skip
        seen = looked(page, FRONT, second)
        assert seen["bar"] == pytest.approx(share, abs=0.02), (second, seen)
        assert seen["grey"] == pytest.approx(grey, abs=12), (second, seen)
        assert seen["width"] == width


def test_in_a_gap_the_last_picture_stands_and_a_caption_says_why(open_page) -> None:
    page = open_film(open_page, FRONT, locale="zh_CN")
    seen = looked(page, FRONT, 35)
    assert (seen["bar"], seen["grey"]) == (pytest.approx(0.99, abs=0.02), pytest.approx(120, abs=12))
    until(page, f"{VIDEO}.textTracks[0].activeCues?.length === 1")
    text = page.evaluate(f"{VIDEO}.textTracks[0].activeCues[0].text")
    assert "08:00:20–08:00:50" in text
    looked(page, FRONT, 49.2)
    page.evaluate(f"{{ {VIDEO}.muted = true; {VIDEO}.play(); }}")
    until(page, f"{VIDEO}.currentTime > 50.4")
    assert page.evaluate(f"{VIDEO}.videoWidth") == 640, "it plays on, in the other size"


@pytest.mark.parametrize(("size", "locale"), EVERYWHERE)
def test_stills_and_times_lead_into_the_film(open_page, shoot, size: str, locale: str) -> None:
    page = open_film(open_page, FRONT, size, locale)
    until(page, f"Math.abs({VIDEO}.currentTime - 3) < 0.5")
    page.locator(f"#camera-{FRONT} svg.strip a").nth(2).click()
    until(page, f"{VIDEO}.currentTime >= 10")
    page.evaluate(f"{VIDEO}.pause()")
    page.fill(f"#camera-{FRONT} [data-jump] input[type=time]", "08:00:55")
    page.click(f"#camera-{FRONT} [data-jump] button")
    until(page, f"{VIDEO}.currentTime >= 55")
    page.evaluate(f"{VIDEO}.pause()")
    assert page.locator(f"#camera-{FRONT} [data-clock]").inner_text().startswith("08:00:5")
    assert fits(page)
    shoot(page, f"film-{size}-{locale}")


def test_without_scripts_the_same_links_play_the_same_instants(open_page) -> None:
    page = open_page("phone", "en", scripts=False)
    page.goto(PAGE)
    page.locator(f"#camera-{FRONT} svg.strip a").nth(2).click()
    page.wait_for_url("**camera=room-301&at=**")
    source = page.locator(f"#camera-{FRONT} video source").get_attribute("src")
    assert source.endswith("#t=10.000")
    with page.expect_download() as download:
        page.fill(f"#camera-{FRONT} input[name=from]", "08:00:02")
        page.fill(f"#camera-{FRONT} input[name=to]", "08:00:05")
        page.get_by_role("button", name="Download the clip").first.click()
    assert download.value.suggested_filename == f"{FRONT}_20261122-080002_080006.mp4"


def test_h265_plays_as_a_copy_that_says_so(open_page, shoot) -> None:
    page = open_film(open_page, BACK, query="?time=08:00:12")
    assert page.locator(f"#camera-{BACK} .derived-mark").is_visible()
    assert page.locator(f"#camera-{BACK} .notice.warn").count() == 1
    until(page, f"Math.abs({COPY}.currentTime - 12) < 1")
    seen = looked(page, BACK, 12.05)
    assert seen["bar"] == pytest.approx(0.20, abs=0.03), seen
    assert seen["grey"] == pytest.approx(120, abs=12)
    shoot(page, "film-derived")


def test_hls_of_the_recorded_pictures_plays_and_is_sought(open_page) -> None:
    page = open_film(open_page, FRONT)
    address = f"/api/v1/lessons/{LESSON}/footage/{FRONT}/hls/playlist.m3u8"
    page.evaluate(f"{{ const v = {VIDEO}; v.querySelectorAll('source').forEach((s) => s.remove()); "
                  f"v.src = '{address}'; v.load(); }}")  # fmt: skip
    until(page, f"{VIDEO}.readyState >= 2")
    seen = looked(page, FRONT, 14.55)
    assert seen["bar"] == pytest.approx(0.45, abs=0.03), seen
    assert page.evaluate(f"{VIDEO}.error") is None


def test_a_moment_leads_to_the_whole_film(open_page) -> None:
    page = open_page("desk", "en")
    at = (BEGINS + timedelta(seconds=55)).isoformat().replace("+00:00", "Z")
    page.goto(f"/console/lessons/{LESSON}/moment?camera={FRONT}&at={at}")
    page.click("text=Play on from this instant")
    until(page, f"{VIDEO}?.currentTime >= 55")
