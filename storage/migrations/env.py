"""Alembic environment. The connection comes from ``storage.database.upgrade``, inside its transaction."""

from __future__ import annotations

from alembic import context

from storage.tables import Base


def run() -> None:
    """Run revisions on the connection handed over; the caller commits."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        transactional_ddl=True,
        render_as_batch=True,
    )
    context.run_migrations()


run()
