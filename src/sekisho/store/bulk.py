"""Many rows by one statement, as quickly as the driver takes them. Flows in: tuples. Flows out: what is returned.

SQLite gives the interpreter back before each statement and takes it after: row by row, the event loop and the writing
thread would wake each other for every row, which costs more than the insert itself. Must stay true: the same text runs
on SQLite and on PostgreSQL but for what stands for the rows; few texts, so that the driver keeps them prepared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

Row = tuple[Any, ...]

#: Rows of one statement of SQLite, the most first; PostgreSQL takes any number as arrays.
ROWS_A_STATEMENT = (64, 8, 1)
#: From so many rows on, COPY is worth its own round trips.
COPY_FROM_ROWS = 16
#: What stands for the rows in a statement: VALUES …, or SELECT … FROM unnest(…).
VALUES = "{values}"


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row], after: str = "") -> list[Row]:
    """Insert rows, each in the order of the table's columns; `after` is what follows them (ON CONFLICT …, RETURNING …).

    Returns what RETURNING returns. Raises IntegrityError.
    """
    names = ", ".join(table.c.keys())
    text = f"INSERT INTO {table.name} ({names}) {VALUES} {after}"
    return run_with_rows(connection, text, tuple(table.c), rows)


def copy_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert new rows the quickest way: by COPY where there is one. Raises IntegrityError, and has inserted none."""
    if connection.dialect.name == "sqlite" or len(rows) < COPY_FROM_ROWS:
        insert_rows(connection, table, rows)
        return
    from asyncpg import UniqueViolationError  # noqa: PLC0415 - SQLite needs none of it

    driver: Any = connection.connection.dbapi_connection
    names = table.c.keys()
    try:
        driver.run_async(lambda raw: raw.copy_records_to_table(table.name, records=rows, columns=names))
    except UniqueViolationError as error:
        raise IntegrityError(f"COPY {table.name}", None, error) from error


def run_with_rows(
    connection: Connection, text: str, columns: tuple[Column[Any], ...], rows: Sequence[Row]
) -> list[Row]:
    """Run `text` for all rows; `columns` say of which types their values are."""
    if not rows:
        return []
    if connection.dialect.name == "postgresql":
        return _run(connection, _with_arrays(text, columns), tuple(map(list, zip(*rows, strict=True))))
    returned: list[Row] = []
    for group in _groups(rows):
        returned += _run(connection, _with_values(text, len(columns), len(group)), tuple(chain.from_iterable(group)))
    return returned


def _run(connection: Connection, statement: str, parameters: Row) -> list[Row]:
    result = connection.exec_driver_sql(statement, parameters)
    return list(map(tuple, result)) if result.returns_rows else []


def _groups(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    at = 0
    for size in ROWS_A_STATEMENT:
        while at + size <= len(rows):
            yield rows[at : at + size]
            at += size


@cache
def _with_values(text: str, columns: int, rows: int) -> str:
    one = f"({', '.join('?' * columns)})"
    return text.replace(VALUES, f"VALUES {', '.join([one] * rows)}")


@cache
def _with_arrays(text: str, columns: tuple[Column[Any], ...]) -> str:
    arrays = ", ".join(f"${at}::{column.type.compile()}[]" for at, column in enumerate(columns, 1))
    return text.replace(VALUES, f"SELECT * FROM unnest({arrays})")  # noqa: S608 - all of it is ours
