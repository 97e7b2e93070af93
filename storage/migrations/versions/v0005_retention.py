"""Holds, removal of footage whose time is over, and indexes that keep five years quick."""

import sqlalchemy as sa
from alembic import op

from storage.tables.base import UtcDateTime

revision = "v0005"
down_revision = "v0004"
branch_labels = None
depends_on = None

KEPT = sa.text("removed_at IS NULL")
STEPPED = sa.text("stepped_back_s IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("hold_id", sa.String(32), nullable=False),
        sa.Column("lesson_id", sa.String(64), nullable=False),
        sa.Column("case_ref", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("placed_by", sa.String(100), nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("released_by", sa.String(100), nullable=False),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.Column("release_reason", sa.String(1000), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "(released_at IS NULL) = (released_by = '')", name=op.f("ck_holds_whole_release")
        ),
        sa.ForeignKeyConstraint(
            ["lesson_id"], ["lessons.lesson_id"], name=op.f("fk_holds_lesson_id_lessons")
        ),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_holds")),
    )
    op.create_index(op.f("ix_holds_lesson_id"), "holds", ["lesson_id"])
    op.create_index(op.f("ix_holds_case_ref"), "holds", ["case_ref"])
    op.create_index(op.f("ix_holds_released_at_confirmed_at"), "holds", ["released_at", "confirmed_at"])
    op.add_column("uploads", sa.Column("removing_since", UtcDateTime(), nullable=True))
    op.add_column("uploads", sa.Column("removed_at", UtcDateTime(), nullable=True))
    op.add_column("uploads", sa.Column("removed_leaf", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_uploads_kept",
        "uploads",
        ["retain_until", "lesson_id", "camera_id", "size_bytes", "removed_at"],
        sqlite_where=KEPT,
        postgresql_where=KEPT,
    )
    op.create_index(
        "ix_evidence_leaves_stepped_back",
        "evidence_leaves",
        ["sequence"],
        sqlite_where=STEPPED,
        postgresql_where=STEPPED,
    )
