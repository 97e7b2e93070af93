"""More people, longer names and stranger texts than the small scene has: what breaks layouts."""

from __future__ import annotations

from datetime import timedelta

from models.attendance import EvidenceLink, Mark, Reason, Status, Verdict
from models.flags import Flag, FlagKind
from models.policy import Policy
from models.register import ConsentState, LessonRecord, TrainingClass
from models.roster import Trainee
from models.timeline import Interval
from models.timetable import Lesson, LessonState
from storage.unit_of_work import UnitOfWork
from supervision_api.services import Services
from tests.api.scene import CAMERA, ENDS, NOW, STARTS, id_number

CROWD = "HZ-2026-040"
CROWD_LIVE = "HZ-2026-040-live"
CROWD_JUDGED = "HZ-2026-040-judged"
TO_JUDGE = "HZ-2026-040-to-judge"
EMPTY = "HZ-2026-000"
EMPTY_LESSON = "HZ-2026-000-planned"
CROWD_SIZE = 40

LONG_TITLE = "养老护理员（中级）失能老人日常照护与应急处置综合实训第三十二课时暨阶段考核"
LONG_CLASS = "菏泽市二〇二六年度失业人员职业技能提升行动养老护理员（中级）第一百一十四期培训班"
LONG_NAMES = (
    "迪丽热巴·迪力木拉提·阿卜杜热依木",
    "Maximiliana Featherstonehaugh-Cholmondeley",
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
    '"><img src=x onerror=alert(1)>',
    "王",
)


def crowd_names() -> tuple[str, ...]:
    """Forty: the long ones first."""
    plain = (f"学员{number:02d}" for number in range(len(LONG_NAMES) + 1, CROWD_SIZE + 1))
    return (*LONG_NAMES, *plain)


def add_crowd(work: UnitOfWork, services: Services) -> None:
    """A class of forty with a running, a judged and a closing lesson; one of nobody with a planned one."""
    work.classes.add(TrainingClass(CROWD, LONG_CLASS, "local", "养老护理员"), NOW)
    names = crowd_names()
    trainees = [Trainee(f"C{i:03d}", name, id_number(100 + i)) for i, name in enumerate(names, start=1)]
    work.roster.add(CROWD, trainees, NOW)
    for number in range(1, 9):
        work.roster.set_consent(CROWD, f"C{number:03d}", ConsentState.GIVEN, NOW)
    work.classes.add(TrainingClass(EMPTY, "尚未开班", "local"), NOW)
    _lesson(work, CROWD_LIVE, CROWD, NOW - timedelta(minutes=20), LessonState.RUNNING)
    _lesson(work, TO_JUDGE, CROWD, NOW - timedelta(minutes=46), LessonState.CLOSING)
    _lesson(work, CROWD_JUDGED, CROWD, STARTS, LessonState.JUDGED)
    _lesson(work, EMPTY_LESSON, EMPTY, NOW + timedelta(hours=3), LessonState.PLANNED, cameras=())
    work.verdicts.save(tuple(_verdict(trainee.code, i) for i, trainee in enumerate(trainees)), NOW)
    link = EvidenceLink("not_seen", STARTS + timedelta(seconds=6), CAMERA, 0.0)
    reason = Reason("never_seen", (("watched_minutes", "43"), ("required_minutes", "36")))
    work.flags.put(Flag(FlagKind.ABSENCE, CROWD_JUDGED, "C002", "default-1", (reason,), (link,)), NOW)


def _lesson(
    work: UnitOfWork, lesson_id: str, code: str, starts_at, state: LessonState, cameras=(CAMERA,)
) -> None:
    lesson = Lesson(
        lesson_id,
        code,
        LONG_TITLE if code == CROWD else "第1课",
        starts_at,
        starts_at + timedelta(minutes=45),
        room="职业技能实训中心三号楼三层养老护理综合实训室",
        instructor="欧阳·买买提江",
        cameras=cameras,
    )
    work.lessons.add(LessonRecord(lesson, Policy(), state, roll_call_seed="cd" * 32))


def _verdict(code: str, index: int) -> Verdict:
    status = tuple(Status)[index % len(tuple(Status))]
    seen = status in (Status.PRESENT, Status.PARTIAL)
    marks = (Mark.LATE, Mark.ABSENT_IN_MIDDLE, Mark.LEFT_EARLY) if seen and index % 2 == 0 else ()
    measured = (("present_minutes", "35.9"), ("required_minutes", "36"), ("watched_minutes", "43"))
    first, last = (STARTS, ENDS) if seen else (None, None)
    links = (EvidenceLink("first_seen", STARTS + timedelta(seconds=4), CAMERA, 9.0),) if seen else ()
    reasons = (Reason("present_too_short" if seen else "never_seen", measured),)
    if status is Status.ABSENT:
        alike = (
            ("unknown", "unknown-128"),
            ("number", "128"),
            ("trainee", code),
            ("seen_at", "2026-11-23T00:00:06Z"),
        )
        reasons += (Reason("unknown_resembles", alike),)
        links = (EvidenceLink("resembles", STARTS + timedelta(seconds=6), CAMERA, 4.0),)
    return Verdict(
        CROWD_JUDGED, code, status, marks, first, last, (Interval(STARTS, ENDS),) if seen else (), (),
        35.97 if seen else 0.0, 43.0, 36.0, 0.5 if seen else 0.0,
        reasons, links, "default-1",
    )  # fmt: skip
