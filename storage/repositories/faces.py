"""Enrolment photos and templates: encrypted, tied to a consent, erasable."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotAllowed, NotFound
from models.register import ConsentState, EnrolmentPhoto, FaceTemplate
from storage.repositories.roster import trainee_row
from storage.repositories.writing import insert, new_id
from storage.tables import PhotoRow, TemplateRow, TraineeRow
from storage.vault import Field, Purpose, Vault


@dataclass(frozen=True, slots=True)
class ErasedFaces:
    """What an erasure removed; goes into its leaf, which so proves it without keeping a face."""

    photo_sha256: tuple[str, ...]
    templates: int


class FaceRepository:
    """Photos and templates by class and trainee code."""

    def __init__(self, session: Session, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    def add_photo(
        self, class_code: str, code: str, content: bytes, *, source_name: str, quality: float, at: datetime
    ) -> EnrolmentPhoto:
        """Keep a photo; the same photo of the same trainee is kept once.

        Raises:
            NotAllowed: the trainee has not consented.
            NotFound: no such trainee.
        """
        trainee = self._consenting(class_code, code)
        digest = hashlib.sha256(content).hexdigest()
        query = select(PhotoRow).where(PhotoRow.trainee_id == trainee.trainee_id, PhotoRow.sha256 == digest)
        row = self._session.scalar(query)
        if row is None:
            photo_id = new_id()
            row = PhotoRow(
                photo_id=photo_id,
                trainee_id=trainee.trainee_id,
                content=self._vault.encrypt(content, _photo_place(photo_id)),
                sha256=digest,
                source_name=source_name,
                quality=quality,
                created_at=at,
            )
            insert(self._session, row)
        return _photo(row, code)

    def photos(self, class_code: str, code: str) -> tuple[EnrolmentPhoto, ...]:
        """Oldest first."""
        trainee = trainee_row(self._session, class_code, code)
        query = (
            select(PhotoRow)
            .where(PhotoRow.trainee_id == trainee.trainee_id)
            .order_by(PhotoRow.created_at, PhotoRow.photo_id)
        )
        return tuple(_photo(row, code) for row in self._session.scalars(query))

    def photo_bytes(self, photo_id: str) -> bytes:
        """The file as it was given. Raises ``NotFound``, also after an erasure."""
        token = self._session.scalar(select(PhotoRow.content).where(PhotoRow.photo_id == photo_id))
        if token is None:
            raise NotFound("no such photo", hint="it may have been erased")
        return self._vault.decrypt(token, _photo_place(photo_id))

    def add_template(self, class_code: str, template: FaceTemplate) -> FaceTemplate:
        """Keep a template and return it with its id.

        Raises:
            NotAllowed: the trainee has not consented.
            InvalidInput: the embedding is not ``(128,)`` finite numbers.
        """
        embedding = np.ascontiguousarray(template.embedding, dtype="<f4")
        if embedding.shape != (128,) or not np.isfinite(embedding).all():
            raise InvalidInput("an embedding is (128,) finite numbers", place=f"trainee {template.trainee}")
        trainee = self._consenting(class_code, template.trainee)
        template_id = new_id()
        row = TemplateRow(
            template_id=template_id,
            trainee_id=trainee.trainee_id,
            photo_id=template.photo_id,
            network=template.network,
            embedding=self._vault.encrypt(embedding.tobytes(), _template_place(template_id)),
            quality=template.quality,
            created_at=template.created_at,
        )
        insert(self._session, row)
        return replace(template, template_id=template_id)

    def templates(self, class_code: str, network: str | None = None) -> tuple[FaceTemplate, ...]:
        """Templates of the trainees of the class who consent now, of one network or all, by code."""
        query = (
            select(TemplateRow, TraineeRow.code)
            .join(TraineeRow, TraineeRow.trainee_id == TemplateRow.trainee_id)
            .where(TraineeRow.class_code == class_code, TraineeRow.consent == ConsentState.GIVEN)
            .order_by(TraineeRow.code, TemplateRow.created_at, TemplateRow.template_id)
        )
        if network is not None:
            query = query.where(TemplateRow.network == network)
        return tuple(self._template(row, code) for row, code in self._session.execute(query))

    def erase(self, class_code: str, code: str) -> ErasedFaces:
        """Remove all photos and templates of a trainee; the caller appends the erasure's leaf."""
        trainee = trainee_row(self._session, class_code, code)
        digests: Sequence[str] = self._session.scalars(
            select(PhotoRow.sha256).where(PhotoRow.trainee_id == trainee.trainee_id).order_by(PhotoRow.sha256)
        ).all()
        gone = select(TemplateRow.template_id).where(TemplateRow.trainee_id == trainee.trainee_id)
        templates = len(self._session.scalars(gone).all())
        self._session.execute(delete(TemplateRow).where(TemplateRow.trainee_id == trainee.trainee_id))
        self._session.execute(delete(PhotoRow).where(PhotoRow.trainee_id == trainee.trainee_id))
        return ErasedFaces(tuple(digests), templates)

    def _consenting(self, class_code: str, code: str) -> TraineeRow:
        trainee = trainee_row(self._session, class_code, code)
        if trainee.consent is not ConsentState.GIVEN:
            raise NotAllowed(
                f"trainee {code} has not consented to face recognition",
                hint="record the consent first, or confirm attendance the non-face way",
            )
        return trainee

    def _template(self, row: TemplateRow, code: str) -> FaceTemplate:
        raw = self._vault.decrypt(row.embedding, _template_place(row.template_id))
        return FaceTemplate(
            trainee=code,
            network=row.network,
            embedding=np.frombuffer(raw, dtype="<f4"),
            quality=row.quality,
            created_at=row.created_at,
            photo_id=row.photo_id,
            template_id=row.template_id,
        )


def _photo(row: PhotoRow, code: str) -> EnrolmentPhoto:
    return EnrolmentPhoto(row.photo_id, code, row.source_name, row.sha256, row.quality, row.created_at)


def _photo_place(photo_id: str) -> Field:
    return Field(Purpose.PHOTO, "enrolment_photos", "content", photo_id)


def _template_place(template_id: str) -> Field:
    return Field(Purpose.TEMPLATE, "templates", "embedding", template_id)
