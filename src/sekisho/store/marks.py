"""Times that the ledger remembers by name. Flows in: a Connection. Flows out: epoch µs UTC.

Must stay true: a mark only moves forward, whoever sets it.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.engine import Connection

from sekisho.store.bulk import insert_rows
from sekisho.store.schema import marks

#: The calls of the days before this were given up, or are about to be.
CALLS_KEPT_FROM = "calls_kept_from"
_FORWARD = "ON CONFLICT (name) DO UPDATE SET at_us = excluded.at_us WHERE excluded.at_us > marks.at_us"


def marked_us(connection: Connection, name: str) -> int:
    """0 where nothing was marked."""
    return connection.execute(select(marks.c.at_us).where(marks.c.name == name)).scalar_one_or_none() or 0


def mark(connection: Connection, name: str, at_us: int) -> None:
    """Move the mark to this time, unless it is further."""
    insert_rows(connection, marks, [(name, at_us)], _FORWARD)
