"""HLS over the same bytes; where a film stands still; and the copies for what browsers refuse."""

from __future__ import annotations

import io
import os
from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest

from ingest.viewing_copy import viewing_copy
from models.errors import FrameDamaged, InvalidInput, StorageError, VideoInvalid
from models.footage import Gap, GapCause
from recognition.contact_sheet import contact_sheet, first_picture
from storage.playback.film import film_of
from storage.playback.hls import entries_of, init_of, media_of, playlist_of
from storage.playback.timeline import Cut, cut_to
from supervision_api.actions.film import whole_file
from supervision_api.actions.viewing_copies import CHUNK_S, KEPT_FOR, ViewingCopies, chunks_of
from supervision_api.console.film_cues import captions, silences_of
from supervision_api.console.i18n import Languages
from tests.unit.playback.segments import STARTS, parts_of, pictures, put_together, segment

SEGMENTS = {"a": segment(grey=20), "b": segment(grey=60)}
LONG = {"long": segment(seconds=20, grey=0)}


def read(source: str, start: int, end: int) -> bytes:
    return {**SEGMENTS, **LONG}[source][start:end]


def test_media_follow_each_other_on_one_clock() -> None:
    cuts = cut_to(parts_of(SEGMENTS, 0, 4), None, None)
    stream = init_of(cuts[0].part.index) + b"".join(
        put_together(media_of(cut, STARTS, number), SEGMENTS) for number, cut in enumerate(cuts, start=1)
    )
    shown = pictures(stream)
    assert [second for second, _ in shown] == pytest.approx([number / 10 for number in range(80)], abs=0.002)
    assert [grey for _, grey in shown][40] == pytest.approx(60, abs=4)


def listed(*starts_s: float, ended: bool = True) -> list[str]:
    cuts = cut_to(parts_of(SEGMENTS, *starts_s), None, None)
    entries = entries_of(cuts, lambda cut: f"{cut.part.source}.m4s", lambda cut: f"{cut.part.source}.mp4")
    return playlist_of(entries, ended=ended).splitlines()


def test_a_discontinuity_stands_at_a_gap_and_nowhere_else() -> None:
    assert "#EXT-X-DISCONTINUITY" not in listed(0, 4)
    assert listed(0, 10).count("#EXT-X-DISCONTINUITY") == 1
    assert "#EXT-X-PROGRAM-DATE-TIME:2026-11-23T01:00:10.000Z" in listed(0, 10)


def test_no_segment_is_longer_than_the_target_and_a_running_lesson_has_no_end() -> None:
    lines = listed(0, 4, ended=False)
    longest = max(float(line[8:-1]) for line in lines if line.startswith("#EXTINF:"))
    assert longest <= int(next(line for line in lines if "TARGETDURATION" in line).split(":")[1])
    assert "#EXT-X-ENDLIST" not in lines
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in lines


def gap(first_s: float, last_s: float, cause: GapCause) -> Gap:
    return Gap("l", "c", STARTS + timedelta(seconds=first_s), STARTS + timedelta(seconds=last_s), cause)


def test_a_film_stands_still_where_nothing_was_recorded_for_the_cause_that_covers_most_of_it() -> None:
    film = film_of(cut_to(parts_of(SEGMENTS, 0, 3661), None, None))
    gaps = (gap(4, 5, GapCause.STREAM_STALLED), gap(5, 3661, GapCause.STREAM_LOST))
    (silence,) = silences_of(film, gaps)
    assert (silence.start_s, silence.end_s) == (pytest.approx(4, abs=0.01), pytest.approx(3661, abs=0.01))
    assert silence.cause == "stream_lost"
    assert "00:00:04.000 --> 01:01:01.000" in captions(film, gaps, Languages("en").get("en"))
    assert silences_of(film, ())[0].cause == "", "missing without a word is told as well"
    assert silences_of(film_of(cut_to(parts_of(SEGMENTS, 0, 4), None, None)), gaps) == ()


