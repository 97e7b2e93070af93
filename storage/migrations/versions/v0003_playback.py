"""An index of pictures for each segment, so that footage plays as one film."""

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sample_indexes",
        sa.Column("segment_id", sa.String(200), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["segments.segment_id"],
            name="fk_sample_indexes_segment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("segment_id", name="pk_sample_indexes"),
    )
