"""Each closed lesson gets a certified time, once; an authority that is away or wrong is asked again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import EvidenceBroken, SettingInvalid, StorageError
from models.evidence import Leaf, LeafKind
from storage.evidence_proofs import audit_log
from storage.leaf_store import LeafQuery
from storage.log_copier import LogCopier
from storage.log_copy import LogCopy
from storage.time_tokens import TimeAuthority, check_token
from supervision_api.metrics import Metrics
from supervision_api.pipeline.chores.certified_times import (
    LONGEST_REST,
    authority_of,
    certified_times,
    certify_waiting,
    queue_closed_lessons,
)
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.settings import Settings
from tests.hand_clock import HandClock
from tests.unit.storage.time_authority import Authority, new_authority, served


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime.now(UTC) + timedelta(minutes=5))


@pytest.fixture
def house(settings: Settings, clock: HandClock) -> Iterator[Installation]:
    with open_installation(settings) as opened:
        yield replace(opened, clock=clock, ledger=replace(opened.ledger, clock=clock))


@pytest.fixture
def authority() -> Iterator[Authority]:
    with served(new_authority()) as running:
        yield running


def client(authority: Authority) -> TimeAuthority:
    return TimeAuthority(authority.url, (authority.root.certificate,))


def close(house: Installation, *lessons: str, signed: bool = True) -> None:
    with house.ledger.write() as work:
        for lesson_id in lessons:
            work.evidence.append(Leaf(LeafKind.VIEW, house.clock.now(), lesson_id, {}))
            work.evidence.close_lesson(lesson_id, (), house.clock.now() + timedelta(days=2000))
        if signed:
            work.evidence.write_checkpoint(house.signer)


def certified(house: Installation) -> list[str | None]:
    with house.ledger.read() as work:
        return [leaf.lesson_id for leaf in work.evidence.store.rows(LeafQuery(kinds=(LeafKind.TIMESTAMPED,)))]


def test_each_closed_lesson_is_certified_once_over_the_note_that_covers_it(
    house: Installation, authority: Authority
) -> None:
    close(house, "L1")
    close(house, "L2")
    for _ in range(3):
        queue_closed_lessons(house.ledger)
        certify_waiting(house.ledger, client(authority))
    assert certified(house) == ["L1", "L2"]
    assert authority.asked == 2
    with house.ledger.read() as work:
        one = work.timestamps.of_lesson("L1")
        assert one is not None
        assert one.token is not None
        assert one.size == one.closing + 1
        assert (
            check_token(one.token, one.note.encode(), (authority.root.certificate,)).certified_at
            == authority.at
        )
        with pytest.raises(EvidenceBroken):
            check_token(
                one.token, one.note.replace("time 2", "time 1").encode(), (authority.root.certificate,)
            )
        leaf = next(iter(work.evidence.store.rows(LeafQuery(kinds=(LeafKind.TIMESTAMPED,)))))
        assert json.loads(leaf.record)["body"]["authority"] == "CN=Test Stamp"
        assert audit_log(work.evidence.store, house.settings.origin) == ()


def test_a_lesson_waits_until_its_close_is_signed(house: Installation) -> None:
    close(house, "L1", signed=False)
    assert queue_closed_lessons(house.ledger) == 0
    with house.ledger.write() as work:
        work.evidence.write_checkpoint(house.signer)
    assert queue_closed_lessons(house.ledger) == 1


def test_an_authority_that_is_away_is_asked_again_ever_more_rarely(
    house: Installation, clock: HandClock, authority: Authority
) -> None:
    close(house, "L1")
    queue_closed_lessons(house.ledger)
    authority.status = 503
    tried_at = []
    for minute in range(3 * 24 * 60 // 10):
        asked = authority.asked
        try:
            certify_waiting(house.ledger, client(authority))
        except StorageError:
            tried_at.append(minute)
        assert (authority.asked > asked) == (bool(tried_at) and tried_at[-1] == minute)
        clock.forward(minutes=10)
    waits = [after - before for before, after in itertools.pairwise(tried_at)]
    assert waits == sorted(waits)
    assert timedelta(minutes=10 * waits[-1]) == LONGEST_REST
    authority.status = 200
    clock.forward(hours=6)
    certify_waiting(house.ledger, client(authority))
    assert certified(house) == ["L1"]


def test_a_token_that_does_not_hold_is_not_kept(
    house: Installation, clock: HandClock, authority: Authority
) -> None:
    close(house, "L1")
    queue_closed_lessons(house.ledger)
    authority.other_imprint = True
    with pytest.raises(EvidenceBroken):
        certify_waiting(house.ledger, client(authority))
    with house.ledger.read() as work:
        one = work.timestamps.of_lesson("L1")
    assert one is not None
    assert (one.token, one.problem, one.attempts) == (None, "evidence_broken", 1)
    assert certified(house) == []
    authority.other_imprint = False
    clock.forward(minutes=2)
    certify_waiting(house.ledger, client(authority))
    assert certified(house) == ["L1"]


def test_tokens_go_into_the_store_with_the_log(house: Installation, authority: Authority) -> None:
    close(house, "L1")
    queue_closed_lessons(house.ledger)
    certify_waiting(house.ledger, client(authority))
    LogCopier(house.ledger, house.store, house.folder).run()
    ((size, token),) = LogCopy(house.store).timestamps()
    with house.ledger.read() as work:
        one = work.timestamps.of_lesson("L1")
    assert one is not None
    assert (size, token) == (one.size, one.token)


def test_the_chore_runs_only_where_an_authority_is_set(
    house: Installation, authority: Authority, tmp_path: Path
) -> None:
    assert certified_times(house, Metrics()) == ()
    with pytest.raises(SettingInvalid, match="without its certificates"):
        authority_of(house.settings.model_copy(update={"tsa_url": authority.url}))
    file = tmp_path / "roots.pem"
    file.write_bytes(authority.root.pem)
    settings = house.settings.model_copy(update={"tsa_url": authority.url, "tsa_ca_file": file})
    metrics = Metrics()
    (chore,) = certified_times(replace(house, settings=settings), metrics)
    close(house, "L1", "L2")
    authority.status = 500
    with pytest.raises(StorageError):
        chore.run()
    assert metrics.registry.get_sample_value("rollcall_timestamps_waiting") == 2
    authority.status = 200
    house.clock.forward(hours=1)  # type: ignore[attr-defined]
    chore.run()
    assert metrics.registry.get_sample_value("rollcall_timestamps_waiting") == 0
