"""What was used in the name of end users, from the calls themselves: the roll-ups do not know them, they are too many.

Flows in: a window of time, dimensions to group by, conditions on `calls`. Flows out: one dict a group, as cube.py gives
it. Must stay true: only calls that name an end user are read, those of the window; every answer has a limit, the
costliest groups first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.engine import Connection

from sekisho.store.calls import DAY_US
from sekisho.store.cube import Window
from sekisho.store.schema import USAGE_MEASURES, calls
from sekisho.store.totals import total

#: What may be grouped by -> an expression over `calls`; "" for what a call does not say, as in the roll-ups.
_DIMENSIONS: dict[str, ColumnElement[Any]] = {
    "end_user": calls.c.end_user,
    "day": calls.c.started_us - calls.c.started_us % DAY_US,
} | {
    name: func.coalesce(calls.c[column], "")
    for name, column in (
        ("key", "key_hash"),
        ("model", "routed_model"),
        ("model_group", "model_group"),
        ("provider", "provider"),
    )
}


def customer_sums(
    connection: Connection,
    window: Window,
    by: Sequence[str],
    conditions: Iterable[ColumnElement[bool]] = (),
    *,
    limit: int,
) -> list[dict[str, Any]]:
    """Dimensions of `by` and measures, a dict each."""
    columns = [_DIMENSIONS[name].label(name) for name in by]
    query = (
        select(*columns, *(_measure(name).label(name) for name in USAGE_MEASURES))
        .where(*_within(window), *conditions)
        .group_by(*columns)
        .order_by(_measure("cost_nano_usd").desc(), *columns)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def count_customer_calls(connection: Connection, window: Window, conditions: Iterable[ColumnElement[bool]] = ()) -> int:
    """How many calls there are to sum."""
    query = select(func.count()).select_from(calls).where(*_within(window), *conditions)
    return int(connection.execute(query).scalar_one())


def _within(window: Window) -> tuple[ColumnElement[bool], ...]:
    started = calls.c.started_us
    return started >= window.from_us, started < window.until_us, calls.c.end_user.is_not(None)


def _measure(name: str) -> ColumnElement[int]:
    """A measure of the roll-ups, of calls."""
    return func.coalesce(total(_COUNTED[name] if name in _COUNTED else calls.c[name]), 0)


def _if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


_COUNTED: dict[str, ColumnElement[int]] = {
    "calls": literal(1),
    "errors": _if(calls.c.status == "failure"),
    "incomplete": _if(calls.c.status == "incomplete"),
    "unpriced": _if(calls.c.cost_nano_usd.is_(None)),
    "latency_us": calls.c.ended_us - calls.c.started_us,
}
