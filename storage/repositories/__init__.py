"""Repositories: rows in, values of ``models`` out. None of them commits; the unit of work does."""

from storage.repositories.calibrations import CalibrationRepository
from storage.repositories.cameras import CameraRepository
from storage.repositories.classes import ClassRepository
from storage.repositories.cosigners import CosignerRepository
from storage.repositories.faces import ErasedFaces, FaceRepository
from storage.repositories.flags import FlagChange, FlagFilter, FlagRepository
from storage.repositories.footage import FootageRepository
from storage.repositories.holds import HoldRepository
from storage.repositories.lessons import LessonFilter, LessonRepository
from storage.repositories.log_objects import LogObjectRepository, TimestampRepository
from storage.repositories.logins import LoginRepository
from storage.repositories.rehash import RehashRepository
from storage.repositories.removals import ExpiringLesson, RemovalRepository, RemovedFootage
from storage.repositories.replies import KeptReply, ReplyRepository
from storage.repositories.resemblances import ResemblanceRepository
from storage.repositories.roster import RosterRepository
from storage.repositories.sample_indexes import SampleIndexRepository
from storage.repositories.sightings import SightingFilter, SightingRepository
from storage.repositories.storage_use import StorageUseRepository
from storage.repositories.uploads import Backlog, UploadRepository
from storage.repositories.users import UserRepository
from storage.repositories.verdicts import VerdictRepository

__all__ = [
    "Backlog",
    "CalibrationRepository",
    "CameraRepository",
    "ClassRepository",
    "CosignerRepository",
    "ErasedFaces",
    "ExpiringLesson",
    "FaceRepository",
    "FlagChange",
    "FlagFilter",
    "FlagRepository",
    "FootageRepository",
    "HoldRepository",
    "KeptReply",
    "LessonFilter",
    "LessonRepository",
    "LogObjectRepository",
    "LoginRepository",
    "RehashRepository",
    "RemovalRepository",
    "RemovedFootage",
    "ReplyRepository",
    "ResemblanceRepository",
    "RosterRepository",
    "SampleIndexRepository",
    "SightingFilter",
    "SightingRepository",
    "StorageUseRepository",
    "TimestampRepository",
    "UploadRepository",
    "UserRepository",
    "VerdictRepository",
]
