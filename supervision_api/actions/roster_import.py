"""Rosters: read from an upload, checked row by row, stored whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.errors import Conflict, RosterInvalid
from models.evidence import JsonValue, Leaf, LeafKind
from models.problem_texts import PROBLEM_TEXTS
from models.register import ConsentState, FaceTemplate
from models.roster import Enrolled, RowProblem
from models.texts import render
from storage.unit_of_work import UnitOfWork
from supervision_api.actions.consent import Erasure, erase_faces
from supervision_api.auth import Caller
from supervision_api.console.i18n import LOCAL_ZONE
from supervision_api.pipeline.roster_enrolment import ExaminedRoster, Progress, enrolled_faces
from supervision_api.pipeline.same_faces import class_templates
from supervision_api.roster_files import RosterFiles
from supervision_api.roster_upload import Upload, read_upload
from supervision_api.services import Services

# a list cannot take back what a person said: their own new word is recorded first
_UNWILLING = (ConsentState.REFUSED, ConsentState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What someone asks for. ``consented``: the trainees' separate consent is on file, so faces may be kept.
    ``faceless_allowed``: a trainee without a usable photo stays, to be confirmed by the instructor.
    ``renew``: rows about people whom the class has already bring new photos, in the place of the old ones."""

    class_code: str
    check_only: bool = False
    consented: bool = False
    faceless_allowed: bool = False
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Whose act an enrolment is and of which file: both go into its leaf."""

    actor: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How an import ended: nothing was stored unless ``imported``."""

    importable: bool
    imported: bool
    trainees: int
    photos: int
    templates: int
    problems: tuple[RowProblem, ...]


def import_roster(
    services: Services, caller: Caller, uploads: Sequence[Upload], order: ImportOrder, progress: Progress
) -> ImportReport:
    """Check an uploaded roster and, unless only a check was asked for, store it.

    Raises:
        RosterInvalid: the upload as a whole cannot be read.
        NotFound: no such class.
        Conflict: trainees were enrolled in the class while this roster was checked.
    """
    with services.ledger.read() as work:
        work.classes.get(order.class_code)
        enrolled = work.roster.enrolled(order.class_code, renewing=order.renew)
    files = read_upload(uploads)
    examined = examine(services, files, order, progress, enrolled)
    if examined.importable:
        with services.ledger.read() as work:
            examined = enrolled_faces(examined, class_templates(work, order.class_code))
    report = _report(examined, imported=False)
    if order.check_only or not report.importable:
        return report
    source = Source(caller.actor, _digest(uploads))
    with services.ledger.write() as work:
        store_roster(work, order, examined, source, services.clock.now())
    return _report(examined, imported=True, consented=order.consented)


def examine(
    services: Services,
    files: RosterFiles,
    order: ImportOrder,
    progress: Progress,
    enrolled: Enrolled | None = None,
) -> ExaminedRoster:
    """Rows and photos judged, without storing anything."""
    today = services.clock.now().astimezone(LOCAL_ZONE).date()
    return services.examine_roster(
        files, today, progress, faceless_allowed=order.faceless_allowed, enrolled=enrolled
    )


def store_roster(
    work: UnitOfWork, order: ImportOrder, examined: ExaminedRoster, source: Source, now: datetime
) -> None:
    """Trainees, photos, templates and their leaves, in the caller's unit of work.

    Without consent only names and numbers are kept: no photo and no template (domain.md, privacy).

    Raises:
        RosterInvalid: the roster has fatal problems.
        Conflict: a trainee is in the class already, or refuses what ``order.renew`` would bring.
    """
    if not examined.importable:
        raise RosterInvalid("the roster has rows that must be mended", hint="see the row report")
    consent = ConsentState.GIVEN if order.consented else ConsentState.UNKNOWN
    known = _known_trainees(work, order, examined)
    comers = [trainee for trainee in examined.trainees if trainee.code not in known]
    work.roster.add(order.class_code, comers, now, consent)
    _renew(work, order, examined, known, source, now)
    codes: list[JsonValue] = [trainee.code for trainee in examined.trainees]
    if order.consented:
        _store_faces(work, order.class_code, examined, now)
        body: dict[str, JsonValue] = {
            "class_code": order.class_code,
            "actor": source.actor,
            "state": consent.value,
            "trainees": codes,
        }
        work.evidence.append(Leaf(LeafKind.CONSENT, now, None, body))
    networks: list[JsonValue] = [*sorted({photo.examined.encoder for photo in examined.photos})]
    enrolled: dict[str, JsonValue] = {
        "class_code": order.class_code,
        "actor": source.actor,
        "source_sha256": source.sha256,
        "trainees": codes,
        "photos": len(examined.photos) if order.consented else 0,
        "networks": networks if order.consented else [],
    }
    work.evidence.append(Leaf(LeafKind.ENROLMENT, now, None, enrolled))


def _known_trainees(work: UnitOfWork, order: ImportOrder, examined: ExaminedRoster) -> frozenset[str]:
    """Codes of those whom the class has. Raises ``Conflict`` where a code went to somebody else meanwhile."""
    if not order.renew:
        return frozenset()
    enrolled = work.roster.enrolled(order.class_code)
    for trainee in examined.trainees:
        if (enrolled.code_of(trainee.id_number) or trainee.code) != trainee.code:
            raise Conflict("the class changed while the roster was checked", hint="import it again")
    return frozenset(one.code for one in examined.trainees if enrolled.code_of(one.id_number))


def _renew(
    work: UnitOfWork,
    order: ImportOrder,
    examined: ExaminedRoster,
    known: frozenset[str],
    source: Source,
    now: datetime,
) -> None:
    """Old faces go as the new ones come; who has no new one that serves keeps the old."""
    if not order.consented:
        return
    shown = sorted(known & {photo.trainee for photo in examined.photos})
    unwilling = [code for code in shown if work.roster.entry(order.class_code, code).consent in _UNWILLING]
    if unwilling:
        raise Conflict(
            f"consent was refused or withdrawn: {', '.join(unwilling[:5])}",
            place=f"class {order.class_code}",
            hint="record their new consent one by one first, or take these rows out",
        )
    for code in shown:
        work.roster.set_consent(order.class_code, code, ConsentState.GIVEN, now)
        erase_faces(work, order.class_code, code, Erasure(source.actor, "photos_renewed"), now)


def _store_faces(work: UnitOfWork, class_code: str, examined: ExaminedRoster, now: datetime) -> None:
    for photo in examined.photos:
        quality = photo.examined.quality.score
        kept = work.faces.add_photo(
            class_code,
            photo.trainee,
            photo.content(),
            source_name=photo.examined.name,
            quality=quality,
            at=now,
        )
        work.faces.add_template(
            class_code,
            FaceTemplate(
                trainee=photo.trainee,
                network=photo.examined.encoder,
                embedding=photo.examined.embedding,
                quality=quality,
                created_at=now,
                photo_id=kept.photo_id,
            ),
        )


def _report(examined: ExaminedRoster, *, imported: bool, consented: bool = False) -> ImportReport:
    return ImportReport(
        importable=examined.importable,
        imported=imported,
        trainees=len(examined.trainees),
        photos=len(examined.photos),
        templates=len(examined.photos) if imported and consented else 0,
        problems=examined.problems,
    )


def problem_text(problem: RowProblem, locale: str) -> str:
    """The problem's sentence in the reader's language."""
    return render(PROBLEM_TEXTS, problem.code, problem.values, locale)


def _digest(uploads: Sequence[Upload]) -> str:
    digest = hashlib.sha256()
    for upload in uploads:
        digest.update(upload.content)
    return digest.hexdigest()
