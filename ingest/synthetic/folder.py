"""Writes all that one needs to try a scenario: video, roster, lesson file and ground truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.synthetic.enrolment import write_roster
from ingest.synthetic.script import Scenario
from ingest.synthetic.truth import ground_truth
from ingest.synthetic.video import Encoding, write_video
from models.policy import Policy
from models.policy_overrides import policy_values

_ZONE = ZoneInfo("Asia/Shanghai")


def write_scenario(
    folder: Path,
    scenario: Scenario,
    *,
    encoding: Encoding | None = None,
    photos: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Fill ``folder`` with ``lesson.mp4``, ``roster/``, ``lesson.toml`` and ``ground_truth.json``.

    Returns:
        The video's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_roster(folder / "roster", scenario, photos)
    (folder / "lesson.toml").write_text(lesson_toml(scenario), encoding="utf-8")
    truth = json.dumps(ground_truth(scenario), ensure_ascii=False, indent=1)
    (folder / "ground_truth.json").write_text(truth + "\n", encoding="utf-8")
    video = folder / "lesson.mp4"
    write_video(video, scenario, encoding, progress)
    return video


def lesson_toml(scenario: Scenario) -> str:
    """The lesson file, with the policy fields that differ from the defaults."""
    lesson = scenario.lesson("synthetic", "camera")
    lines = [
        f'class_code = "{scenario.class_code}"',
        f'title = "{scenario.title}"',
        f"starts_at = {lesson.starts_at.astimezone(_ZONE).isoformat()}",
        f"ends_at = {lesson.ends_at.astimezone(_ZONE).isoformat()}",
        "",
        "[policy]",
    ]
    lines += [f"{name} = {json.dumps(value)}" for name, value in policy_changes(scenario.policy).items()]
    return "\n".join(lines) + "\n"


def policy_changes(policy: Policy) -> dict[str, str | float | int]:
    """The fields that are not at their default, as a lesson file writes them."""
    usual = policy_values(Policy())
    return {name: value for name, value in policy_values(policy).items() if value != usual[name]}
