"""Sums over the roll-ups, by any of their dimensions.

Flows in: a window of time, dimensions to group by, conditions. Flows out: one dict a group. Must stay true: whole
hours or whole days are summed, those that begin in the window; every answer has a limit; days and months that are
closed (closing.py) are read from the narrowest sums there are, with the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Select, Table, and_, false, func, literal, or_, select, union_all
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from sekisho.store.closing import Range, closed_ranges, month_of, next_month
from sekisho.store.schema import SUMMARIES, USAGE_MEASURES, summed_days, summed_months, usage_days, usage_hours
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
#: Of these there are many: their costliest are found first, then what these have used.
LEADERS = ("key", "user", "project", "team")
#: Leaders whose details are read at once, to begin with.
LEADERS_AT_ONCE = 8
#: Settings of PostgreSQL for long sums.
ROOM = {"work_mem": "32MB", "jit": "off"}
#: Rows to sum are not counted any further.
COUNTED_MAX = 100_000
#: Groups read where they are taken apart here: by tag.
SETS_MAX = 20_000

Conditions = Sequence[ColumnElement[bool]]
Rows = list[dict[str, Any]]


class Window(msgspec.Struct, frozen=True):
    """Epoch µs UTC, [from, until). `hourly` where days would be too coarse."""

    from_us: int
    until_us: int
    hourly: bool = False

    @property
    def table(self) -> Table:
        """That conditions are said of."""
        return usage_hours if self.hourly else usage_days


def sums(
    connection: Connection,
    window: Window,
    by: Sequence[str],
    conditions: Iterable[ColumnElement[bool]] = (),
    *,
    limit: int,
) -> Rows:
    """Dimensions of `by` and measures, a dict each, the costliest first; with `tag`, a call counts under each of its
    tags.
    """
    conditions = tuple(conditions)
    _make_room(connection)
    query = _query(connection, window, by, conditions, USAGE_MEASURES)
    found = query.limit(max(limit, SETS_MAX) if "tag" in by else limit)
    return _taken(connection.execute(found).mappings(), by)[:limit]


def page(
    connection: Connection,
    window: Window,
    by: Sequence[str],
    conditions: Iterable[ColumnElement[bool]] = (),
    *,
    limit: int,
    after: tuple[int, int] = (0, 0),
) -> tuple[Rows, tuple[int, int] | None]:
    """The same in pages, and where the next one begins: `after` so many of the costliest keys (users, projects, teams,
    whichever is first of `LEADERS` in `by`) and so many groups of the one that follows.

    Groups of one key stand together, the costliest key first.
    """
    conditions, (led, skipped) = tuple(conditions), after
    leader = next((name for name in LEADERS if name in by), None)
    if leader is None:
        rows = sums(connection, window, by, conditions, limit=skipped + limit + 1)[skipped:]
        return rows[:limit], (0, skipped + limit) if len(rows) > limit else None
    _make_room(connection)
    leaders = _costliest(connection, window, leader, conditions, (led, limit + 1))
    rows = []
    for number, groups in enumerate(_details(connection, (window, by, conditions), leader, leaders, limit)):
        wanted = groups[skipped:] if number == 0 else groups
        room = limit - len(rows)
        rows += wanted[:room]
        if len(wanted) > room:
            return rows, (led + number, room + (skipped if number == 0 else 0))
    return rows, None


def total_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All groups together."""
    return {name: sum(row[name] for row in rows) for name in USAGE_MEASURES}


def count_rows(
    connection: Connection,
    window: Window,
    conditions: Iterable[ColumnElement[bool]],
    *,
    by: Sequence[str] = ("key", "model"),
    most: int = COUNTED_MAX,
) -> int:
    """How many rows there are to sum, counted no further than one above `most`: there are no more groups than that."""
    sources = _sources(connection, window, by, tuple(conditions))
    rows = union_all(*(select(literal(1)).select_from(table).where(*wanted) for table, wanted in sources))
    return int(connection.execute(select(func.count()).select_from(rows.limit(most + 1).subquery())).scalar_one())


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


def _summed(parts: Sequence[Select[Any]], by: Sequence[str], measures: Sequence[str]) -> Select[Any]:
    """The groups of all parts, the costliest first. Each part is summed by itself: of a table the database knows how
    many groups there will be, of several together it does not.
    """
    columns = parts[0].subquery().c if len(parts) == 1 else union_all(*parts).subquery().c
    groups = [columns[DIMENSIONS[name]] for name in by]
    return (
        select(
            *(column.label(name) for name, column in zip(by, groups, strict=True)),
            *(func.coalesce(total(columns[name]), 0).label(name) for name in measures),
        )
        .group_by(*groups)
        .order_by(total(columns.cost_nano_usd).desc(), *groups)
    )


def _sources(
    connection: Connection, window: Window, by: Sequence[str], conditions: Conditions
) -> list[tuple[Table, list[ColumnElement[bool]]]]:
    """Which rows of which tables to sum: as few as there can be."""
    table = window.table
    needed = {DIMENSIONS[name] for name in by} | set(_columns(conditions, table)) - {"starts_us"}
    return [
        (part, [_within(part, ranges), *_moved(conditions, table, part)])
        for part, ranges in _parts(connection, window, needed, whole="starts_us" not in needed)
    ]


