"""Rows of organisations, teams, users and the like, straight into the tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, insert, update

from sekisho.store.changes import note_changes
from sekisho.store.db import Store
from tests.support.ledger import NOW_US

STAMPS = {"created_us": NOW_US, "updated_us": NOW_US, "at_us": NOW_US}


def add_row(db: Store, table: Table, **fields: Any) -> None:
    """A row with these fields, its stamps filled in where the table has them."""
    stamps = {name: value for name, value in STAMPS.items() if name in table.c}
    db.write(lambda connection: connection.execute(insert(table).values(stamps | fields)).close()).result()


def change_row(db: Store, table: Table, ident: str, **fields: Any) -> None:
    """Change the row of this name as another process would: in the table, with a notice."""
    [key] = table.primary_key

    def change(connection: Any) -> None:
        connection.execute(update(table).where(key == ident).values(fields))
        note_changes(connection, [(table.name.removesuffix("s"), ident)], NOW_US)

    db.write(change).result()
