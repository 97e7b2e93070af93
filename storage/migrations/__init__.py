"""Alembic's environment and revisions; started by ``storage.database.upgrade``."""
