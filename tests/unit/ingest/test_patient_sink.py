"""A database that is locked for a while must not stop a recording, nor lose or reorder what it says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest.patient_sink import PatientSink
from models.errors import DatabaseBusy, EvidenceBroken, StorageError
from models.footage import Gap, GapCause, Segment
from tests.unit.ingest.fakes import EPOCH, FakeSink


class LockedSink(FakeSink):
    """Refuses so long as ``refusal`` is set; keeps the order of what it took."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal: StorageError | None = None
        self.taken: list[Segment | Gap] = []

    def segment_closed(self, segment: Segment) -> None:
        self._take(segment)

    def gap_declared(self, gap: Gap) -> None:
        self._take(gap)

    def _take(self, item: Segment | Gap) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(item)


def gap(second: int) -> Gap:
    starts_at = EPOCH + timedelta(seconds=second)
    return Gap("L1", "c1", starts_at, starts_at + timedelta(seconds=1), GapCause.STREAM_LOST)


@pytest.fixture
def locked() -> LockedSink:
    return LockedSink()


def test_what_could_not_be_booked_is_booked_later_in_order(locked: LockedSink) -> None:
    told: list[StorageError] = []
    patient = PatientSink(locked, told.append)
    patient.gap_declared(gap(0))
    locked.refusal = DatabaseBusy("locked")
    patient.gap_declared(gap(1))
    patient.gap_declared(gap(2))
    assert patient.waiting == 2
    locked.refusal = None
    patient.gap_declared(gap(3))
    assert locked.taken == [gap(0), gap(1), gap(2), gap(3)]
    assert len(told) == 2


def test_one_that_can_never_be_booked_does_not_hold_up_the_rest(locked: LockedSink) -> None:
    told: list[StorageError] = []
    patient = PatientSink(locked, told.append)
    locked.refusal = EvidenceBroken("vanished")
    patient.gap_declared(gap(0))
    locked.refusal = None
    patient.gap_declared(gap(1))
    assert locked.taken == [gap(1)]
    assert patient.waiting == 0
    assert isinstance(told[0], EvidenceBroken)


def test_a_defect_is_not_hidden(locked: LockedSink) -> None:
    class Broken(LockedSink):
        def gap_declared(self, gap: Gap) -> None:
            raise KeyError("a defect")

    with pytest.raises(KeyError):
        PatientSink(Broken(), lambda _: None).gap_declared(gap(0))
