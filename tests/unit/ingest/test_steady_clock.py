"""The recorder's clock does not follow a machine's clock that is set."""

from __future__ import annotations

from ingest.steady_clock import SteadyClock
from tests.unit.ingest.fakes import EPOCH, FakeClock


def test_it_starts_with_the_machine_and_goes_on_with_time() -> None:
    clock = FakeClock()
    steady = SteadyClock(clock)
    clock.advance(12.5)
    assert steady.now_s() - EPOCH.timestamp() == 12.5
    assert steady.offset_s() == 0


def test_a_clock_set_back_an_hour_is_told_not_followed() -> None:
    clock = FakeClock()
    steady = SteadyClock(clock)
    clock.advance(10)
    clock.step(-3600)
    assert steady.now_s() - EPOCH.timestamp() == 10
    assert steady.offset_s() == -3600
