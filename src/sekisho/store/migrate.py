"""Brings the stored schema to head.

Flows in: the database. Flows out: the same, with every table as `schema.py` says. Must stay true: Alembic is imported
only for a database of an older version (11 MB, 100 ms that an up-to-date start does not pay); the revision scripts are
packaged beside this file; an upgrade is one transaction.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, inspect, select
from sqlalchemy.engine import Connection

from sekisho.core.errors import OperatorError
from sekisho.store.db import Store
from sekisho.store.schema import HEAD, create_at_head, stored_revision

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
#: PostgreSQL's lock for who changes the tables.
SCHEMA_LOCK = 0x53454B53


def ensure_schema(db: Store, *, alone: bool = True) -> None:
    """See to it that the tables are there, before anything is served.

    In a file of SQLite they are laid or upgraded. In PostgreSQL they are laid into an empty database by a process that
    is `alone`; else it is said what to do first. Raises OperatorError, also when a newer version wrote the database.
    """
    db.write(lambda connection: _ensure(connection, alone=alone)).result()


def upgrade_schema(db: Store) -> str | None:
    """Lay the tables, or bring them to head; what they were at before. Raises OperatorError as `ensure_schema` does.

    Several may ask at once: they wait for each other.
    """
    return db.write(_bring_to_head).result()


def alembic_config(connection: Connection | None) -> Config:
    """Alembic's settings; `migrations/env.py` takes the connection from their attributes."""
    from alembic.config import Config  # noqa: PLC0415 - see the module's docstring

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _ensure(connection: Connection, *, alone: bool) -> None:
    if connection.dialect.name == "sqlite":
        _bring_to_head(connection)
        return
    _take_turns(connection)
    stored = stored_revision(connection)
    if stored == HEAD:
        return
    if stored is not None:
        _check_known(stored)
        raise OperatorError(f"The database has schema {stored}, this version needs {HEAD}: run `sekisho db upgrade`.")
    others = inspect(connection).get_table_names()
    if others:
        raise OperatorError(
            f"The database is not Sekisho's: it has {len(others)} other tables (such as '{min(others)}'). Name an "
            "empty one in DATABASE_URL, or run `sekisho db upgrade` to lay Sekisho's tables beside them."
        )
    if not alone:
        raise OperatorError("The database is empty: run `sekisho db upgrade` once, before several processes use it.")
    create_at_head(connection)


def _bring_to_head(connection: Connection) -> str | None:
    _take_turns(connection)
    stored = stored_revision(connection)
    if stored is None:
        create_at_head(connection)
    elif stored != HEAD:
        _upgrade(connection, stored)
    return stored


def _take_turns(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(SCHEMA_LOCK)))


def _check_known(stored: str) -> None:
    if not any(MIGRATIONS.glob(f"versions/rev_{stored}_*.py")):
        raise OperatorError(
            f"The database has schema {stored}, which this version of Sekisho does not know: use a newer one."
        )


def _upgrade(connection: Connection, stored: str) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's docstring

    _check_known(stored)
    command.upgrade(alembic_config(connection), "head")
