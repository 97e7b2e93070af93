"""Cameras; their addresses are encrypted."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.register import Camera
from storage.repositories.writing import checked_id, expect_revision, insert
from storage.tables import CameraRow
from storage.vault import Field, Purpose, Vault


class CameraRepository:
    """Cameras by their id."""

    def __init__(self, session: Session, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    def add(self, camera: Camera) -> Camera:
        """Raises ``Conflict`` when the id is taken, ``InvalidInput`` when it cannot name a folder."""
        row = CameraRow(camera_id=checked_id(camera.camera_id, "camera_id"))
        self._fill(row, camera)
        insert(self._session, row)
        return self._value(row)

    def change(self, camera: Camera) -> Camera:
        """Raises ``Conflict`` when ``revision`` is no longer the stored one, ``NotFound``."""
        row = self._row(camera.camera_id)
        expect_revision(row, camera.revision, f"camera {camera.camera_id}")
        self._fill(row, camera)
        self._session.flush()
        return self._value(row)

    def find(self, camera_id: str) -> Camera | None:
        row = self._session.get(CameraRow, camera_id)
        return None if row is None else self._value(row)

    def get(self, camera_id: str) -> Camera:
        """Raises ``NotFound``."""
        return self._value(self._row(camera_id))

    def all(self) -> tuple[Camera, ...]:
        """By room and id."""
        query = select(CameraRow).order_by(CameraRow.room, CameraRow.camera_id)
        return tuple(self._value(row) for row in self._session.scalars(query))

    def in_room(self, room: str) -> tuple[Camera, ...]:
        """Enabled cameras of a room, by id."""
        query = (
            select(CameraRow).where(CameraRow.room == room, CameraRow.enabled).order_by(CameraRow.camera_id)
        )
        return tuple(self._value(row) for row in self._session.scalars(query))

    def remove(self, camera_id: str) -> None:
        """Forget the camera; what it recorded keeps its id. Raises ``NotFound``."""
        self._row(camera_id)
        self._session.execute(delete(CameraRow).where(CameraRow.camera_id == camera_id))

    def _row(self, camera_id: str) -> CameraRow:
        row = self._session.get(CameraRow, camera_id)
        if row is None:
            raise NotFound(f"no camera {camera_id}", hint="check the camera's id")
        return row

    def _fill(self, row: CameraRow, camera: Camera) -> None:
        row.room = camera.room
        row.address = self._vault.encrypt(camera.address.encode(), _place(row.camera_id))
        row.display_name = camera.display_name
        row.enabled = camera.enabled

    def _value(self, row: CameraRow) -> Camera:
        return Camera(
            camera_id=row.camera_id,
            room=row.room,
            address=self._vault.decrypt(row.address, _place(row.camera_id)).decode(),
            display_name=row.display_name,
            enabled=row.enabled,
            revision=row.revision,
        )


def _place(camera_id: str) -> Field:
    return Field(Purpose.CAMERA, "cameras", "address", camera_id)
