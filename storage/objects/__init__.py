"""Object stores: footage is written once, locked until a date, and read back."""

from storage.objects.filesystem import FilesystemObjectStore
from storage.objects.locked_store import LockedStore
from storage.objects.memory import MemoryObjectStore
from storage.objects.time_guard import TimeGuard

__all__ = ["FilesystemObjectStore", "LockedStore", "MemoryObjectStore", "TimeGuard"]
