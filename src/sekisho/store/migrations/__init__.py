"""Alembic revisions, packaged: each brings the schema of the version before to the next."""