def test_chunks_begin_at_keyframes_and_leave_nothing_out() -> None:
    (part,) = parts_of(LONG, 0)
    chunks = chunks_of(part)
    assert [chunk.last for chunk in chunks[:-1]] == [chunk.first for chunk in chunks[1:]]
    assert (chunks[0].first, chunks[-1].last) == (0, part.index.count)
    assert all(part.index.sync[chunk.first] for chunk in chunks)
    assert [chunk.starts_at - STARTS for chunk in chunks] == [
        timedelta(seconds=CHUNK_S) * n for n in range(4)
    ]


@pytest.fixture
def copies(tmp_path: Path) -> ViewingCopies:
    return ViewingCopies(tmp_path / "viewing")


def test_a_copy_shows_the_same_pictures_at_the_same_times(copies: ViewingCopies) -> None:
    (part,) = parts_of(LONG, 0)
    chunks = chunks_of(part)
    derived = copies.film(chunks, read)
    shown = pictures(whole_file(derived.film.file, derived.read))
    assert [second for second, _ in shown] == pytest.approx([number / 10 for number in range(200)], abs=0.002)
    assert all(abs(grey - number) <= 6 for number, (_, grey) in enumerate(shown))


def test_a_copy_is_made_once_and_goes_when_nobody_looks(copies: ViewingCopies, tmp_path: Path) -> None:
    made: list[int] = []

    def make(film: bytes) -> bytes:
        made.append(len(film))
        return viewing_copy(film)

    counted = ViewingCopies(tmp_path / "viewing", make)
    (part,) = parts_of(SEGMENTS, 0, 4)[:1]
    chunk = chunks_of(part)[0]
    name = counted.part_of(chunk, read).source
    counted.part_of(chunk, read)
    assert len(made) == 1
    path = tmp_path / "viewing" / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert counted.sweep(STARTS) == 0
    long_ago = (STARTS - KEPT_FOR).timestamp() - 1
    os.utime(path, (long_ago, long_ago))
    assert counted.sweep(STARTS) == 1
    with pytest.raises(StorageError):
        counted.read(name, 0, 10)


def test_a_derived_clip_has_a_longest_length(copies: ViewingCopies) -> None:
    parts = parts_of(SEGMENTS, 0, 301)
    with pytest.raises(InvalidInput):
        copies.film([chunks_of(part)[0] for part in parts], read)


def test_a_copy_is_no_higher_than_needed_and_of_even_sides() -> None:
    content = segment(seconds=1, size=(640, 482), bf=0)
    with av.open(io.BytesIO(viewing_copy(content, 240))) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (318, 240)


@pytest.mark.parametrize("content", [b"", b"no film", segment()[:700]])
def test_nothing_that_can_be_decoded_is_said_so(content: bytes) -> None:
    with pytest.raises(VideoInvalid):
        viewing_copy(content)
    with pytest.raises(FrameDamaged):
        first_picture(content)


def test_any_keyframe_alone_is_a_picture() -> None:
    (part,) = parts_of(LONG, 0)
    number = int(np.flatnonzero(part.index.sync)[3])
    still = first_picture(whole_file(film_of([Cut(part, number, number + 1)]).file, read))
    assert still.shape == (48, 64, 3)
    assert float(still.mean()) == pytest.approx(30, abs=4)


def test_a_sheet_has_a_tile_for_each_picture_and_hatches_what_is_missing() -> None:
    white = np.full((100, 50, 3), 255, np.uint8)
    jpeg = contact_sheet([white, None], (64, 36))
    with av.open(io.BytesIO(jpeg), format="mjpeg") as container:
        sheet = next(container.decode(video=0)).to_ndarray(format="gray")
    assert sheet.shape == (36, 128)
    assert sheet[18, 32] > 240 > 40 > sheet[18, 4], "a tall picture stands in the middle of its tile"
    assert 190 < sheet[:, 70:].mean() < 240
