"""Which database it is: PostgreSQL where the operator names one, else a file of SQLite in the data directory.

Flows in: settings. Flows out: the store. Must stay true: the driver for PostgreSQL is imported only where it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from sekisho.config.model import Settings
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.store.db import Database, Store, open_for_reading

T = TypeVar("T")
#: The file in the data directory.
FILE_NAME = "sekisho.db"


def open_store(settings: Settings, data_dir: Path, *, patient: bool = False) -> Store:
    """What the settings name: `sekisho.database`, else `general_settings.database_url`. Raises OperatorError."""
    own, url = settings.sekisho.database, settings.general.database_url
    if own is None and url is not None:
        return open_url(url, patient=patient)
    return Database(Path(own) if own else data_dir / FILE_NAME)


def open_url(url: Secret, *, patient: bool = False) -> Store:
    """A database server. Connects when it is first asked. `patient`: statements may take as long as they do, for
    upgrades. Raises OperatorError for a URL that cannot be used.
    """
    try:
        from sekisho.store.postgres import PostgresDatabase  # noqa: PLC0415 - see the module's docstring
        from sekisho.store.url import parse_url  # noqa: PLC0415 - same

        found = parse_url(url)
        return PostgresDatabase(msgspec.structs.replace(found, statement_seconds=None) if patient else found)
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"DATABASE_URL needs the package '{error.name}': install sekisho with its extra 'postgres' "
            "(make setup EXTRAS=postgres)."
        ) from error


def read_beside(settings: Settings, data_dir: Path, work: Callable[[Connection], T]) -> T:
    """What `work` reads in the database that the settings name, while a gateway may be running on it; nothing is made
    where there is none. Raises OperatorError, StoreAway.
    """
    own, url = settings.sekisho.database, settings.database_url
    try:
        if url is not None:
            return _read_once(open_url(url), work)
        engine = open_for_reading(Path(own) if own else data_dir / FILE_NAME)
        try:
            with engine.connect() as connection:
                return work(connection)
        finally:
            engine.dispose()
    except DBAPIError as error:
        raise OperatorError(f"The database refused: {error.orig}") from error


def _read_once(store: Store, work: Callable[[Connection], T]) -> T:
    try:
        return store.read_now(work)
    finally:
        store.close()
