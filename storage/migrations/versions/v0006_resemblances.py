"""Whom unknown people resemble, for the verdicts on trainees who were never named."""

import sqlalchemy as sa
from alembic import op

from storage.tables.base import UtcDateTime

revision = "v0006"
down_revision = "v0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "resemblances",
        sa.Column("lesson_id", sa.String(64), nullable=False),
        sa.Column("unknown_person", sa.String(100), nullable=False),
        sa.Column("trainee", sa.String(64), nullable=False),
        sa.Column("evidence", sa.Float(), nullable=False),
        sa.Column("lead", sa.Float(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lesson_id"], ["lessons.lesson_id"], name=op.f("fk_resemblances_lesson_id_lessons")
        ),
        sa.PrimaryKeyConstraint("lesson_id", "unknown_person", name=op.f("pk_resemblances")),
    )
