"""Usage as a cube: any of its dimensions, over any hours, from the roll-ups.

Flows in: what to group by, which values, from when to when. Flows out: rows of counts, tokens by kind, cost, latency.
Must stay true: bounded, whatever is asked; whole UTC days are read from the roll-up by day; a call with several tags
stands in the row of each of them, so rows by tag add up to more than the calls there are.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.engine import Connection

from sekisho.core.errors import MalformedRequest
from sekisho.store.schema import USAGE_DIMENSIONS, USAGE_MEASURES, usage_days, usage_hours
from sekisho.store.usage import DAY_US, HOUR_US

Unit = Literal["hour", "day", ""]
#: The most rows that are answered, and that are read where tags have to be told apart.
ROWS_MAX = 10_000
READ_MAX = 200_000
#: What may be asked for by name.
DIMENSIONS = (*(name for name in USAGE_DIMENSIONS if name != "tags"), "tag")


class CubeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`by` are dimensions; `each` adds the hour or UTC day. `only` is dimension -> the values that count, "" for
    not known. The period is [from_us, until_us), widened to whole hours.
    """

    from_us: int
    until_us: int
    by: tuple[str, ...] = ()
    each: Unit = ""
    only: Mapping[str, tuple[str, ...]] = {}
    limit: int = 1_000


class CubeRow(msgspec.Struct, frozen=True, kw_only=True):
    """`values` are in the order of the query's `by`; `starts_us` is None without `each`."""

    starts_us: int | None
    values: tuple[str, ...]
    measures: dict[str, int]


def usage_cube(connection: Connection, query: CubeQuery) -> list[CubeRow]:
    """The rows, in the order of time, the dearest first. Raises MalformedRequest for what cannot be asked."""
    _check(query)
    table, unit_us = _table(query)
    tagged = "tag" in query.by
    starts = (table.c.starts_us - table.c.starts_us % _unit_us(query.each)).label("starts_us")
    groups: list[ColumnElement[Any]] = [table.c["tags" if name == "tag" else name] for name in query.by]
    sums = [func.sum(table.c[name]).label(name) for name in USAGE_MEASURES]
    shown: list[ColumnElement[Any]] = [starts, *groups] if query.each else groups
    order = [starts] if query.each else []
    statement = (
        select(*shown, *sums)
        .where(table.c.starts_us >= query.from_us // unit_us * unit_us, table.c.starts_us < query.until_us)
        .where(*_only(table, query))
        .group_by(*shown)
        .order_by(*order, func.sum(table.c.cost_nano_usd).desc(), *groups)
        .limit(READ_MAX if tagged else query.limit)
    )
    width = len(groups)
    rows = [
        CubeRow(
            starts_us=found[0] if query.each else None,
            values=tuple(found[1:][:width] if query.each else found[:width]),
            measures=dict(zip(USAGE_MEASURES, map(int, found[-len(USAGE_MEASURES) :]), strict=True)),
        )
        for found in connection.execute(statement)
        if found[-1] is not None
    ]
    return _by_tag(rows, query) if tagged else rows


def _check(query: CubeQuery) -> None:
    for name in (*query.by, *query.only):
        if name not in DIMENSIONS:
            raise MalformedRequest(f"'{name[:60]}' is no dimension: choose of {', '.join(DIMENSIONS)}.", param="by")
    if len(set(query.by)) != len(query.by):
        raise MalformedRequest("A dimension is named twice.", param="by")
    if query.each not in get_args(Unit):
        raise MalformedRequest("'each' is hour or day.", param="each")
    if not 0 <= query.from_us < query.until_us:
        raise MalformedRequest("The period ends before it begins.", param="until")
    if not 1 <= query.limit <= ROWS_MAX:
        raise MalformedRequest(f"'limit' is from 1 to {ROWS_MAX}.", param="limit")


def _table(query: CubeQuery) -> tuple[Table, int]:
    """Days where the period is made of them."""
    whole_days = query.each != "hour" and query.from_us % DAY_US == 0 and query.until_us % DAY_US == 0
    return (usage_days, DAY_US) if whole_days else (usage_hours, HOUR_US)


def _unit_us(each: Unit) -> int:
    return HOUR_US if each == "hour" else DAY_US


def _only(table: Table, query: CubeQuery) -> Iterable[ColumnElement[bool]]:
    for name, values in query.only.items():
        if name == "tag":
            yield func.coalesce(_any_tag(table, values), False)
        else:
            yield table.c[name].in_(values)


def _any_tag(table: Table, values: tuple[str, ...]) -> ColumnElement[bool]:
    texts = [msgspec.json.encode(value).decode() for value in values]
    conditions = [
        table.c.tags == "[]" if text == '""' else table.c.tags.contains(text, autoescape=True) for text in texts
    ]
    whole = conditions[0]
    for condition in conditions[1:]:
        whole = whole | condition
    return whole


def _by_tag(rows: list[CubeRow], query: CubeQuery) -> list[CubeRow]:
    """Sets of tags told apart: one row a tag, "" for calls without any."""
    at, wanted = query.by.index("tag"), query.only.get("tag")
    sums: dict[tuple[int | None, tuple[str, ...]], list[int]] = {}
    for row in rows:
        measures = list(row.measures.values())
        for tag in msgspec.json.decode(row.values[at], type=list[str]) or [""]:
            if wanted is None or tag in wanted:
                key = (row.starts_us, (*row.values[:at], tag, *row.values[at + 1 :]))
                present = sums.get(key)
                sums[key] = measures if present is None else list(map(operator.add, present, measures))
    made = [
        CubeRow(starts_us=starts_us, values=values, measures=dict(zip(USAGE_MEASURES, found, strict=True)))
        for (starts_us, values), found in sums.items()
    ]
    made.sort(key=lambda row: (row.starts_us or 0, -row.measures["cost_nano_usd"], row.values))
    return made[: query.limit]
