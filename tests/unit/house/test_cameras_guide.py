"""docs/guides/cameras.md names every gap cause, report code, probe field and kind of address."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ingest.address import Scheme
from ingest.probe import ProbeReport
from ingest.probe_advice import StreamFacts
from ingest.retry import RetryWaits
from ingest.segment_file import container_carries
from models import errors
from models.footage import GapCause
from models.policy import RecordingPolicy

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "guides" / "cameras.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found.group(1)


def first_cells(text: str) -> set[str]:
    """What stands in back-quotes in the first column of a section's table."""
    return {
        word
        for line in text.splitlines()
        if line.startswith("| ")
        for word in re.findall(r"`([^`]+)`", line.split("|")[1])
    }


def test_every_cause_of_a_gap_is_explained_and_no_other() -> None:
    assert first_cells(section("Why footage is missing")) == {cause.value for cause in GapCause}


def test_every_field_of_the_probe_is_explained_and_no_other() -> None:
    told = {one.name for one in fields(ProbeReport)} - {"facts"} | {one.name for one in fields(StreamFacts)}
    assert first_cells(section("What the probe tells")) == told


@pytest.mark.parametrize("scheme", [scheme for scheme in Scheme if scheme is not Scheme.FILE])
def test_every_kind_of_address_is_listed(scheme: Scheme) -> None:
    assert f"`{scheme}://" in section("Addresses")


def test_every_code_that_a_recorder_reports_is_explained() -> None:
    known = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")}
    source = "".join(
        (ROOT / "ingest" / f"{name}.py").read_text() for name in ("recorder_run", "lesson_watch")
    )
    reported = set(re.findall(r'CameraState\.\w+,\s*"([a-z_]+)"', source)) | {"disk_full", "storage_error"}
    assert reported <= first_cells(section("Codes in a camera's report")) | known
    assert "clock_stepped" in reported


def test_codecs_are_called_kept_that_a_container_carries() -> None:
    kept = {
        word
        for line in section("Codecs").splitlines()
        if "as it is" in line
        for word in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    assert kept >= {"h264", "hevc", "mjpeg"}
    assert all(container_carries(codec) for codec in kept)


def test_the_numbers_on_the_page_are_those_of_the_code() -> None:
    policy, waits = RecordingPolicy(), RetryWaits()
    assert f"for {min(policy.read_timeout, policy.stall_after).seconds} s" in section(
        "Why footage is missing"
    )
    assert f"Over {policy.max_keyframe_interval.seconds} s apart" in section("Keyframes")
    assert waits.first_s == 0.5
    assert waits.settled_s == 5
    assert waits.cap_s * (1 + waits.jitter_share) <= 15
    assert waits.denied_s == 60
