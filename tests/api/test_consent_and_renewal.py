"""Consent decides what is kept of a face; new photos take the place of old ones; leaves prove what went."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from models.evidence import LeafKind
from models.frame import Box
from models.register import ConsentState
from recognition.enrolment import ExaminedPhoto
from recognition.quality import Quality
from storage.leaf_store import LeafQuery
from supervision_api.actions.roster_import import ImportOrder, Source, store_roster
from supervision_api.app import create_app
from supervision_api.pipeline.roster_enrolment import TraineePhoto
from tests.api.conftest import Visitor
from tests.api.scene import CLASS, NOW, Scene, examine_without_faces, id_number

NEW = "N-1"
IMPORT = f"/api/v1/classes/{NEW}/roster/import"
PAGE = f"/console/classes/{NEW}"


def bodies(scene: Scene, kind: LeafKind) -> list[dict[str, object]]:
    with scene.house.ledger.read() as work:
        return [json.loads(row.record)["body"] for row in work.evidence.store.rows(LeafQuery(kinds=(kind,)))]


def faces(scene: Scene, code: str = "T001") -> tuple[int, int]:
    with scene.house.ledger.read() as work:
        entry = work.roster.entry(NEW, code)
    return entry.photos, entry.templates


def shown(network: str = "network-1"):
    """An examiner that finds one face on every photo, its place told by the photo's last byte."""

    def examine(files, today, progress, *, faceless_allowed, enrolled=None):
        roster = examine_without_faces(
            files, today, progress, faceless_allowed=faceless_allowed, enrolled=enrolled
        )
        photos = []
        for trainee in roster.trainees:
            for name in trainee.photos:
                content = files.photo(name)
                embedding = np.zeros(128, np.float32)
                embedding[0] = float(content[-1])
                examined = ExaminedPhoto(
                    name, hashlib.sha256(content).hexdigest(), 200, 200, Box(0, 0, 90, 90), embedding,
                    Quality(0.9, (("sharp", 0.9),)), 0, (), "detector", network,
                )  # fmt: skip
                photos.append(TraineePhoto(trainee.code, examined, files))
        return replace(roster, photos=tuple(photos), faceless=())

    return examine


