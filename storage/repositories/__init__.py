"""Repositories: rows in, values of ``models`` out. None of them commits; the unit of work does."""

from storage.repositories.calibrations import CalibrationRepository
from storage.repositories.cameras import CameraRepository
from storage.repositories.classes import ClassRepository
from storage.repositories.faces import ErasedFaces, FaceRepository
from storage.repositories.flags import FlagChange, FlagFilter, FlagRepository
from storage.repositories.footage import FootageRepository
from storage.repositories.lessons import LessonFilter, LessonRepository
from storage.repositories.logins import LoginRepository
from storage.repositories.replies import KeptReply, ReplyRepository
from storage.repositories.roster import RosterRepository
from storage.repositories.sightings import SightingFilter, SightingRepository
from storage.repositories.uploads import Backlog, UploadRepository
from storage.repositories.users import UserRepository
from storage.repositories.verdicts import VerdictRepository

__all__ = [
    "Backlog",
    "CalibrationRepository",
    "CameraRepository",
    "ClassRepository",
    "ErasedFaces",
    "FaceRepository",
    "FlagChange",
    "FlagFilter",
    "FlagRepository",
    "FootageRepository",
    "KeptReply",
    "LessonFilter",
    "LessonRepository",
    "LoginRepository",
    "ReplyRepository",
    "RosterRepository",
    "SightingFilter",
    "SightingRepository",
    "UploadRepository",
    "UserRepository",
    "VerdictRepository",
]
