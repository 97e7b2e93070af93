"""Reasons of verdicts and flags as sentences, in both languages. Every code that a rule gives has one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from types import MappingProxyType

from models.attendance import Mark, Reason, Status
from models.label_texts import MARK_LABELS, STATUS_LABELS
from models.texts import SHANGHAI, Text, render

VERDICT_TEXTS: Mapping[str, Text] = MappingProxyType(
    {
        "present_enough": Text(
            "在课 {present_minutes} 分钟，达到要求的 {required_minutes} 分钟",
            "present for {present_minutes} min; {required_minutes} min are required",
        ),
        "present_too_short": Text(
            "在课 {present_minutes} 分钟，不足要求的 {required_minutes} 分钟",
            "present for {present_minutes} min, less than the required {required_minutes} min",
        ),
        "seen_too_short": Text(
            "在课仅 {present_minutes} 分钟，不足 {stretch_minutes} "
            "分钟，按缺勤计（摄像头有效观察 {watched_minutes} 分钟）",
            "present for {present_minutes} min only, under {stretch_minutes} min "
            "(watched for {watched_minutes} min)",
        ),
        "never_seen": Text(
            "摄像头有效观察 {watched_minutes} 分钟，始终未见本人",
            "never seen in {watched_minutes} watched minutes",
        ),
        "unknown_resembles": Text(
            "{seen_at} 出现的未知人员 {number} 与学员 {trainee} 相像，请先查看录像再作认定",
            "unidentified person {number}, seen at {seen_at}, resembles trainee {trainee}: "
            "look at the footage before deciding",
        ),
        "unobserved_could_lift": Text(
            "在课 {present_minutes} 分钟；另有 {unobserved_minutes} 分钟无法观察，可能达到要求的 "
            "{required_minutes} 分钟，故不作缺勤认定",
            "present for {present_minutes} min; a further "
            "{unobserved_minutes} min could not be observed and might "
            "reach the required {required_minutes} min, so absence is not proven",
        ),
        "late": Text(
            "{arrived_at} 才到，此前已有效观察 {watched_minutes} 分钟（宽限 {grace_minutes} 分钟）",
            "arrived at {arrived_at} after {watched_minutes} watched minutes (grace: {grace_minutes} min)",
        ),
        "late_unproven": Text(
            "{arrived_at} 首次见到，但此前只有效观察 {watched_minutes} 分钟，不能认定迟到",
            "first there at {arrived_at}, but only {watched_minutes} "
            "min before were watched: not proven late",
        ),
        "left_early": Text(
            "{left_at} 后未再见到，其后有效观察 {watched_minutes} 分钟（宽限 {grace_minutes} 分钟）",
            "not there after {left_at}, for {watched_minutes} watched minutes (grace: {grace_minutes} min)",
        ),
        "left_early_unproven": Text(
            "{left_at} 后未再见到，但其后只有效观察 {watched_minutes} 分钟，不能认定早退",
            "not there after {left_at}, but only {watched_minutes} min after were watched: not proven early",
        ),
        "absent_in_middle": Text(
            "{begins_at} 至 {ends_at} 不在，其间有效观察 {watched_minutes} 分钟（允许 {gap_minutes} 分钟）",
            "away from {begins_at} to {ends_at}, {watched_minutes} "
            "min of it watched (allowed: {gap_minutes} min)",
        ),
        "outage_bridged": Text(
            "有 {bridged_minutes} 分钟无法观察，因前后均见到本人，按在课计",
            "{bridged_minutes} min could not be observed but lie between sightings, and count as present",
        ),
        "partly_unobserved": Text(
            "有 {unobserved_minutes} 分钟无法观察，不计在课也不计缺勤",
            "{unobserved_minutes} min could not be observed: neither present nor absent",
        ),
        "leave_approved": Text(
            "{begins_at} 至 {ends_at} 请假已获批准（{actor}：{reason}）",
            "leave approved from {begins_at} to {ends_at} ({actor}: {reason})",
        ),
        "leave_covers": Text("请假时间覆盖缺席时间", "the approved leave covers the missing time"),
        "leave_too_short": Text(
            "请假 {leave_minutes} 分钟，不足以覆盖缺席时间",
            "the approved leave of {leave_minutes} min does not cover the missing time",
        ),
        "leave_and_unobserved": Text(
            "在课 {present_minutes} 分钟，请假 {leave_minutes} 分钟，另有 {unobserved_minutes} 分钟无法观察，"
            "合计可能达到要求的 {required_minutes} 分钟，故不作缺勤认定",
            "present for {present_minutes} min, on approved leave for {leave_minutes} min; a further "
            "{unobserved_minutes} min could not be observed: together they might reach the required "
            "{required_minutes} min, so absence is not proven",
        ),
        "instructor_confirmed": Text(
            "{begins_at} 至 {ends_at} 由教师确认在课（{actor}：{reason}）",
            "confirmed as present from {begins_at} to {ends_at} by the instructor ({actor}: {reason})",
        ),
        "hours_credited": Text(
            "计 {credited_minutes} 分钟，每课时 {class_hour_minutes} "
            "分钟，认定 {hours} 课时（计划 {planned_hours}）",
            "{credited_minutes} min credited at {class_hour_minutes} "
            "min a class hour: {hours} of {planned_hours}",
        ),
    }
)

FLAG_TEXTS: Mapping[str, Text] = MappingProxyType(
    {
        "corrected": Text("由 {actor} 更正（{reason_code}）", "corrected by {actor} ({reason_code})"),
        "low_turnout": Text(
            "应到 {expected} 人，实到 {came} 人（{turnout_share}，要求不低于 {least_share}）",
            "{came} of {expected} came ({turnout_share}; at least {least_share} is asked)",
        ),
        "low_coverage": Text(
            "{lesson_minutes} 分钟课程中有效观察 {watched_minutes} "
            "分钟（{coverage_share}，要求不低于 {least_share}）",
            "{watched_minutes} of {lesson_minutes} min were "
            "watched ({coverage_share}; at least {least_share} is "
            "asked)",
        ),
        "stranger_stayed": Text(
            "名册外人员在课 {present_minutes} 分钟（{first_seen_at} "
            "至 {last_seen_at}，允许 {allowed_minutes} 分钟）",
            "someone not on the roster stayed {present_minutes} min ({first_seen_at} to {last_seen_at}; "
            "allowed: {allowed_minutes} min)",
        ),
        "headcount_mismatch": Text(
            "{seen_at} 前后 {over_minutes} 分钟内数得 {people} 人，识别出 {named} 人（允许相差 {tolerance}）",
            "around {seen_at}, over {over_minutes} min, {people} people were counted and {named} named "
            "(allowed difference: {tolerance})",
        ),
        "same_face": Text(
            "{first} 与 {second} 为同一张面孔（距离 {distance}）",
            "{first} and {second} have the same face (distance {distance})",
        ),
        "camera_down": Text(
            "摄像头 {camera} 自 {begins_at} 起无视频 {times} 次，共 {total_minutes} 分钟",
            "camera {camera} sent no video from {begins_at}: {times} time(s), {total_minutes} min in all",
        ),
        "camera_covered": Text(
            "摄像头 {camera} 自 {begins_at} 起画面被遮挡或全黑 {times} 次，共 {total_minutes} 分钟",
            "camera {camera} was covered or dark from {begins_at}: "
            "{times} time(s), {total_minutes} min in all",
        ),
        "camera_frozen": Text(
            "摄像头 {camera} 自 {begins_at} 起画面静止不变 {times} 次，共 {total_minutes} 分钟",
            "camera {camera} sent an unchanging picture from "
            "{begins_at}: {times} time(s), {total_minutes} min "
            "in all",
        ),
        "footage_gap": Text(
            "摄像头 {camera} 自 {begins_at} 起录像缺失 {times} 次，共 {total_minutes} 分钟（{causes}）",
            "footage of camera {camera} is missing from {begins_at}: "
            "{times} time(s), {total_minutes} min in all "
            "({causes})",
        ),
        "footage_not_stored": Text(
            "摄像头 {camera} 的录像自 {since_at} 起一直未能存入对象存储，仍在本机等待",
            "footage of camera {camera} has waited on this machine since {since_at}: "
            "the store has not taken it",
        ),
        "footage_not_locked": Text(
            "摄像头 {camera} 自 {since_at} 起的录像在存储中内容不符或未按要求锁定",
            "footage of camera {camera} from {since_at} lies in the store with other bytes or without "
            "the lock it must have",
        ),
        "footage_vanished": Text(
            "摄像头 {camera} 自 {since_at} 起的录像在本机和存储中均已找不到",
            "footage of camera {camera} from {since_at} is neither on this machine nor in the store",
        ),
        "footage_not_confirmed": Text(
            "存储不再确认摄像头 {camera} 自 {since_at} 起的录像，正在重新存入",
            "the store no longer confirms footage of camera {camera} from {since_at}; it is stored again",
        ),
        "footage_altered": Text(
            "摄像头 {camera} 有 {count} 段存储的录像与证据日志不符（第 {segments} 段）",
            "{count} stored segment(s) of camera {camera} are not what the log recorded ({segments})",
        ),
        "footage_missing": Text(
            "摄像头 {camera} 有 {count} 段录像已不在存储中（第 {segments} 段）",
            "{count} segment(s) of camera {camera} are gone from the store ({segments})",
        ),
        "lock_missing": Text(
            "摄像头 {camera} 有 {count} 段录像没有保存锁（第 {segments} 段）",
            "{count} segment(s) of camera {camera} have no retention lock ({segments})",
        ),
        "lock_short": Text(
            "摄像头 {camera} 有 {count} 段录像的保存锁期限不足（第 {segments} 段）",
            "the retention lock of {count} segment(s) of camera {camera} is too short ({segments})",
        ),
        "footage_not_in_log": Text(
            "摄像头 {camera} 有 {count} 段录像在证据日志中没有记录（第 {segments} 段）",
            "the log has no record of {count} stored segment(s) of camera {camera} ({segments})",
        ),
    }
)

REASON_TEXTS: Mapping[str, Text] = MappingProxyType({**VERDICT_TEXTS, **FLAG_TEXTS})


def render_reason(reason: Reason, language: str, zone: tzinfo = SHANGHAI) -> str:
    """The sentence for a reason; instants are shown in ``zone``."""
    return render(REASON_TEXTS, reason.code, reason.values, language, zone)


def status_text(status: Status, language: str) -> str:
    """The short name of a status."""
    return STATUS_LABELS[status].template(language)


def mark_text(mark: Mark, language: str) -> str:
    """The short name of a mark."""
    return MARK_LABELS[mark].template(language)
