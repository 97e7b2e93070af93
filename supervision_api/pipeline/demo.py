"""``serve --demo``: a synthetic class with a lesson that starts at once, through the ordinary doors.

The trainees are drawn, not photographed; they are enrolled by the same code and judged under the same
calibration as anybody. Each start adds one lesson; what earlier ones left stays.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from ingest.camera import CameraConfig
from ingest.packets import PacketSource, SourceFactory
from ingest.synthetic import scenarios
from ingest.synthetic.enrolment import write_roster
from ingest.synthetic.script import Scenario
from ingest.synthetic.source import SyntheticSource
from models.evidence_leaves import lesson_published
from models.policy import Policy
from models.register import Camera, LessonRecord, Role, TrainingClass
from models.timetable import Lesson, LessonState
from supervision_api.actions.roster_import import ImportOrder, Source, store_roster
from supervision_api.auth_passwords import Passwords
from supervision_api.pipeline.accounts import add_user, set_password
from supervision_api.pipeline.faces import face_setup, open_faces
from supervision_api.pipeline.installation import Installation
from supervision_api.pipeline.roster_enrolment import examine_roster, refuse_unless_importable
from supervision_api.roster_files import read_roster
from supervision_api.settings import Settings

_log = structlog.get_logger(__name__)

SCHEME = "synthetic:"
USER = "demo"
CAMERA = "demo-camera"
ROOM = "101 教室"
CLASS_NAME = "养老护理员（演示班，人物均为程序绘制）"
STARTS_IN = timedelta(seconds=6)


@dataclass(frozen=True, slots=True)
class Demo:
    """What a visitor needs."""

    user: str
    password: str
    lesson: Lesson


def demo_settings(settings: Settings) -> Settings:
    """The same settings over a folder of its own: the demonstration never touches real data."""
    return settings.model_copy(
        update={
            "data_dir": settings.data_dir / "demo",
            "weights_dir": settings.weights_dir or settings.models_dir,
            "origin": "rollcall.demo/log",
            "institution": "示范职业培训学校（演示）",
            "database_url": None,
            "store_immutable": False,
        }
    )


def seed_demo(house: Installation) -> Demo:
    """Class, trainees, camera, account, and a lesson that begins in a few seconds."""
    scenario = scenarios.demo()
    policy = demo_policy(scenario)
    password = secrets.token_urlsafe(9)
    _account(house, password)
    code = scenario.class_code
    with house.ledger.read() as work:
        known = work.classes.find(code) is not None
    if not known:
        _enrol(house, scenario, policy)
    starts_at = (house.clock.now() + STARTS_IN).replace(microsecond=0)
    lesson = replace(
        scenario.lesson(f"demo-{starts_at:%Y%m%dT%H%M%S}", CAMERA),
        class_code=code,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(seconds=scenario.duration_s),
        room=ROOM,
    )
    seed = secrets.token_hex(32)
    with house.ledger.write() as work:
        work.lessons.add(LessonRecord(lesson, policy, LessonState.PLANNED, roll_call_seed=seed))
        work.evidence.append(lesson_published(lesson, policy, seed, house.clock.now()))
    return Demo(USER, password, lesson)


def demo_policy(scenario: Scenario) -> Policy:
    """The scenario's short times; check-in opens with the first picture."""
    policy = scenario.policy
    return replace(
        policy,
        attendance=replace(policy.attendance, check_in_before=STARTS_IN),
        recognition=replace(
            policy.recognition,
            sample_every=timedelta(seconds=2),
            settled_every=timedelta(seconds=2),
        ),
    )


def _account(house: Installation, password: str) -> None:
    passwords = Passwords()
    with house.ledger.read() as work:
        exists = work.users.by_name(USER) is not None
    if exists:
        set_password(house.ledger, passwords, USER, password)
    else:
        add_user(house.ledger, passwords, USER, password, Role.SUPERVISOR, "演示 Demo")


def _enrol(house: Installation, scenario: Scenario, policy: Policy) -> None:
    now = house.clock.now()
    folder = Path(tempfile.mkdtemp(prefix="rollcall-demo-"))
    try:
        write_roster(folder, scenario)
        files = read_roster(folder)
        faces = open_faces(face_setup(house.settings))
        roster = examine_roster(files, now.date(), faces, lambda _share, _what: None, faceless_allowed=False)
        refuse_unless_importable(roster, "demo roster")
        with house.ledger.write() as work:
            work.classes.ensure_institution("local", house.settings.institution, now)
            made = TrainingClass(
                scenario.class_code, CLASS_NAME, "local", programme="养老护理员", policy=policy
            )
            work.classes.add(made, now)
            order = ImportOrder(scenario.class_code, consented=True)
            store_roster(work, order, roster, Source("demo", "0" * 64), now)
            work.cameras.add(Camera(CAMERA, ROOM, SCHEME + "demo", "前方摄像机 Front camera"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _log.info("demo class enrolled", trainees=len(roster.trainees))


def demo_source(house: Installation, lesson_starts_at: datetime) -> SourceFactory:
    """Opens the simulated camera so that the script's second 0 is the lesson's start."""

    def open_camera(_camera: CameraConfig) -> PacketSource:
        ahead_s = (lesson_starts_at - house.clock.now()).total_seconds()
        return SyntheticSource(scenarios.demo(), house.clock, house.clock.monotonic_s() + ahead_s)

    return open_camera
