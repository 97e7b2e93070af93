"""Calibrations, found by the fingerprint of the encoder they belong to."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.register import StoredCalibration
from storage.repositories.writing import insert
from storage.tables import CalibrationRow


class CalibrationRepository:
    """Calibrations by fingerprint; older ones are kept, since old verdicts were made under them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, calibration: StoredCalibration) -> None:
        insert(
            self._session,
            CalibrationRow(
                fingerprint=calibration.fingerprint,
                document=dict(calibration.document),
                source=calibration.source,
                created_at=calibration.created_at,
            ),
        )

    def latest(self, fingerprint: str) -> StoredCalibration | None:
        query = (
            select(CalibrationRow)
            .where(CalibrationRow.fingerprint == fingerprint)
            .order_by(CalibrationRow.created_at.desc(), CalibrationRow.calibration_id.desc())
            .limit(1)
        )
        row = self._session.scalar(query)
        return None if row is None else _value(row)

    def all(self) -> tuple[StoredCalibration, ...]:
        """By fingerprint, newest first."""
        query = select(CalibrationRow).order_by(
            CalibrationRow.fingerprint, CalibrationRow.created_at.desc(), CalibrationRow.calibration_id.desc()
        )
        return tuple(_value(row) for row in self._session.scalars(query))


def _value(row: CalibrationRow) -> StoredCalibration:
    return StoredCalibration(row.fingerprint, row.document, row.created_at, row.source)
