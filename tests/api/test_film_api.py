"""A camera's lesson as one film over HTTP: ranges, gaps, marks of derived copies, viewings on record."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import av
import pytest
from sqlalchemy import func, select, update

from models.evidence import LeafKind
from models.footage import Gap, GapCause
from storage.leaf_store import LeafQuery
from storage.tables import SampleIndexRow, UploadRow
from supervision_api.screening import Screening
from tests.api.scene import CAMERA, JUDGED, LIVE, STARTS, add_segment, make_clip

FOOTAGE = f"/api/v1/lessons/{JUDGED}/footage/{CAMERA}"
FILM = f"{FOOTAGE}/film.mp4"


def views(scene) -> list[dict[str, object]]:
    with scene.house.ledger.read() as work:
        rows = work.evidence.store.rows(LeafQuery(kinds=(LeafKind.VIEW,)))
        return [json.loads(row.record)["body"] for row in rows]


def second(offset: float) -> str:
    return (STARTS + timedelta(seconds=offset)).isoformat().replace("+00:00", "Z")


def shown_at(film: bytes) -> list[float]:
    with av.open(io.BytesIO(film)) as container:
        base = container.streams.video[0].time_base
        return [float(frame.pts * base) for frame in container.decode(video=0)]


@pytest.fixture
def gapped(scene):
    """0 to 20 s and 50 to 60 s of another size; in between the stream stood still."""
    add_segment(scene.house, 6, make_clip(200, size=(256, 144)))
    gap = Gap(
        JUDGED,
        CAMERA,
        STARTS + timedelta(seconds=20),
        STARTS + timedelta(seconds=50),
        GapCause.STREAM_STALLED,
    )
    with scene.house.ledger.write() as work:
        work.footage.add_gap(gap)
    return scene


def test_the_whole_lesson_is_one_film_true_to_the_wall_clock(operator, gapped) -> None:
    answer = operator.get(FILM)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    assert answer.headers["rollcall-starts-at"] == STARTS.isoformat()
    at = shown_at(answer.content)
    assert len(at) == 300
    assert (at[0], at[100], at[199]) == (0.0, 10.0, pytest.approx(19.9))
    assert at[200] == pytest.approx(50.0), "the gap keeps its length"
    assert "rollcall-derived" not in answer.headers


def test_the_film_holds_the_segments_own_bytes(operator, clips) -> None:
    film = operator.get(FILM).content
    for clip in clips:
        media_at = clip.index(b"mdat") + 4
        assert clip[media_at : media_at + 900] in film


def test_ranges_put_together_are_the_film_and_equal_footage_gives_equal_bytes(operator, gapped) -> None:
    whole = operator.get(FILM)
    size = len(whole.content)
    assert operator.head(FILM).headers["content-length"] == str(size)
    step = 7919
    pieces = []
    for start in range(0, size, step):
        answer = operator.get(FILM, headers={"Range": f"bytes={start}-{start + step - 1}"})
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {start}-{min(start + step, size) - 1}/{size}"
        assert answer.headers["etag"] == whole.headers["etag"]
        pieces.append(answer.content)
    assert b"".join(pieces) == whole.content
    assert operator.get(FILM, headers={"Range": f"bytes={size}-"}).status_code == 416


def test_a_range_of_a_film_that_has_grown_since_gives_the_whole(operator, scene) -> None:
    before = operator.get(FILM).headers["etag"]
    same = operator.get(FILM, headers={"Range": "bytes=0-9", "If-Range": before})
    assert (same.status_code, len(same.content)) == (206, 10)
    add_segment(scene.house, 3, make_clip(90))
    grown = operator.get(FILM, headers={"Range": "bytes=0-9", "If-Range": before})
    assert grown.status_code == 200
    assert grown.headers["etag"] != before
    assert len(shown_at(grown.content)) == 300


def test_an_interval_begins_at_a_keyframe_and_says_which_instant_that_is(operator, scene) -> None:
    answer = operator.get(FILM, params={"from": second(5.55), "to": second(12), "download": "true"})
    assert answer.headers["rollcall-starts-at"] == (STARTS + timedelta(seconds=5)).isoformat()
    assert shown_at(answer.content) == pytest.approx([number / 10 for number in range(70)])
    named = f'attachment; filename="{CAMERA}_20261123-080005_080012.mp4"'
    assert answer.headers["content-disposition"] == named
    assert views(scene) == [
        {
            "actor": "operator", "role": "operator", "camera_id": CAMERA, "view": "film",
            "from": (STARTS + timedelta(seconds=5.55)).isoformat(),
            "to": (STARTS + timedelta(seconds=12)).isoformat(),
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("begin", "end", "status"),
    [
        (100, 200, 404),
        (12, 5, 422),
        (5, 5, 422),
        (-50, -10, 404),
    ],
)
def test_an_interval_without_footage_or_sense_is_refused(
    operator, scene, begin: float, end: float, status: int
) -> None:
    for way in ("film.mp4", "film.vtt", "strip.jpg", "hls/playlist.m3u8", "derived/film.mp4"):
        answer = operator.get(f"{FOOTAGE}/{way}", params={"from": second(begin), "to": second(end)})
        assert answer.status_code == status, (way, answer.text)
    assert [view for view in views(scene) if view["view"] in ("film", "stills")] == []


def test_a_camera_without_footage_has_no_film(operator) -> None:
    assert operator.get(f"/api/v1/lessons/{LIVE}/footage/{CAMERA}/film.mp4").status_code == 404
    assert operator.get(f"/api/v1/lessons/{JUDGED}/footage/nowhere/film.mp4").status_code == 404


def test_captions_say_why_the_picture_stands_still_in_both_languages(operator, gapped) -> None:
    chinese = operator.get(f"{FOOTAGE}/film.vtt", params={"lang": "zh_CN"}).text
    assert chinese.startswith("WEBVTT\n\n00:00:20.000 --> 00:00:50.000\n")
    assert "08:00:20–08:00:50" in chinese
    english = operator.get(f"{FOOTAGE}/film.vtt", params={"lang": "en"}).text
    assert "No footage" in english
    assert views(gapped) == [], "captions show nobody"


def test_stills_are_pictures_and_hatched_where_nothing_was_recorded(operator, gapped) -> None:
    strip = operator.get(f"{FOOTAGE}/strip.jpg", params={"tiles": 6})
    assert strip.headers["content-type"] == "image/jpeg"
    with av.open(io.BytesIO(strip.content), format="mjpeg") as container:
        picture = next(container.decode(video=0)).to_ndarray(format="gray")
    assert picture.shape == (108, 6 * 192)
    tiles = [picture[4:104, 192 * number + 4 : 192 * (number + 1) - 4] for number in range(6)]
    assert [int(tile.mean()) // 20 for tile in tiles[2:5]] == [int(tiles[2].mean()) // 20] * 3
    assert tiles[2].mean() > 200 > tiles[1].mean() > tiles[0].mean(), "grey 60, grey 120, then hatched"
    poster = operator.get(f"{FOOTAGE}/poster.jpg", params={"at": second(12)})
    assert poster.content[:2] == b"\xff\xd8"
    assert [view["view"] for view in views(gapped)] == ["stills"], "one sitting"


def playlist(operator, way: str, **params: str) -> list[str]:
    answer = operator.get(f"{FOOTAGE}/{way}/playlist.m3u8", params=params)
    assert answer.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    return answer.text.splitlines()


def test_a_playlist_dates_its_media_and_marks_what_is_missing(operator, gapped) -> None:
    lines = playlist(operator, "hls")
    assert lines[0] == "#EXTM3U"
    assert "#EXT-X-TARGETDURATION:10" in lines
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert [line for line in lines if line.endswith(".m4s")] == ["1.m4s", "2.m4s", "6.m4s"]
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    assert lines.index("2.m4s") < lines.index("#EXT-X-DISCONTINUITY") < lines.index("6.m4s")
    dates = [line.split("TIME:")[1] for line in lines if "PROGRAM-DATE-TIME" in line]
    assert dates == ["2026-11-23T00:00:00.000Z", "2026-11-23T00:00:10.000Z", "2026-11-23T00:00:50.000Z"]
    assert len([line for line in lines if "EXT-X-MAP" in line]) == 2, "the size has changed"


def test_the_media_of_a_playlist_play_one_after_the_other(operator, gapped) -> None:
    film = b"".join(operator.get(f"{FOOTAGE}/hls/{name}").content for name in ("1.mp4", "1.m4s", "2.m4s"))
    assert shown_at(film) == pytest.approx([number / 10 for number in range(200)])
    later = b"".join(operator.get(f"{FOOTAGE}/hls/{name}").content for name in ("6.mp4", "6.m4s"))
    assert shown_at(later)[0] == pytest.approx(50.0)
    assert [view["view"] for view in views(gapped)] == ["hls"]
    assert operator.get(f"{FOOTAGE}/hls/4.m4s").status_code == 404


def test_derived_copies_are_marked_in_header_name_and_log(operator, scene) -> None:
    lines = playlist(operator, "derived")
    media = [line for line in lines if line.endswith(".m4s")]
    assert media == ["1/0.m4s", "1/1.m4s", "2/0.m4s", "2/1.m4s"]
    header = operator.get(f"{FOOTAGE}/derived/1/0.mp4")
    part = operator.get(f"{FOOTAGE}/derived/1/1.m4s")
    assert header.headers["rollcall-derived"] == part.headers["rollcall-derived"] == "h264"
    assert shown_at(header.content + part.content)[0] == pytest.approx(6.0)
    clip = operator.get(f"{FOOTAGE}/derived/film.mp4", params={"from": second(0), "to": second(9)})
    assert clip.headers["rollcall-derived"] == "h264"
    assert "_derived-h264.mp4" in clip.headers["content-disposition"]
    assert len(shown_at(clip.content)) == 100
    assert {view["view"] for view in views(scene)} == {"derived"}
    kept = list((scene.house.settings.cache_dir / "viewing").iterdir())
    assert len(kept) == 2
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)
    with scene.house.ledger.read() as work:
        assert len(work.uploads.of_lesson(JUDGED)) == 2, "no copy goes to the store"


def test_no_byte_of_a_segment_that_was_cut_short_leaves(operator, scene) -> None:
    assert operator.get(FILM).status_code == 200
    spooled = scene.segments[1]
    with Path(spooled.path).open("r+b") as file:
        file.truncate(spooled.size_bytes // 2)
    answer = operator.get(FILM, headers={"Range": "bytes=-100"})
    assert answer.status_code >= 500
    assert answer.json()["code"] == "evidence_broken"


def test_an_index_that_is_lost_or_damaged_is_made_again(operator, scene) -> None:
    before = operator.get(FILM).content
    with scene.house.database.transaction(writing=True) as connection:
        assert connection.scalar(select(func.count()).select_from(SampleIndexRow)) == 2
        connection.execute(update(SampleIndexRow).values(content=b"RSI1 torn"))
    operator.app.state.screening = Screening.over(scene.services)  # as after a start
    assert operator.get(FILM).content == before
    with scene.house.ledger.read() as work:
        ids = [segment.segment_id for segment in scene.segments]
        assert set(work.sample_indexes.of_segments(ids)) == set(ids)


def test_who_may_not_see_footage_sees_none_of_it_in_any_way(visitor, scene) -> None:
    visitor.log_in("administrator")
    ways = (
        "film.mp4", "film.vtt", "poster.jpg", "strip.jpg", "hls/playlist.m3u8", "hls/1.m4s", "hls/1.mp4",
        "derived/playlist.m3u8", "derived/1/0.m4s", "derived/1/0.mp4", "derived/film.mp4",
    )  # fmt: skip
    assert {visitor.get(f"{FOOTAGE}/{way}").status_code for way in ways} == {403}
    assert views(scene) == []


def test_footage_removed_after_its_retention_is_in_no_film(operator, scene) -> None:
    before = operator.get(FILM).headers["etag"]
    gone = update(UploadRow).where(UploadRow.sequence == 1).values(removed_at=STARTS)
    with scene.house.database.transaction(writing=True) as connection:
        assert connection.execute(gone).rowcount == 1
    film = operator.get(FILM)
    assert film.headers["etag"] != before
    assert film.headers["rollcall-starts-at"] == (STARTS + timedelta(seconds=10)).isoformat()
    assert len(shown_at(film.content)) == 100
    assert operator.get(f"{FOOTAGE}/hls/1.m4s").status_code == 404
    assert operator.get(f"{FOOTAGE}/derived/1/0.m4s").status_code == 404
