"""/sekisho/v1/usage: what was used, by any of who, what, where and when.

Flows in: a window of time, dimensions, filters. Flows out: sums, exact in nano-USD. Must stay true: nobody sees sums
over calls that they could not see one by one; an answer that is not whole says so.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.limit_rows import iso
from sekisho.api.admin.services import Asked, Services
from sekisho.api.admin.spend import time_us
from sekisho.api.admin.visible import visible_usage
from sekisho.core.errors import MalformedRequest
from sekisho.core.money import usd_text
from sekisho.identity.keys import hash_of
from sekisho.store.calls import DAY_US
from sekisho.store.cube import DIMENSIONS, Rows, Window, page, sums, tagged, total_of
from sekisho.store.keys import key_names

router = APIRouter(prefix="/sekisho/v1/usage")

ROWS_MAX = 1_000
DIMENSIONS_MAX = 5
#: By hours, longer times are too much.
HOURLY_DAYS = 7
_FILTERS = tuple(name for name in DIMENSIONS if name not in {"day", "hour", "tag", "key"})
_TOKENS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
)


class UsageQuery(BaseModel):
    """`by`: names of dimensions, by commas. Each dimension is a filter too, and may be repeated. `after`: the `next` of
    the page before.
    """

    start_date: Name
    end_date: Name
    by: Name = ""
    user: list[Name] | None = None
    team: list[Name] | None = None
    key: list[Name] | None = None
    organization: list[Name] | None = None
    project: list[Name] | None = None
    model: list[Name] | None = None
    requested_model: list[Name] | None = None
    model_group: list[Name] | None = None
    provider: list[Name] | None = None
    account: list[Name] | None = None
    region: list[Name] | None = None
    tool: list[Name] | None = None
    tag: list[Name] | None = None
    limit: Annotated[int, Field(ge=1, le=ROWS_MAX)] = 1_000
    after: Annotated[str, Field(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}$")] = "0.0"


@router.get("")
async def usage(services: Services, asker: Asked, asked: Annotated[UsageQuery, Query()]) -> Response:
    """Calls, errors, tokens by kind, cost and mean latency of each group, the costliest first, and of all together.

    Groups of one key, user, project or team stand together, those of the costliest first.
    """
    by = _dimensions(asked.by)
    window = _window(asked, hourly="hour" in by)
    led, skipped = map(int, asked.after.split("."))
    await flushed(services.journal)

    def read(connection: Connection) -> tuple[Rows, tuple[int, int] | None, dict[str, Any]]:
        conditions = [*visible_usage(asker, window.table), *_filters(connection, window, asked)]
        rows, following = page(connection, window, by, conditions, limit=asked.limit, after=(led, skipped))
        if "tag" not in by and following is None and led == skipped == 0:
            return rows, None, total_of(rows)  # without reading everything again
        return rows, following, sums(connection, window, (), conditions, limit=1)[0]

    rows, following, total = await services.desk.read(read)
    return answer(
        {
            "start": iso(window.from_us),
            "end": iso(window.until_us),
            "by": by,
            "rows": [_row(row, by) for row in rows],
            "total": _row(total, ()),
            "truncated": following is not None,
            "next": None if following is None else f"{following[0]}.{following[1]}",
        }
    )


def _window(asked: UsageQuery, *, hourly: bool) -> Window:
    start_us, end_us = time_us(asked.start_date, "start_date"), time_us(asked.end_date, "end_date", end=True)
    if hourly and end_us - start_us > HOURLY_DAYS * DAY_US:
        message = f"By hours, ask for {HOURLY_DAYS} days at most; by days for any time."
        raise MalformedRequest(message, param="end_date")
    return Window(start_us, end_us, hourly=hourly)


def _dimensions(text: str) -> tuple[str, ...]:
    by = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [name for name in by if name not in DIMENSIONS]
    if unknown or len(by) > DIMENSIONS_MAX or {"day", "hour"} <= set(by):
        message = f"'by' takes up to {DIMENSIONS_MAX} of {', '.join(DIMENSIONS)}; day or hour, not both."
        raise MalformedRequest(message, param="by")
    return by


def _filters(connection: Connection, window: Window, asked: UsageQuery) -> list[ColumnElement[bool]]:
    columns = window.table.c
    conditions: list[ColumnElement[bool]] = [
        columns[DIMENSIONS[name]].in_(wanted) for name in _FILTERS if (wanted := getattr(asked, name)) is not None
    ]
    if asked.key is not None:
        hashes = [hash_of(name) for name in asked.key]
        names = key_names(connection, hashes)
        conditions.append(columns.key_hash.in_([names.get(name, name) for name in hashes]))
    return conditions + tagged(window.table, asked.tag or ())


def _row(row: dict[str, Any], by: tuple[str, ...]) -> dict[str, Any]:
    """What is not known is null, not an empty text."""
    calls = row["calls"]
    shown = {name: iso(row[name]) if name in {"day", "hour"} else row[name] or None for name in by}
    return (
        shown
        | {name: row[name] for name in ("calls", "errors", "incomplete", "unpriced", *_TOKENS, "cost_nano_usd")}
        | {
            "cost_usd": usd_text(row["cost_nano_usd"]),
            "mean_latency_ms": round(row["latency_us"] / calls / 1_000, 3) if calls else None,
        }
    )
