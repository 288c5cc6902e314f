"""What Alembic runs around the revisions. Flows in: the open connection that `migrate.py` put into the attributes."""

from __future__ import annotations

from alembic import context

from sekisho.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
