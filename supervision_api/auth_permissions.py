"""Who may do what: one small table (domain.md, people and rights)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from models.register import Role


class Permission(StrEnum):
    """A thing one may do. Scope (which institution's) is asked elsewhere and answers *not found*."""

    READ_CLASSES = "read_classes"
    EDIT_CLASSES = "edit_classes"
    READ_ATTENDANCE = "read_attendance"
    ENTER_ATTENDANCE = "enter_attendance"
    CORRECT_ATTENDANCE = "correct_attendance"
    APPROVE_HOURS = "approve_hours"
    READ_FLAGS = "read_flags"
    VIEW_FOOTAGE = "view_footage"
    READ_CAMERAS = "read_cameras"
    EDIT_CAMERAS = "edit_cameras"
    READ_EVIDENCE = "read_evidence"
    EXPORT = "export"
    PLACE_HOLD = "place_hold"
    READ_STORAGE = "read_storage"


_READ = frozenset(
    {
        Permission.READ_CLASSES,
        Permission.READ_ATTENDANCE,
        Permission.READ_FLAGS,
        Permission.VIEW_FOOTAGE,
        Permission.READ_CAMERAS,
        Permission.READ_EVIDENCE,
        Permission.READ_STORAGE,
    }
)

_SUPERVISE = frozenset(
    {
        Permission.CORRECT_ATTENDANCE,
        Permission.APPROVE_HOURS,
        Permission.EXPORT,
        Permission.PLACE_HOLD,
    }
)

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OPERATOR: _READ
    | {
        Permission.EDIT_CLASSES,
        Permission.ENTER_ATTENDANCE,
        Permission.CORRECT_ATTENDANCE,
        Permission.EDIT_CAMERAS,
        Permission.EXPORT,
    },
    Role.INSTRUCTOR: frozenset(
        {
            Permission.READ_CLASSES,
            Permission.READ_ATTENDANCE,
            Permission.ENTER_ATTENDANCE,
            Permission.CORRECT_ATTENDANCE,
        }
    ),
    Role.SUPERVISOR: _READ | _SUPERVISE,
    Role.CHIEF: _READ | _SUPERVISE,
    Role.INSPECTOR: _READ,
    Role.AUDITOR: _READ | {Permission.EXPORT, Permission.PLACE_HOLD},
    # runs the machines: cameras and health, no faces, no lessons' pictures.
    Role.ADMINISTRATOR: frozenset(
        {
            Permission.READ_CLASSES,
            Permission.READ_CAMERAS,
            Permission.EDIT_CAMERAS,
            Permission.READ_STORAGE,
        }
    ),
    Role.PLATFORM: frozenset(),
}


def may(role: Role, permission: Permission) -> bool:
    """Whether the role has the permission."""
    return permission in PERMISSIONS[role]
