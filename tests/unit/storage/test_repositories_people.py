"""Classes, trainees, faces, cameras, accounts: what is encrypted, what is refused, what is erased."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import text

from models.errors import Conflict, InvalidInput, NotAllowed, NotFound
from models.register import (
    Camera,
    ConsentState,
    FaceTemplate,
    LoginSession,
    Role,
    StoredCalibration,
    TrainingClass,
    User,
)
from models.roster import Trainee
from storage.repositories import KeptReply
from storage.unit_of_work import Ledger

NUMBER = "11010519491231002X"
OTHER = "440524188001010014"
ANNA = Trainee("001", "王安娜", NUMBER, "13800000000")
BO = Trainee("002", "李博", OTHER)
EMBEDDING = np.linspace(-1, 1, 128, dtype=np.float32)


def everything(ledger: Ledger) -> bytes:
    """All values of all tables, as bytes."""
    found: list[str] = []
    with ledger.database.transaction(writing=False) as connection:
        for table in ("trainees", "enrolment_photos", "templates", "cameras", "login_sessions"):
            found += [repr(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {table}"))]
    return "".join(found).encode()


@pytest.fixture
def enrolled(with_lesson: Ledger, now: datetime) -> Ledger:
    with with_lesson.write() as work:
        work.roster.add("C1", [ANNA, BO], now, ConsentState.GIVEN)
    return with_lesson


def test_a_class_comes_back_with_its_policy_and_days(ledger: Ledger, now: datetime) -> None:
    value = TrainingClass("HZ-1", "养老护理员", "inst", "初级", date(2026, 11, 1), date(2026, 12, 1))
    with ledger.write() as work:
        work.classes.ensure_institution("inst", "荷泽学校", now)
        work.classes.ensure_institution("inst", "又一次", now)
        work.classes.add(value, now)
    with ledger.read() as work:
        assert work.classes.get("HZ-1") == replace(value, created_at=now)
        assert work.classes.institution_name("inst") == "荷泽学校"
        assert work.classes.find("HZ-2") is None
        with pytest.raises(NotFound):
            work.classes.get("HZ-2")


def test_a_change_raises_the_revision(ledger: Ledger, now: datetime) -> None:
    with ledger.write() as work:
        added = work.classes.add(TrainingClass("C1", "alt"), now)
    with ledger.write() as work:
        changed = work.classes.change(replace(added, name="neu"))
    assert (added.revision, changed.revision, changed.name) == (1, 2, "neu")


def test_classes_page_by_code(ledger: Ledger, now: datetime) -> None:
    with ledger.write() as work:
        for number in (3, 1, 2):
            work.classes.add(TrainingClass(f"C{number}", "n"), now)
    with ledger.read() as work:
        first = work.classes.page(limit=2)
        rest = work.classes.page(first.next_cursor, limit=2)
    assert [item.code for item in (*first.items, *rest.items)] == ["C1", "C2", "C3"]
    assert rest.next_cursor is None


def test_identity_numbers_and_phones_are_nowhere_in_clear_text(enrolled: Ledger) -> None:
    for secret in (NUMBER, OTHER, "13800000000"):
        assert secret.encode() not in everything(enrolled)


def test_lists_mask_and_only_reveal_shows(enrolled: Ledger) -> None:
    with enrolled.read() as work:
        assert [trainee.id_number for trainee in work.roster.trainees("C1")] == [
            "110105********002X",
            "440524********0014",
        ]
        entry = work.roster.entry("C1", "001")
        assert (entry.masked_id_number, entry.consent) == ("110105********002X", ConsentState.GIVEN)
        assert work.roster.reveal("C1", "001") == ANNA
        assert work.roster.reveal("C1", "002") == BO
        assert work.roster.count("C1") == 2


def test_the_same_number_is_found_in_every_class(enrolled: Ledger, now: datetime) -> None:
    with enrolled.write() as work:
        work.classes.add(TrainingClass("C2", "n"), now)
        work.roster.add("C2", [Trainee("7", "王安娜", NUMBER)], now)
    with enrolled.read() as work:
        assert work.roster.same_identity(NUMBER) == (("C1", "001"), ("C2", "7"))
        assert work.roster.same_identity("330106197001011234") == ()


@pytest.mark.parametrize(
    "rows",
    [
        [Trainee("001", "x", "330106197001011234")],
        [Trainee("009", "x", NUMBER)],
        [Trainee("008", "x", "1"), Trainee("008", "y", "2")],
        [Trainee("008", "x", "1"), Trainee("009", "y", "1")],
    ],
)
def test_a_roster_with_one_known_row_is_refused_whole(
    enrolled: Ledger, now: datetime, rows: list[Trainee]
) -> None:
    with pytest.raises(Conflict) as caught, enrolled.write() as work:
        work.roster.add("C1", [Trainee("100", "neu", "3"), *rows], now)
    assert NUMBER not in str(caught.value)
    with enrolled.read() as work:
        assert work.roster.count("C1") == 2


def test_a_large_roster_pages_by_code(with_lesson: Ledger, now: datetime) -> None:
    rows = [Trainee(f"{number:05d}", f"学员{number}", f"N{number}") for number in range(1200)]
    with with_lesson.write() as work:
        work.roster.add("C1", rows, now)
    codes: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        with with_lesson.read() as work:
            got = work.roster.page("C1", cursor, limit=400)
        codes += [entry.code for entry in got.items]
        cursor = got.next_cursor
        if cursor is None:
            break
    assert codes == [row.code for row in rows]


def template(trainee: str = "001", **changes: object) -> FaceTemplate:
    values: dict[str, object] = {
        "trainee": trainee,
        "network": "dlib:abc",
        "embedding": EMBEDDING,
        "quality": 0.9,
        "created_at": datetime.fromisoformat("2026-11-23T01:00:00+00:00"),
    }
    return FaceTemplate(**(values | changes))  # type: ignore[arg-type]


def test_photos_and_templates_come_back_and_are_encrypted(enrolled: Ledger, now: datetime) -> None:
    with enrolled.write() as work:
        photo = work.faces.add_photo("C1", "001", b"JPEG-bytes", source_name="a.jpg", quality=0.8, at=now)
        again = work.faces.add_photo("C1", "001", b"JPEG-bytes", source_name="b.jpg", quality=0.8, at=now)
        kept = work.faces.add_template("C1", template(photo_id=photo.photo_id))
    assert again == photo
    with enrolled.read() as work:
        assert work.faces.photos("C1", "001") == (photo,)
        assert work.faces.photo_bytes(photo.photo_id) == b"JPEG-bytes"
        (found,) = work.faces.templates("C1", "dlib:abc")
        assert work.faces.templates("C1", "other") == ()
        entry = work.roster.entry("C1", "001")
    assert (found.template_id, found.trainee, found.photo_id) == (kept.template_id, "001", photo.photo_id)
    assert np.array_equal(found.embedding, EMBEDDING)
    assert found.embedding.dtype == np.float32
    assert (entry.photos, entry.templates) == (1, 1)
    assert b"JPEG-bytes" not in everything(enrolled)
    assert EMBEDDING.tobytes()[:16] not in everything(enrolled)


@pytest.mark.parametrize("state", [ConsentState.UNKNOWN, ConsentState.REFUSED, ConsentState.WITHDRAWN])
def test_without_consent_no_face_is_kept_or_used(
    enrolled: Ledger, now: datetime, state: ConsentState
) -> None:
    with enrolled.write() as work:
        work.faces.add_template("C1", template())
        entry = work.roster.set_consent("C1", "001", state, now)
    assert (entry.consent, entry.consent_at) == (state, now)
    with enrolled.write() as work:
        assert work.faces.templates("C1") == ()
        with pytest.raises(NotAllowed):
            work.faces.add_template("C1", template())
        with pytest.raises(NotAllowed):
            work.faces.add_photo("C1", "001", b"x", source_name="a", quality=1, at=now)


def test_an_erasure_leaves_no_face_and_says_what_it_removed(enrolled: Ledger, now: datetime) -> None:
    with enrolled.write() as work:
        photo = work.faces.add_photo("C1", "001", b"JPEG", source_name="a.jpg", quality=0.8, at=now)
        work.faces.add_template("C1", template(photo_id=photo.photo_id))
        work.faces.add_template("C1", template("002"))
    with enrolled.write() as work:
        erased = work.faces.erase("C1", "001")
        assert work.faces.erase("C1", "001") == replace(erased, photo_sha256=(), templates=0)
    assert (erased.photo_sha256, erased.templates) == ((photo.sha256,), 1)
    with enrolled.read() as work:
        assert [kept.trainee for kept in work.faces.templates("C1")] == ["002"]
        with pytest.raises(NotFound, match="photo"):
            work.faces.photo_bytes(photo.photo_id)
        assert work.roster.reveal("C1", "001") == ANNA


@pytest.mark.parametrize(
    "embedding", [np.zeros(127, np.float32), np.zeros((1, 128), np.float32), np.full(128, np.nan)]
)
def test_an_embedding_of_another_shape_is_refused(enrolled: Ledger, embedding: object) -> None:
    with pytest.raises(InvalidInput), enrolled.write() as work:
        work.faces.add_template("C1", template(embedding=embedding))


def test_unknown_trainees_are_not_found(enrolled: Ledger, now: datetime) -> None:
    with enrolled.write() as work:
        for act in (
            lambda: work.roster.reveal("C1", "404"),
            lambda: work.roster.set_consent("C1", "404", ConsentState.GIVEN, now),
            lambda: work.faces.photos("C1", "404"),
            lambda: work.faces.erase("C2", "001"),
        ):
            with pytest.raises(NotFound):
                act()


CAMERA = Camera("cam1", "101", "rtsp://admin:secret@10.0.0.5/stream", "前门")


def test_camera_addresses_are_encrypted_and_stay_out_of_repr(ledger: Ledger) -> None:
    with ledger.write() as work:
        work.cameras.add(CAMERA)
    with ledger.read() as work:
        assert work.cameras.get("cam1") == CAMERA
        assert "secret" not in repr(work.cameras.get("cam1"))
    assert b"secret" not in everything(ledger)


def test_cameras_change_list_and_go(ledger: Ledger) -> None:
    with ledger.write() as work:
        work.cameras.add(CAMERA)
        work.cameras.add(Camera("cam0", "101", "file:///a", enabled=False))
        changed = work.cameras.change(replace(CAMERA, room="102"))
        assert [camera.camera_id for camera in work.cameras.all()] == ["cam0", "cam1"]
        assert work.cameras.in_room("101") == ()
        assert work.cameras.in_room("102") == (changed,)
        with pytest.raises(Conflict):
            work.cameras.change(CAMERA)
        work.cameras.remove("cam1")
        assert work.cameras.find("cam1") is None
        with pytest.raises(NotFound):
            work.cameras.remove("cam1")


@pytest.mark.parametrize("camera_id", ["", "../up", "a/b", ".hidden", "a b", "x" * 65, "a\n"])
def test_an_id_that_cannot_name_a_folder_is_refused(ledger: Ledger, camera_id: str) -> None:
    with pytest.raises(InvalidInput) as caught, ledger.write() as work:
        work.cameras.add(replace(CAMERA, camera_id=camera_id))
    assert caught.value.place == "camera_id"


def test_users_are_unique_by_name_and_hide_their_hash(ledger: Ledger) -> None:
    user = User("wang", "$argon2id$secret", Role.OPERATOR, "王老师")
    with ledger.write() as work:
        added = work.users.add(user)
        with pytest.raises(Conflict):
            work.users.add(user)
    with ledger.write() as work:
        changed = work.users.change(replace(added, locale="en", enabled=False))
        assert work.users.by_name("wang") == changed == work.users.get(added.user_id)
        assert (work.users.all(), work.users.count()) == ((changed,), 1)
        assert work.users.by_name("Wang") is None
        with pytest.raises(NotFound):
            work.users.get("none")
    assert "secret" not in repr(changed)


def test_sessions_end_by_time_by_log_out_and_with_their_user(ledger: Ledger, now: datetime) -> None:
    with ledger.write() as work:
        user = work.users.add(User("wang", "h", Role.OPERATOR))
        sessions = [
            LoginSession(f"token{n}", "csrf", user.user_id, now, now + timedelta(hours=n)) for n in (1, 2, 3)
        ]
        for session in sessions:
            work.logins.open(session)
    with ledger.write() as work:
        assert work.logins.find("token1", now) == sessions[0]
        assert work.logins.find("token1", now + timedelta(hours=1)) is None
        work.logins.forget_expired(now + timedelta(hours=1))
        assert work.logins.find("token1", now) is None
        work.logins.close("token2")
        assert work.logins.find("token2", now) is None
        work.logins.close_all(user.user_id)
        assert work.logins.find("token3", now) is None


def test_failed_log_ins_are_counted_within_a_window(ledger: Ledger, now: datetime) -> None:
    window = timedelta(minutes=15)
    with ledger.write() as work:
        work.logins.note_failure("hash", now, window)
        assert work.logins.note_failure("hash", now + timedelta(minutes=5), window).failures == 2
        work.logins.block("hash", now + timedelta(minutes=30))
    with ledger.write() as work:
        throttle = work.logins.throttle("hash")
        assert throttle is not None
        assert (throttle.failures, throttle.blocked_until) == (2, now + timedelta(minutes=30))
        assert work.logins.note_failure("hash", now + timedelta(minutes=21), window).failures == 1
        work.logins.clear_throttle("hash")
        assert work.logins.throttle("hash") is None


def test_forgiven_failures_no_longer_count_and_lift_the_block(ledger: Ledger, now: datetime) -> None:
    window = timedelta(minutes=10)
    with ledger.write() as work:
        for _ in range(5):
            work.logins.note_failure("ip:1", now, window)
        work.logins.block("ip:1", now + window)
        work.logins.forgive("ip:1", 2)
        kept = work.logins.throttle("ip:1")
        assert kept is not None
        assert (kept.failures, kept.blocked_until) == (3, None)
        work.logins.forgive("ip:1", 3)
        assert work.logins.throttle("ip:1") is None
        work.logins.forgive("ip:nobody", 1)
        assert work.logins.throttle("ip:nobody") is None


def test_a_reply_is_kept_once_and_forgotten_in_time(ledger: Ledger, now: datetime) -> None:
    reply = KeptReply("u1", "k" * 64, "r" * 64, 201, {"id": "C1"}, now)
    with ledger.write() as work:
        work.replies.keep(reply)
    with pytest.raises(Conflict), ledger.write() as work:
        work.replies.keep(reply)
    with ledger.write() as work:
        assert work.replies.find("u1", "k" * 64) == reply
        assert work.replies.find("u2", "k" * 64) is None
        work.replies.forget_before(now + timedelta(seconds=1))
        assert work.replies.find("u1", "k" * 64) is None


def test_the_latest_calibration_of_a_network_is_found_and_older_ones_stay(
    ledger: Ledger, now: datetime
) -> None:
    old = StoredCalibration("dlib:abc", {"a": 1.5}, now, "orl")
    new = StoredCalibration("dlib:abc", {"a": 2.5}, now + timedelta(days=1), "own photos")
    with ledger.write() as work:
        work.calibrations.add(new)
        work.calibrations.add(old)
        assert work.calibrations.latest("dlib:abc") == new
        assert work.calibrations.latest("other") is None
        assert work.calibrations.all() == (new, old)


def test_who_is_enrolled_is_known_by_code_and_by_number_without_showing_numbers(enrolled: Ledger) -> None:
    with enrolled.read() as work:
        known = work.roster.enrolled("C1")
        elsewhere = work.roster.enrolled("C2")
        renewing = work.roster.enrolled("C1", renewing=True)
    assert known.codes == {"001", "002"}
    assert (known.code_of(NUMBER), known.code_of(OTHER)) == ("001", "002")
    assert known.code_of("110105194912310038") is None
    assert (known.renewing, renewing.renewing) == (False, True)
    assert (elsewhere.codes, elsewhere.code_of(NUMBER)) == (frozenset(), None)
    assert NUMBER not in repr(known)