def _query(
    connection: Connection, window: Window, by: Sequence[str], conditions: Conditions, measures: Sequence[str]
) -> Select[Any]:
    """Grouped by `by`, the costliest first."""
    sources = _sources(connection, window, by, conditions)
    names = list(dict.fromkeys(DIMENSIONS[name] for name in by))
    if len(sources) == 1:
        parts = [select(*(table.c[name] for name in (*names, *measures))).where(*wanted) for table, wanted in sources]
        return _summed(parts, by, measures)
    parts = [
        select(*(table.c[name] for name in names), *(total(table.c[name]).label(name) for name in measures))
        .where(*wanted)
        .group_by(*(table.c[name] for name in names))
        for table, wanted in sources
    ]
    return _summed(parts, by, measures)


def _parts(
    connection: Connection, window: Window, needed: set[str], *, whole: bool
) -> Iterator[tuple[Table, list[Range]]]:
    """Tables, and what to read from each: months where they need not be taken apart, days, and what is still open."""
    left = [(window.from_us, window.until_us)]
    if window.hourly:
        yield usage_hours, left
        return
    name = next((name for name, columns in SUMMARIES.items() if needed <= {*columns, "starts_us"}), "")
    months = _whole_months(closed_ranges(connection, "month", *left[0]), window) if whole else []
    left = _without(left, months)
    if months:
        yield summed_months[name], months
    if name:
        closed = [
            (max(start, window.from_us), min(end, window.until_us))
            for start, end in closed_ranges(connection, "day", window.from_us, window.until_us)
        ]
        days = _without(closed, months)
        left = _without(left, days)
        if days:
            yield summed_days[name], days
    if left or not months:
        yield usage_days, left


def _whole_months(ranges: Iterable[Range], window: Window) -> list[Range]:
    """The months that lie in the window with all their days."""
    cut = [
        (
            start if start >= window.from_us else next_month(month_of(window.from_us - 1)),
            end if end <= window.until_us else month_of(window.until_us),
        )
        for start, end in ranges
    ]
    return [(start, end) for start, end in cut if start < end]


def _without(ranges: Iterable[Range], taken: Iterable[Range]) -> list[Range]:
    """What is left of ranges."""
    left = list(ranges)
    for from_us, until_us in taken:
        pieces = [piece for start, end in left for piece in ((start, min(end, from_us)), (max(start, until_us), end))]
        left = [(start, end) for start, end in pieces if start < end]
    return left


def _within(table: Table, ranges: Sequence[Range]) -> ColumnElement[bool]:
    starts = table.c.starts_us
    return or_(false(), *(and_(starts >= from_us, starts < until_us) for from_us, until_us in ranges))


def _columns(conditions: Conditions, table: Table) -> Iterator[str]:
    """The names of the table's columns that conditions ask for."""
    for condition in conditions:
        for element in iterate(condition):
            if isinstance(element, Column) and element.table is table:
                yield element.name


def _moved(conditions: Conditions, source: Table, target: Table) -> list[ColumnElement[bool]]:
    """The same conditions, of another table."""

    def move(element: Any, **_: Any) -> Any:
        return target.c[element.name] if isinstance(element, Column) and element.table is source else None

    return [replacement_traverse(condition, {}, move) for condition in conditions]


def _costliest(
    connection: Connection, window: Window, leader: str, conditions: Conditions, slice_: tuple[int, int]
) -> list[str]:
    offset, limit = slice_
    query = _query(connection, window, (leader,), conditions, ("cost_nano_usd",))
    return list(connection.execute(query.offset(offset).limit(limit)).scalars())


def _details(
    connection: Connection,
    asked: tuple[Window, Sequence[str], Conditions],
    leader: str,
    leaders: list[str],
    enough: int,
) -> Iterator[Rows]:
    """The groups of each leader, in their order; more leaders are read at once where each has few."""
    window, by, conditions = asked
    column = window.table.c[DIMENSIONS[leader]]
    at, size, found = 0, len(leaders) if len(by) == 1 else LEADERS_AT_ONCE, 0
    while at < len(leaders):
        these = leaders[at : at + size]
        groups: dict[str, Rows] = {name: [] for name in these}
        query = _query(connection, window, by, (*conditions, column.in_(these)), USAGE_MEASURES)
        for row in _taken(connection.execute(query).mappings(), by):
            groups[row[leader]].append(row)
        yield from groups.values()
        at += len(these)
        found += sum(map(len, groups.values()))
        size = max(1, (enough - found) * at // max(1, found) + 1)


def _make_room(connection: Connection) -> None:
    """Until this transaction ends, long sums stay in memory and are not compiled for longer than they run."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(*(func.set_config(name, value, True) for name, value in ROOM.items())))


def _taken(found: Iterable[RowMapping], by: Sequence[str]) -> Rows:
    rows = [{name: int(value) if name in _MEASURES else value for name, value in row.items()} for row in found]
    return _apart(rows, by) if "tag" in by else rows


def _apart(rows: Rows, by: Sequence[str]) -> Rows:
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
