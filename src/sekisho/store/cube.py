"""Sums over the roll-ups, by any of their dimensions.

Flows in: a window of time, dimensions to group by, conditions. Flows out: one dict a group. Must stay true: whole
hours or whole days are summed, those that begin in the window; every answer has a limit, the costliest groups first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.engine import Connection

from sekisho.store.schema import USAGE_MEASURES, usage_days, usage_hours
from sekisho.store.totals import total

#: What may be grouped by -> the column of the roll-ups. `tag` is made of their sets of tags.
DIMENSIONS = {
    "user": "user_id",
    "team": "team_id",
    "key": "key_hash",
    "organization": "organization_id",
    "project": "project_id",
    "model": "model",
    "requested_model": "requested_model",
    "model_group": "model_group",
    "provider": "provider",
    "account": "account",
    "region": "region",
    "tool": "tool",
    "tag": "tags",
    "day": "starts_us",
    "hour": "starts_us",
}
#: Groups read where they are taken apart here: by tag.
SETS_MAX = 20_000


class Window(msgspec.Struct, frozen=True):
    """Epoch µs UTC, [from, until). `hourly` where days would be too coarse."""

    from_us: int
    until_us: int
    hourly: bool = False

    @property
    def table(self) -> Table:
        return usage_hours if self.hourly else usage_days


def sums(
    connection: Connection,
    window: Window,
    by: Sequence[str],
    conditions: Iterable[ColumnElement[bool]] = (),
    *,
    limit: int,
) -> list[dict[str, Any]]:
    """Dimensions of `by` and measures, a dict each; with `tag`, a call counts under each of its tags."""
    table = window.table
    columns = [table.c[DIMENSIONS[name]].label(name) for name in by]
    measures = [func.coalesce(total(table.c[name]), 0).label(name) for name in USAGE_MEASURES]
    cost = total(table.c.cost_nano_usd)
    query = (
        select(*columns, *measures)
        .where(table.c.starts_us >= window.from_us, table.c.starts_us < window.until_us, *conditions)
        .group_by(*(table.c[DIMENSIONS[name]] for name in by))
        .order_by(cost.desc(), *(table.c[DIMENSIONS[name]] for name in by))
        .limit(max(limit, SETS_MAX) if "tag" in by else limit)
    )
    rows = [
        {name: int(value) if name in _MEASURES else value for name, value in row.items()}
        for row in connection.execute(query).mappings()
    ]
    return _apart(rows, by)[:limit] if "tag" in by else rows


def total_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All groups together."""
    return {name: sum(row[name] for row in rows) for name in USAGE_MEASURES}


def count_rows(connection: Connection, window: Window, conditions: Iterable[ColumnElement[bool]]) -> int:
    """How many rows of the roll-up a window has: there are no more groups than that, however fine."""
    table = window.table
    wanted = (table.c.starts_us >= window.from_us, table.c.starts_us < window.until_us, *conditions)
    return int(connection.execute(select(func.count()).select_from(table).where(*wanted)).scalar_one())


def tagged(table: Table, tags: Sequence[str]) -> list[ColumnElement[bool]]:
    """The condition that calls carry one of these tags; none for no tags."""
    if not tags:
        return []
    column = table.c.tags
    found = [column.contains(msgspec.json.encode(tag).decode(), autoescape=True) for tag in tags]
    condition = found[0]
    for one in found[1:]:
        condition |= one
    return [condition]


def _apart(rows: list[dict[str, Any]], by: Sequence[str]) -> list[dict[str, Any]]:
    """Sets of tags as single tags, the costliest first. What has no tag stands under ""."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        tags = msgspec.json.decode(row["tag"], type=list[str]) if row["tag"] else []
        for tag in tags or [""]:
            named = row | {"tag": tag}
            measures = merged.setdefault(tuple(named[name] for name in by), dict.fromkeys(USAGE_MEASURES, 0))
            for name in USAGE_MEASURES:
                measures[name] += row[name]
    shown = [dict(zip(by, key, strict=True)) | measures for key, measures in merged.items()]
    return sorted(shown, key=lambda row: -row["cost_nano_usd"])


_MEASURES = frozenset(USAGE_MEASURES)
