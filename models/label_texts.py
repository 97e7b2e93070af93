"""Short names of statuses, marks, flags, states and causes, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from models.attendance import Mark, Status
from models.attendance_evidence import Shows
from models.correction import CorrectionReason
from models.flags import FlagKind, FlagState
from models.footage import GapCause
from models.texts import Text
from models.timetable import LessonState

STATUS_LABELS: Mapping[Status, Text] = MappingProxyType(
    {
        Status.PRESENT: Text("出勤", "present"),
        Status.PARTIAL: Text("部分出勤", "partly present"),
        Status.ABSENT: Text("缺勤", "absent"),
        Status.NOT_OBSERVABLE: Text("无法观察", "not observable"),
        Status.EXCUSED: Text("请假", "excused"),
    }
)

MARK_LABELS: Mapping[Mark, Text] = MappingProxyType(
    {
        Mark.LATE: Text("迟到", "late"),
        Mark.LEFT_EARLY: Text("早退", "left early"),
        Mark.ABSENT_IN_MIDDLE: Text("中途离开", "away in the middle"),
    }
)

FLAG_LABELS: Mapping[FlagKind, Text] = MappingProxyType(
    {
        FlagKind.ABSENCE: Text("缺勤", "absence"),
        FlagKind.LATE: Text("迟到", "late"),
        FlagKind.LEFT_EARLY: Text("早退", "left early"),
        FlagKind.ABSENT_IN_MIDDLE: Text("中途离开", "away in the middle"),
        FlagKind.LOW_TURNOUT: Text("到课率低", "low turnout"),
        FlagKind.STRANGER: Text("名册外人员", "stranger"),
        FlagKind.HEADCOUNT_MISMATCH: Text("人数不符", "headcount mismatch"),
        FlagKind.DUPLICATE_IDENTITY: Text("一人多号", "duplicate identity"),
        FlagKind.CAMERA_DOWN: Text("摄像头离线", "camera down"),
        FlagKind.CAMERA_COVERED: Text("摄像头被遮挡", "camera covered"),
        FlagKind.CAMERA_FROZEN: Text("画面冻结", "camera frozen"),
        FlagKind.FOOTAGE_GAP: Text("录像缺失", "footage gap"),
        FlagKind.LOW_COVERAGE: Text("有效观察不足", "low coverage"),
        FlagKind.EVIDENCE: Text("证据异常", "evidence broken"),
    }
)

FLAG_STATE_LABELS: Mapping[FlagState, Text] = MappingProxyType(
    {FlagState.OPEN: Text("待处理", "open"), FlagState.WITHDRAWN: Text("已撤回", "withdrawn")}
)

SHOWS_LABELS: Mapping[Shows, Text] = MappingProxyType(
    {
        Shows.FIRST_SEEN: Text("首次见到", "first seen"),
        Shows.LAST_SEEN: Text("最后见到", "last seen"),
        Shows.BEST: Text("最清晰的一次", "clearest sighting"),
        Shows.HOLE_BEGINS: Text("离开前最后见到", "last seen before leaving"),
        Shows.HOLE_ENDS: Text("返回后首次见到", "first seen after returning"),
        Shows.NOT_SEEN: Text("未见本人", "not there"),
        Shows.HEADCOUNT: Text("清点人数", "headcount"),
        Shows.BEGINS: Text("开始", "begins"),
        Shows.ENDS: Text("结束", "ends"),
        Shows.RESEMBLES: Text("相像的未知人员", "an unidentified person"),
    }
)

LESSON_STATE_LABELS: Mapping[LessonState, Text] = MappingProxyType(
    {
        LessonState.PLANNED: Text("未开始", "planned"),
        LessonState.OPEN: Text("签到中", "checking in"),
        LessonState.RUNNING: Text("上课中", "running"),
        LessonState.CLOSING: Text("收尾中", "closing"),
        LessonState.JUDGED: Text("已判定", "judged"),
        LessonState.SEALED: Text("已封存", "sealed"),
    }
)

GAP_CAUSE_LABELS: Mapping[GapCause, Text] = MappingProxyType(
    {
        GapCause.CONNECTING: Text("正在连接", "connecting"),
        GapCause.STREAM_UNREACHABLE: Text("无法连接", "stream unreachable"),
        GapCause.STREAM_LOST: Text("视频流中断", "stream lost"),
        GapCause.STREAM_STALLED: Text("视频流停滞", "stream stalled"),
        GapCause.STREAM_DENIED: Text("摄像头拒绝登录", "stream denied"),
        GapCause.CLOCK_JUMP: Text("时钟跳变", "clock jump"),
        GapCause.PROCESS_RESTARTED: Text("程序重启", "process restarted"),
        GapCause.DISK_FULL: Text("磁盘已满", "disk full"),
        GapCause.SEGMENT_DAMAGED: Text("录像片段损坏", "segment damaged"),
        GapCause.RECORDER_FAILED: Text("录像程序故障", "recorder failed"),
        GapCause.SOURCE_ENDED: Text("视频源结束", "source ended"),
    }
)

CORRECTION_LABELS: Mapping[CorrectionReason, Text] = MappingProxyType(
    {
        CorrectionReason.MACHINE_MISSED: Text("机器漏识别", "the machine missed them"),
        CorrectionReason.WRONG_PERSON: Text("识别成他人", "taken for someone else"),
        CorrectionReason.CAMERA_FAILED: Text("摄像头故障", "the camera failed"),
        CorrectionReason.LEAVE_FILED_LATE: Text("补办请假", "leave filed late"),
        CorrectionReason.TIMETABLE_CHANGED: Text("课程表变更", "the timetable changed"),
        CorrectionReason.APPEAL_UPHELD: Text("申诉成立", "an appeal was upheld"),
        CorrectionReason.FRAUD_FOUND: Text("查实造假", "fraud was found"),
        CorrectionReason.OTHER: Text("其他", "other"),
    }
)


_BY_ENUM: Mapping[tuple[type[StrEnum], str], Text] = MappingProxyType(
    {
        (type(value), value.value): text
        for labels in (
            STATUS_LABELS,
            MARK_LABELS,
            FLAG_LABELS,
            FLAG_STATE_LABELS,
            SHOWS_LABELS,
            LESSON_STATE_LABELS,
            GAP_CAUSE_LABELS,
            CORRECTION_LABELS,
        )
        for value, text in labels.items()
    }
)


def label(value: StrEnum, language: str) -> str:
    """The short name of an enum's value.

    Raises:
        KeyError: the enum has no labels.
    """
    return _BY_ENUM[type(value), value.value].template(language)