def packed(rows: dict[int, tuple[bytes, ...]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        lines = ["姓名,身份证号,照片"]
        for order, photos in rows.items():
            names = [f"{order}-{n}.jpg" for n in range(len(photos))]
            lines.append(f"学员{order},{id_number(order)},{';'.join(names)}")
            for name, content in zip(names, photos, strict=True):
                archive.writestr(name, content)
        archive.writestr("roster.csv", "\n".join(lines))
    return out.getvalue()


@pytest.fixture
def clerk(scene: Scene) -> Visitor:
    app = create_app(replace(scene.services, examine_roster=shown()))
    visitor = Visitor(app, raise_server_exceptions=False).log_in("operator")
    visitor.follow_redirects = False
    visitor.post("/api/v1/classes", json={"code": NEW, "name": "新班"})
    return visitor


def send(clerk: Visitor, rows: dict[int, tuple[bytes, ...]], **form: str):
    data = {"mode": "import", "consented": "yes", **form}
    return clerk.post(IMPORT, files=[("files", ("r.zip", packed(rows)))], data=data)


def answer(clerk: Visitor, state: str, code: str = "T001", class_code: str = NEW):
    return clerk.post(f"/api/v1/classes/{class_code}/trainees/{code}/consent", json={"state": state})


class TestWithdrawal:
    def test_photos_and_templates_go_and_two_leaves_say_so(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"first\x01", b"second\x01"), 2: (b"other\x09",)})
        assert faces(scene) == (2, 2)
        told = answer(clerk, "withdrawn")
        assert told.status_code == 200, told.text
        assert (told.json()["consent"], told.json()["photos"], told.json()["templates"]) == (
            "withdrawn",
            0,
            0,
        )
        assert faces(scene) == (0, 0)
        assert faces(scene, "T002") == (1, 1), "nobody else's"
        consent = bodies(scene, LeafKind.CONSENT)[-1]
        assert (consent["state"], consent["trainees"], consent["actor"]) == (
            "withdrawn",
            ["T001"],
            "operator",
        )
        (erased,) = bodies(scene, LeafKind.ERASURE)
        digests = sorted(hashlib.sha256(one).hexdigest() for one in (b"first\x01", b"second\x01"))
        assert (erased["photos_sha256"], erased["templates"]) == (digests, 2)
        assert erased["cause"] == "consent_withdrawn"

    def test_nothing_of_the_photo_is_left_to_read(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"first\x01",)})
        with scene.house.ledger.read() as work:
            (photo,) = work.faces.photos(NEW, "T001")
        answer(clerk, "withdrawn")
        with scene.house.ledger.read() as work:
            assert work.faces.photos(NEW, "T001") == ()
            assert work.faces.templates(NEW) == ()
            with pytest.raises(Exception, match="no such photo"):
                work.faces.photo_bytes(photo.photo_id)

    def test_the_trainee_and_the_attendance_stay(self, clerk: Visitor, scene: Scene) -> None:
        before = clerk.get("/api/v1/lessons/HZ-2026-014-judged/attendance/T002").json()
        assert answer(clerk, "refused", "T002", CLASS).status_code == 200
        assert clerk.get("/api/v1/lessons/HZ-2026-014-judged/attendance/T002").json() == before

    @pytest.mark.parametrize(
        ("state", "status"),
        [("unknown", 422), ("", 422), ("GIVEN", 422), ("withdrawn", 422), ("given", 200), ("refused", 200)],
    )
    def test_what_may_be_answered_before_anything_was_said(
        self, clerk: Visitor, scene: Scene, state: str, status: int
    ) -> None:
        send(clerk, {1: (b"x\x01",)}, consented="")
        assert answer(clerk, state).status_code == status
        assert len(bodies(scene, LeafKind.CONSENT)) == (1 if status == 200 else 0)
        assert bodies(scene, LeafKind.ERASURE) == [], "there was nothing to erase"

    def test_the_same_answer_again_is_told_and_leaves_no_second_leaf(
        self, clerk: Visitor, scene: Scene
    ) -> None:
        send(clerk, {1: (b"x\x01",)})
        assert answer(clerk, "given").status_code == 409
        assert len(bodies(scene, LeafKind.CONSENT)) == 1

    @pytest.mark.parametrize(("code", "class_code"), [("T999", NEW), ("T001", "none")])
    def test_nobody_cannot_answer(self, clerk: Visitor, code: str, class_code: str) -> None:
        assert answer(clerk, "given", code, class_code).status_code == 404

    def test_who_changed_their_mind_may_be_enrolled_anew(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"x\x01",)})
        answer(clerk, "withdrawn")
        assert answer(clerk, "given").json()["consent"] == "given"
        assert faces(scene) == (0, 0), "what was erased stays erased"
        assert send(clerk, {1: (b"new\x01",)}, renew="yes").json()["imported"] is True
        assert faces(scene) == (1, 1)


