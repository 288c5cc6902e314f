"""Brings the stored schema to head.

Flows in: the database. Flows out: the same, with every table as `schema.py` says. Must stay true: Alembic is imported
only for a database of an older version (11 MB, 100 ms that an up-to-date start does not pay); the revision scripts are
packaged beside this file; an upgrade is one transaction.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from sekisho.core.errors import OperatorError
from sekisho.store.db import Database
from sekisho.store.schema import HEAD, create_at_head, stored_revision

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def ensure_schema(db: Database) -> None:
    """Lay the tables, or upgrade them. Raises OperatorError when a newer version wrote the database."""
    db.write(_ensure).result()


def alembic_config(connection: Connection | None) -> Config:
    """Alembic's settings; `migrations/env.py` takes the connection from their attributes."""
    from alembic.config import Config  # noqa: PLC0415 - see the module's docstring

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _ensure(connection: Connection) -> None:
    stored = stored_revision(connection)
    if stored is None:
        create_at_head(connection)
    elif stored != HEAD:
        _upgrade(connection, stored)


def _upgrade(connection: Connection, stored: str) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's docstring
    from alembic.util import CommandError  # noqa: PLC0415 - same

    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        message = f"The database has schema {stored}, which this version of Sekisho does not know: use a newer one."
        raise OperatorError(message) from error
