"""The evidence log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from models import errors
from models.errors import NotFound
from supervision_api.actions import evidence
from supervision_api.actions.lessons import lesson_of
from supervision_api.auth_permissions import Permission
from supervision_api.openapi import READ, problems_of
from supervision_api.request_context import CallerHere, ServicesHere
from supervision_api.routes import schemas
from supervision_api.routes.parameters import Cursor, Limit, PlainNumber

router = APIRouter(prefix="/api/v1", tags=["evidence"])


@router.get(
    "/lessons/{lesson_id}/evidence",
    summary="A lesson's leaves, in log order",
    responses=problems_of(*READ, errors.NotFound, errors.InvalidInput),
)
def list_leaves(
    lesson_id: str, services: ServicesHere, caller: CallerHere, cursor: Cursor = None, limit: Limit = 100
) -> schemas.ListOut[schemas.LeafOut]:
    caller.require(Permission.READ_EVIDENCE)
    with services.ledger.read() as work:
        lesson_of(work, lesson_id)
        page = evidence.leaves_of(work, lesson_id, cursor, limit)
    items = [
        schemas.LeafOut(
            sequence=leaf.seq,
            kind=leaf.kind.value,
            at=leaf.at,
            lesson_sequence=leaf.lesson_seq,
            leaf_hash=leaf.leaf_hash.hex(),
            record=leaf.record.decode(),
        )
        for leaf in page.items
    ]
    return schemas.ListOut(items=items, next_cursor=page.next_cursor)


@router.get(
    "/evidence/checkpoint",
    summary="The newest signed checkpoint",
    responses=problems_of(*READ, errors.NotFound),
)
def get_checkpoint(services: ServicesHere, caller: CallerHere) -> schemas.CheckpointOut:
    caller.require(Permission.READ_EVIDENCE)
    with services.ledger.read() as work:
        found = evidence.latest_checkpoint(work)
    if found is None:
        raise NotFound("no checkpoint has been signed yet", hint="wait a minute and retry")
    return schemas.CheckpointOut(
        size=found.size, root=evidence.base64_of(found.root), at=found.at, note=found.note
    )


@router.get(
    "/evidence/keys", summary="Public keys of the log, first to present", responses=problems_of(*READ)
)
def get_keys(services: ServicesHere, caller: CallerHere) -> schemas.ListOut[dict[str, Any]]:
    caller.require(Permission.READ_EVIDENCE)
    with services.ledger.read() as work:
        keys = evidence.key_documents(work)
    return schemas.ListOut(items=[dict(key) for key in keys], next_cursor=None)


@router.get(
    "/evidence/leaves/{sequence}/proof",
    summary="Inclusion proof against the newest checkpoint",
    responses=problems_of(*READ, errors.NotFound, errors.Conflict, errors.InvalidInput),
)
def get_proof(
    sequence: Annotated[int, PlainNumber, Path(ge=0, le=2**53)], services: ServicesHere, caller: CallerHere
) -> schemas.ProofOut:
    caller.require(Permission.READ_EVIDENCE)
    with services.ledger.read() as work:
        proof = evidence.prove_inclusion(work, sequence)
    return schemas.ProofOut(
        sequence=sequence,
        tree_size=proof.checkpoint.size,
        root=proof.checkpoint.root.hex(),
        leaf_hash=proof.leaf.leaf_hash.hex(),
        path=[node.hex() for node in proof.path],
    )
