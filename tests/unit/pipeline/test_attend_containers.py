"""The same lesson in another container gives the same attendance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest

from storage.verifier.verify import main as verify
from supervision_api.pipeline.offline import AttendJob, attend
from supervision_api.settings import Settings

pytestmark = [pytest.mark.xdist_group("drawn lesson"), pytest.mark.slow]


def rewrapped(source: Path, target: Path) -> Path:
    """The same packets in the container that the target's name asks for."""
    with av.open(str(source)) as film, av.open(str(target), "w") as output:
        stream = film.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for packet in film.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                output.mux(packet)
    return target


@pytest.mark.parametrize("name", ["lesson.ts", "lesson.mkv"])
def test_every_trainee_gets_the_true_status_from_any_container(
    settings: Settings, drawn_lesson: Path, tmp_path: Path, name: str
) -> None:
    video = rewrapped(drawn_lesson / "lesson.mp4", tmp_path / name)
    out = tmp_path / "out"
    job = AttendJob(drawn_lesson / "roster", (video,), drawn_lesson / "lesson.toml", out)
    attend(settings, job, lambda _share, _what: None)
    document: dict[str, Any] = json.loads((out / "attendance.json").read_text())
    truth: dict[str, Any] = json.loads((drawn_lesson / "ground_truth.json").read_text())
    found = {one["code"]: (one["status"], sorted(one["marks"])) for one in document["trainees"]}
    assert found == {one["code"]: (one["status"], sorted(one["marks"])) for one in truth["expected"]}
    assert verify([str(out)]) == 0
