"""One face under two roster entries, from the templates of a class."""

from __future__ import annotations

from models.flag_facts import SameFace
from models.register import FaceTemplate
from recognition.duplicates import find_duplicates
from recognition.gallery import Template
from storage.unit_of_work import UnitOfWork
from supervision_api.pipeline.faces import DUPLICATE_DISTANCE


def gallery_template(stored: FaceTemplate) -> Template:
    """A kept template as recognition takes it."""
    return Template(
        trainee=stored.trainee,
        embedding=stored.embedding,
        fingerprint=stored.network,
        quality=stored.quality,
        source=stored.photo_id or "",
    )


def class_templates(work: UnitOfWork, class_code: str) -> tuple[Template, ...]:
    """All templates of a class."""
    return tuple(gallery_template(stored) for stored in work.faces.templates(class_code))


def same_faces(work: UnitOfWork, class_code: str) -> tuple[SameFace, ...]:
    """Pairs of trainees whose enrolment photos show one face."""
    templates = class_templates(work, class_code)
    return tuple(
        SameFace(pair.first, pair.second, pair.distance)
        for pair in find_duplicates(templates, (), DUPLICATE_DISTANCE)
    )
