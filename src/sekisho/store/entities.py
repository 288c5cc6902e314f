"""Rows of a table as frozen values: the queries that every table of the directory has alike.

Flows in: a Connection, conditions and plain values. Flows out: rows. Must stay true: a field whose type is no scalar
stands as JSON text in its column; every list has a limit; portable SQL only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec
from sqlalchemy import ColumnElement, Table, and_, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection, RowMapping

R = TypeVar("R", bound=msgspec.Struct)

#: What names one row: its primary key, a text for each column of it.
Ident = tuple[str, ...]
#: Rows named by one statement: SQLite's oldest bound on parameters is 999.
IDENTS_A_STATEMENT = 400
#: The column that the ledger adds to, beside whoever edits the row.
_SPEND = "spend_nano_usd"
_SCALARS = (str, int, bool, str | None, int | None, bool | None)


class Entities(Generic[R]):
    """One table. `kind` is what the audit and the feed of changes call a row of it."""

    def __init__(self, table: Table, kind: str, row: type[R], *, secret: Iterable[str] = ()) -> None:
        self.table = table
        self.kind = kind
        self.row = row
        #: Columns whose content is told to nobody.
        self.secret = frozenset(secret)
        self.key = tuple(column.name for column in table.primary_key)
        hints = get_type_hints(row)
        self._json = {name: hints[name] for name in row.__struct_fields__ if hints[name] not in _SCALARS}

    def ident(self, row: R) -> Ident:
        """What names this row."""
        return tuple(getattr(row, name) for name in self.key)

    def get(self, connection: Connection, *ident: str) -> R | None:
        """The row of this name: one look-up in the primary index."""
        found = connection.execute(select(self.table).where(self._is(ident))).mappings().one_or_none()
        return None if found is None else self._decoded(found)

    def many(self, connection: Connection, idents: Sequence[Ident]) -> list[R]:
        """Those of the named rows that exist."""
        rows: list[R] = []
        for start in range(0, len(idents), IDENTS_A_STATEMENT):
            named = or_(*map(self._is, idents[start : start + IDENTS_A_STATEMENT]))
            rows += map(self._decoded, connection.execute(select(self.table).where(named)).mappings())
        return rows

    def find(
        self,
        connection: Connection,
        *conditions: ColumnElement[bool],
        limit: int,
        offset: int = 0,
        sort_by: str | None = None,
        ascending: bool = True,
    ) -> list[R]:
        """One page of the rows that meet all conditions, by the column `sort_by` and then by name."""
        columns = [self.table.c[name] for name in ([sort_by] if sort_by else []) + list(self.key)]
        order = [column.asc() if ascending else column.desc() for column in columns]
        query = select(self.table).where(*conditions).order_by(*order).limit(limit).offset(offset)
        return [self._decoded(found) for found in connection.execute(query).mappings()]

    def count(self, connection: Connection, *conditions: ColumnElement[bool]) -> int:
        """How many rows meet all conditions."""
        return int(connection.execute(select(func.count()).select_from(self.table).where(*conditions)).scalar_one())

    def insert(self, connection: Connection, row: R) -> None:
        """Add a row. Raises IntegrityError when its name, or another unique column, is taken."""
        self.insert_all(connection, [row])

    def insert_all(self, connection: Connection, rows: Sequence[R]) -> None:
        """Add rows, all or none. Raises IntegrityError as `insert` does."""
        columns = [{name: getattr(row, name) for name in self.row.__struct_fields__} for row in rows]
        connection.execute(insert(self.table), [self._encoded(each) for each in columns])

    def update(self, connection: Connection, present: R, changes: dict[str, Any]) -> bool:
        """Set these fields of a row; False when it is no longer the one that was read. What the ledger has added to its
        spend since then is added to what is set.
        """
        columns = self._encoded(changes)
        if _SPEND in changes:
            columns[_SPEND] = self.table.c[_SPEND] + (changes[_SPEND] - getattr(present, _SPEND))
        done = connection.execute(update(self.table).where(self._still(present)).values(columns))
        return done.rowcount == 1

    def delete(self, connection: Connection, present: R) -> bool:
        """Remove a row; False when it is no longer the one that was read."""
        return connection.execute(delete(self.table).where(self._still(present))).rowcount == 1

    def told(self, row: R) -> str:
        """A row as JSON, its secrets hidden: for the audit."""
        fields = {name: getattr(row, name) for name in self.row.__struct_fields__}
        hidden = {name: "***" for name in self.secret if fields[name]}
        return msgspec.json.encode(fields | hidden).decode()

    def _still(self, row: R) -> ColumnElement[bool]:
        """That the row is as it was read: nobody has changed it since. What the ledger adds to it is no change."""
        named = self._is(self.ident(row))
        changed_us = getattr(row, "updated_us", None)
        return named if changed_us is None else and_(named, self.table.c.updated_us == changed_us)

    def _is(self, ident: Ident) -> ColumnElement[bool]:
        return and_(*(self.table.c[name] == value for name, value in zip(self.key, ident, strict=True)))

    def _decoded(self, found: RowMapping) -> R:
        columns = {name: found[name] for name in self.row.__struct_fields__}
        for name, kind in self._json.items():
            if columns[name] is not None:
                columns[name] = msgspec.json.decode(columns[name], type=kind)
        return self.row(**columns)

    def _encoded(self, columns: dict[str, Any]) -> dict[str, Any]:
        return {
            name: msgspec.json.encode(value).decode() if name in self._json and value is not None else value
            for name, value in columns.items()
        }
