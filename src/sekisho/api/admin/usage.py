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
from sekisho.store.cube import DIMENSIONS, Window, sums, tagged, total_of
from sekisho.store.keys import key_names

router = APIRouter(prefix="/sekisho/v1/usage")

ROWS_MAX = 10_000
DIMENSIONS_MAX = 5
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
    """`by`: names of dimensions, by commas. Each dimension is a filter too, and may be repeated."""

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


@router.get("")
async def usage(services: Services, asker: Asked, asked: Annotated[UsageQuery, Query()]) -> Response:
    """Calls, errors, tokens by kind, cost and mean latency of each group, the costliest first, and of all together."""
    by = _dimensions(asked.by)
    window = Window(
        time_us(asked.start_date, "start_date"), time_us(asked.end_date, "end_date", end=True), hourly="hour" in by
    )
    await flushed(services.journal)

    def read(connection: Connection) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        conditions = [*visible_usage(asker, window.table), *_filters(connection, window, asked)]
        rows = sums(connection, window, by, conditions, limit=asked.limit + 1)
        if "tag" not in by and len(rows) <= asked.limit:
            return rows, total_of(rows)  # without reading everything again
        return rows, sums(connection, window, (), conditions, limit=1)[0]

    rows, total = await services.desk.read(read)
    return answer(
        {
            "start": iso(window.from_us),
            "end": iso(window.until_us),
            "by": by,
            "rows": [_row(row, by) for row in rows[: asked.limit]],
            "total": _row(total, ()),
            "truncated": len(rows) > asked.limit,
        }
    )


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
