"""Corrections may strike single marks and cite evidence."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "v0002"
down_revision = "v0001"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("corrections", sa.Column("struck", DOCUMENT, nullable=True))
    op.add_column("corrections", sa.Column("evidence", DOCUMENT, nullable=True))
