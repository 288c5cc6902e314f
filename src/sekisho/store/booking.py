"""The writing of the ledger: a call's row, what it adds to the spend of all that it belongs to, and to the roll-ups.

Flows in: a Connection and columns by name. Flows out: how many were new. Must stay true: a call is booked once,
however often it is handed in and by how many processes; row, spend and roll-ups are one transaction.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from sekisho.store.bulk import copy_rows, insert_rows
from sekisho.store.days import ensure_days
from sekisho.store.schema import calls
from sekisho.store.spend import add_spend
from sekisho.store.usage import add_usage, hold_sums

_values_of: Callable[[dict[str, Any]], tuple[Any, ...]] = operator.itemgetter(*calls.c.keys())


def insert_calls(connection: Connection, rows: Iterable[dict[str, Any]]) -> int:
    """Book the rows that are not there yet; returns how many."""
    by_id: dict[str, dict[str, Any]] = {}
    for row in rows:
        by_id.setdefault(row["call_id"], row)
    given = list(map(_values_of, by_id.values()))
    ensure_days(connection, [row["started_us"] for row in by_id.values()])
    inserted = insert_rows(connection, calls, given, "ON CONFLICT DO NOTHING RETURNING call_id")
    _add(connection, [by_id[call_id] for [call_id] in inserted])
    return len(inserted)


def insert_fresh_calls(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """The same for rows that nobody has handed in before. Raises IntegrityError, and has done nothing, when one was."""
    ensure_days(connection, [row["started_us"] for row in rows])
    copy_rows(connection, calls, list(map(_values_of, rows)))
    _add(connection, rows)
    return len(rows)


def _add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    hold_sums(connection)
    add_spend(connection, rows)
    add_usage(connection, rows)
