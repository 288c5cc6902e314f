"""Which database it is: PostgreSQL where the operator names one, else a file of SQLite in the data directory.

Flows in: settings. Flows out: the store. Must stay true: the driver for PostgreSQL is imported only where it is used.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from sekisho.config.model import Settings
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.store.db import Database, Store

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
