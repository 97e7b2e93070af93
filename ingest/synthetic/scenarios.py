"""Ready-made scenarios."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ingest.synthetic.script import Event, EventKind, Person, Role, Scenario, Stay
from models.errors import InvalidInput
from models.policy import AttendancePolicy, FlagPolicy, Policy


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def _policy(
    version: str, *, grace_s: float, gap_s: float, class_hour_s: float, stranger_s: float, camera_s: float
) -> Policy:
    """A policy whose times shrink with the lesson."""
    return Policy(
        version=version,
        attendance=AttendancePolicy(
            presence_gap=_seconds(gap_s),
            late_after=_seconds(grace_s),
            early_before=_seconds(grace_s),
            min_stretch=_seconds(grace_s),
            class_hour=_seconds(class_hour_s),
            drain=_seconds(10),
        ),
        flags=FlagPolicy(
            stranger_after=_seconds(stranger_s),
            camera_down_after=_seconds(camera_s),
            camera_covered_after=_seconds(camera_s),
            camera_frozen_after=_seconds(camera_s),
            low_coverage_share=0.8,
        ),
    )


def _trainee(number: int, *stays: Stay) -> Person:
    return Person(cast=number, code=f"T{number + 1:03d}", stays=stays)


def _stranger(cast: int, *stays: Stay) -> Person:
    return Person(cast=cast, role=Role.STRANGER, stays=stays)


def demo() -> Scenario:
    """Four minutes, 15 seats, 1280×720: on time, one late, one leaves early, one absent with a stranger
    in the seat."""
    end = 240.0
    people = [_trainee(n, Stay(0, end, n)) for n in (0, 1, 2, 4, 5, 6, 8, 9, 11, 12)]
    people += [
        _trainee(3, Stay(6, end, 3)),
        _trainee(7, Stay(9, end, 7)),
        _trainee(10, Stay(40, end, 10)),
        _trainee(13, Stay(0, 202, 13)),
        _trainee(14),
        _stranger(44, Stay(24, end, 14)),
    ]
    events = (
        Event(EventKind.HAND, 50, 55, seat=5),
        Event(EventKind.HAND, 118, 123, seat=1),
        Event(EventKind.PASSER_BY, 96, 101, cast=45),
    )
    policy = _policy("demo-1", grace_s=20, gap_s=40, class_hour_s=46, stranger_s=45, camera_s=10)
    return Scenario("demo", 11, 1280, 720, 15, end, 3, 5, tuple(people), events, policy)


def acceptance() -> Scenario:
    """Seven minutes, 40 seats, 1920×1080, everything that may happen."""
    end = 420.0
    special = {
        3: (Stay(5, end, 3),),
        12: (Stay(9, end, 12),),
        15: (Stay(0, 180, 15), Stay(192, end, 26)),
        26: (Stay(0, 181, 26), Stay(191, end, 15)),
        18: (Stay(60, end, 18),),
        22: (Stay(45, end, 22),),
        29: (Stay(200, end, 29),),
        7: (Stay(0, 370, 7),),
        33: (Stay(0, 240, 33),),
        10: (Stay(0, 140, 10), Stay(200, end, 10)),
        37: (Stay(0, 214, 37), Stay(236, end, 37)),
        20: (),
        31: (),
    }
    people = [_trainee(n, *special.get(n, (Stay(0, end, n),))) for n in range(40)]
    people += [_stranger(40, Stay(50, end, 31)), _stranger(41, Stay(98, 118, 20))]
    events = (
        Event(EventKind.HAND, 30, 36, seat=4),
        Event(EventKind.HAND, 75, 82, seat=17),
        Event(EventKind.HAND, 330, 338, seat=38),
        Event(EventKind.PASSER_BY, 88, 94, cast=42),
        Event(EventKind.PASSER_BY, 346, 352, cast=43),
        Event(EventKind.LIGHTS_DIM, 120, 134),
        Event(EventKind.PHOTO, 150, 166, seat=24, cast=2),
        Event(EventKind.LENS_COVERED, 260, 280),
        Event(EventKind.CAMERA_FROZEN, 304, 324),
    )
    policy = _policy("acceptance-1", grace_s=30, gap_s=45, class_hour_s=100, stranger_s=60, camera_s=8)
    return Scenario("acceptance", 23, 1920, 1080, 15, end, 5, 8, tuple(people), events, policy)


def small() -> Scenario:
    """Forty seconds, 6 seats, 640×360: quick enough for any test."""
    end = 40.0
    people = (
        _trainee(0, Stay(0, end, 0)),
        _trainee(1, Stay(0, end, 1)),
        _trainee(2, Stay(0, end, 2)),
        _trainee(3, Stay(14, end, 3)),
        _trainee(4, Stay(0, 28, 4)),
        _trainee(5),
        _stranger(40, Stay(8, end, 5)),
    )
    policy = _policy("small-1", grace_s=6, gap_s=10, class_hour_s=12, stranger_s=15, camera_s=4)
    return Scenario("small", 5, 640, 360, 10, end, 2, 3, people, (), policy)


def spoof() -> Scenario:
    """Forty seconds, 6 seats: someone holds up a photograph of an absent trainee."""
    calm = small()
    people = (*(_trainee(n, Stay(0, 40, n)) for n in range(5)), _trainee(5), _stranger(41, Stay(0, 40, 5)))
    events = (Event(EventKind.PHOTO, 8, 38, seat=5, cast=5),)
    return replace(calm, name="spoof", people=people, events=events)


def blind() -> Scenario:
    """Forty seconds, 6 seats: the lens is covered for most of the lesson, so nobody can be judged absent."""
    calm = small()
    people = (*(_trainee(n, Stay(0, 40, n)) for n in range(5)), _trainee(5))
    return replace(calm, name="blind", people=people, events=(Event(EventKind.LENS_COVERED, 9, 38),))


def load(seats: int = 40, duration_s: float = 60.0, seed: int = 1) -> Scenario:
    """Everyone is there all the time; for measuring. ``seed`` makes another room and other movements."""
    columns = max(1, round((seats * 1.6) ** 0.5))
    rows = -(-seats // columns)
    people = tuple(_trainee(n, Stay(0, duration_s, n)) for n in range(seats))
    policy = _policy(
        "load-1",
        grace_s=duration_s / 12,
        gap_s=duration_s / 6,
        class_hour_s=duration_s / 4.2,
        stranger_s=duration_s / 6,
        camera_s=5,
    )
    return Scenario("load", seed, 1920, 1080, 15, duration_s, rows, columns, people, (), policy)


SCENARIOS = {
    "demo": demo,
    "acceptance": acceptance,
    "small": small,
    "spoof": spoof,
    "blind": blind,
    "load": load,
}


def scenario(name: str) -> Scenario:
    """A ready-made scenario.

    Raises:
        InvalidInput: there is none of that name.
    """
    if name not in SCENARIOS:
        raise InvalidInput(f"no scenario is called {name!r}", hint=f"one of {', '.join(SCENARIOS)}")
    return SCENARIOS[name]()