class TestRenewal:
    def test_new_photos_take_the_place_of_the_old(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"old\x01",), 2: (b"two\x09",)})
        told = send(clerk, {1: (b"new\x01", b"newer\x01")}, renew="yes")
        assert told.status_code == 200, told.text
        (note,) = told.json()["problems"]
        assert (note["line"], note["field"], note["code"], note["fatal"]) == (
            2,
            "photo",
            "photos_renewed",
            False,
        )
        assert "T001" in note["message"]
        with scene.house.ledger.read() as work:
            kept = {one.sha256 for one in work.faces.photos(NEW, "T001")}
        assert kept == {hashlib.sha256(one).hexdigest() for one in (b"new\x01", b"newer\x01")}
        (erased,) = bodies(scene, LeafKind.ERASURE)
        assert (erased["cause"], erased["templates"]) == ("photos_renewed", 1)
        assert faces(scene, "T002") == (1, 1)

    def test_without_asking_for_it_the_row_is_refused(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"old\x01",)})
        told = send(clerk, {1: (b"new\x01",)})
        assert (told.status_code, told.json()["problems"][0]["code"]) == (422, "id_enrolled")
        assert faces(scene) == (1, 1)

    def test_comers_and_known_people_may_stand_in_one_list(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"old\x01",)})
        told = send(clerk, {3: (b"three\x05",), 1: (b"new\x01",)}, renew="yes")
        assert told.json()["imported"] is True, told.text
        with scene.house.ledger.read() as work:
            names = {one.code: one.name for one in work.roster.trainees(NEW)}
        assert names == {"T001": "学员1", "T001-2": "学员3"}

    def test_the_same_photo_again_is_kept_once(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"same\x01",)})
        assert send(clerk, {1: (b"same\x01",)}, renew="yes").json()["imported"] is True
        assert faces(scene) == (1, 1)

    def test_the_same_photo_twice_in_one_row_makes_one_photo(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"same\x01", b"same\x01")})
        assert faces(scene)[0] == 1

    def test_without_consent_nothing_is_renewed(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"old\x01",)})
        send(clerk, {1: (b"new\x01",)}, renew="yes", consented="")
        with scene.house.ledger.read() as work:
            (kept,) = work.faces.photos(NEW, "T001")
        assert kept.sha256 == hashlib.sha256(b"old\x01").hexdigest()
        assert bodies(scene, LeafKind.ERASURE) == []

    @pytest.mark.parametrize("said", ["withdrawn", "refused"])
    def test_a_list_cannot_take_back_what_a_person_said(
        self, clerk: Visitor, scene: Scene, said: str
    ) -> None:
        send(clerk, {1: (b"old\x01",), 2: (b"two\x09",)}, consented="" if said == "refused" else "yes")
        answer(clerk, said)
        told = send(clerk, {1: (b"new\x01",), 2: (b"new two\x09",)}, renew="yes")
        assert told.status_code == 409
        assert "T001" in told.text
        assert "T002" not in told.text
        with scene.house.ledger.read() as work:
            assert work.roster.entry(NEW, "T001").consent == said
        assert faces(scene) == (0, 0)

    def test_a_new_photo_that_shows_somebody_else_of_the_class_is_told(self, clerk: Visitor) -> None:
        send(clerk, {1: (b"old\x01",), 2: (b"two\x09",)})
        told = send(clerk, {1: (b"new\x09",)}, renew="yes").json()
        assert [(one["line"], one["code"]) for one in told["problems"]] == [
            (2, "photos_renewed"),
            (2, "face_enrolled"),
        ]
        assert "T002" in told["problems"][1]["message"]

    def test_a_new_network_renews_templates_from_the_same_photos(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"same\x01",)})
        app = create_app(replace(scene.services, examine_roster=shown("network-2")))
        later = Visitor(app, raise_server_exceptions=False).log_in("operator")
        assert send(later, {1: (b"same\x01",)}, renew="yes").json()["imported"] is True
        with scene.house.ledger.read() as work:
            assert [one.network for one in work.faces.templates(NEW)] == ["network-2"]

    def test_a_class_that_changed_under_the_check_is_not_overwritten(
        self, clerk: Visitor, scene: Scene
    ) -> None:
        """Checked as a comer under T001, the person is enrolled as T009 before the list is stored."""
        send(clerk, {5: (b"five\x05",)})
        seen = []
        look = shown()

        def remember(*args, **named):
            seen.append(look(*args, **named))
            return seen[-1]

        app = create_app(replace(scene.services, examine_roster=remember))
        send(Visitor(app).log_in("operator"), {1: (b"new\x01",)}, mode="check")
        examined = seen[0]
        moved = tuple(replace(one, code="T009") for one in examined.trainees)
        with scene.house.ledger.write() as work:
            work.roster.add(NEW, moved, NOW, ConsentState.GIVEN)
        order = ImportOrder(NEW, consented=True, renew=True)
        with pytest.raises(Exception, match="class changed"), scene.house.ledger.write() as work:
            store_roster(work, order, examined, Source("operator", "0" * 64), NOW)


class TestOnThePage:
    def form(self, clerk: Visitor, state: str, code: str = "T001"):
        data = {"csrf_token": clerk.form_token(PAGE), "state": state}
        return clerk.post(f"{PAGE}/trainees/{code}/consent", data=data)

    def test_a_consent_is_withdrawn_and_given_again(self, clerk: Visitor, scene: Scene) -> None:
        send(clerk, {1: (b"x\x01",)})
        assert "撤回同意" in clerk.get(PAGE).text
        assert self.form(clerk, "withdrawn").headers["location"] == PAGE
        assert faces(scene) == (0, 0)
        page = clerk.get(PAGE).text
        assert "撤回同意" not in page
        assert "书面同意已存档" in page
        assert self.form(clerk, "given").status_code == 303

    @pytest.mark.parametrize(("state", "told"), [("given", "该同意状态已登记"), ("x", "x")])
    def test_what_cannot_be_recorded_is_told(self, clerk: Visitor, state: str, told: str) -> None:
        send(clerk, {1: (b"x\x01",)})
        page = self.form(clerk, state)
        assert page.status_code in (409, 422)
        assert 'role="alert"' in page.text
        assert told in page.text

    def test_who_may_not_edit_is_offered_nothing(self, scene: Scene) -> None:
        chief = Visitor(create_app(scene.services)).log_in("chief")
        assert "/consent" not in chief.get(f"/console/classes/{CLASS}").text

    def test_the_import_page_offers_renewal(self, clerk: Visitor) -> None:
        assert 'name="renew"' in clerk.get(f"{PAGE}/roster/import").text
