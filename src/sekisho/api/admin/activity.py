"""/{user,team,organization,tag,customer}/daily/activity: what was used each day, as LiteLLM's console draws it.

Flows in: days, and whose. Flows out: a result a day, taken apart by model, provider, key and entity. Must stay true:
nobody sees activity that they could not see call by call; where there are too many keys or entities to show each, they
are left out and the answer says so, while the sums stay whole.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Table
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_fields import Name, NameList
from sekisho.api.admin.limit_rows import iso
from sekisho.api.admin.reports import check_customer_days
from sekisho.api.admin.services import AdminServices, Asked, Asker, Bounds, Services
from sekisho.api.admin.spend import time_us
from sekisho.api.admin.visible import visible_usage
from sekisho.core.money import usd_float
from sekisho.identity.keys import hash_of
from sekisho.store.cube import DIMENSIONS, Window, count_rows, sums, tagged
from sekisho.store.customers import count_customer_calls, customer_sums
from sekisho.store.directory import KEYS
from sekisho.store.keys import KeyRow
from sekisho.store.schema import calls

router = APIRouter()

#: Breakdown -> the dimension it is by. `entities` depends on who asks.
_BREAKDOWNS = {"models": "model", "model_groups": "model_group", "providers": "provider", "api_keys": "key"}
_MEASURES = (
    "spend",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "total_tokens",
    "successful_requests",
    "failed_requests",
    "api_requests",
    "total_response_time_ms",
    "timed_requests",
)
Metrics = dict[str, int]


class ActivityQuery(BaseModel):
    """All days come on one page: `page` above 1 is empty."""

    start_date: Name
    end_date: Name
    model: Name | None = None
    api_key: Name | None = None
    user_id: Name | None = None
    team_ids: NameList | None = None
    organization_ids: NameList | None = None
    end_user_ids: NameList | None = None
    tags: NameList | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=1_000)] = 1_000


@router.get("/user/daily/activity")
@router.get("/user/daily/activity/aggregated")
async def of_users(services: Services, asker: Asked, asked: Annotated[ActivityQuery, Query()]) -> Response:
    """By user: the caller's own, or everybody's to those who see all."""
    return await _activity(services, asker, asked, "user")


@router.get("/team/daily/activity")
async def of_teams(services: Services, asker: Asked, asked: Annotated[ActivityQuery, Query()]) -> Response:
    """By team."""
    return await _activity(services, asker, asked, "team")


@router.get("/organization/daily/activity")
async def of_organizations(services: Services, asker: Asked, asked: Annotated[ActivityQuery, Query()]) -> Response:
    """By organisation."""
    return await _activity(services, asker, asked, "organization")


@router.get("/tag/daily/activity")
async def of_tags(services: Services, asker: Asked, asked: Annotated[ActivityQuery, Query()]) -> Response:
    """By tag: a call with several counts under each."""
    return await _activity(services, asker, asked, "tag")


@router.get("/customer/daily/activity")
@router.get("/end_user/daily/activity")
async def of_customers(services: Services, asker: Asked, asked: Annotated[ActivityQuery, Query()]) -> Response:
    """By end user. They are in no roll-up: their calls themselves are summed, of so many days at most."""
    return await _activity(services, asker, asked, "end_user")


async def _activity(services: AdminServices, asker: Asker, asked: ActivityQuery, entity: str) -> Response:
    window = Window(time_us(asked.start_date, "start_date"), time_us(asked.end_date, "end_date", end=True))
    if entity == "end_user":
        check_customer_days(window)
    table = calls if entity == "end_user" else window.table
    await flushed(services.journal)

    def read(connection: Connection) -> tuple[list[dict[str, Any]], tuple[str, ...], dict[str, KeyRow]]:
        conditions = [*visible_usage(asker, table), *_filters(table, asked)]
        rows, by = _groups(connection, window, entity, conditions, services.bounds)
        tokens = sorted({row["key"] for row in rows if row.get("key")})
        keys = {key.token: key for key in KEYS.many(connection, [(token,) for token in tokens])}
        return rows, by, keys

    rows, by, keys = await services.desk.read(read)
    shown = rows if asked.page == 1 else []
    response = answer({"results": _results(shown, entity, keys), "metadata": _metadata(shown, asked.page)})
    left_out = {entity, "key"} - set(by)
    if left_out:
        response.headers["x-sekisho-truncated"] = f"too many to show each: {', '.join(sorted(left_out))}"
    return response


def _groups(
    connection: Connection, window: Window, entity: str, conditions: list[ColumnElement[bool]], bounds: Bounds
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """As fine as there is room for. So many rows that keys could hardly fit are not grouped by key first."""
    whole = ("day", "model", "model_group", "provider")
    count, summed = (count_customer_calls, customer_sums) if entity == "end_user" else (count_rows, sums)
    finest: list[tuple[str, ...]] = []
    if count(connection, window, conditions) <= bounds.rows_for_keys:
        finest.append(("key", entity, *whole))
    if finest or entity == "end_user" or _fits(connection, window, (entity, *whole), conditions, bounds):
        finest.append((entity, *whole))
    for by in (*finest, whole):
        rows = summed(connection, window, by, conditions, limit=bounds.groups + 1)
        if len(rows) <= bounds.groups:
            break
    return rows[: bounds.groups], by


def _fits(
    connection: Connection, window: Window, by: tuple[str, ...], conditions: list[ColumnElement[bool]], bounds: Bounds
) -> bool:
    """Whether there are so few rows to sum that their groups may have room."""
    return count_rows(connection, window, conditions, by=by, most=bounds.rows) <= bounds.rows


def _filters(table: Table, asked: ActivityQuery) -> list[ColumnElement[bool]]:
    """`table` is a roll-up, or the calls themselves."""
    columns = table.c
    conditions: list[ColumnElement[bool]] = []
    for name, text in (("user", asked.user_id), ("team", asked.team_ids), ("organization", asked.organization_ids)):
        if text:
            wanted = [text] if name == "user" else _split(text)
            conditions.append(columns[DIMENSIONS[name]].in_(wanted))
    if asked.model:
        model = columns.routed_model if table is calls else columns.model
        conditions.append((model == asked.model) | (columns.model_group == asked.model))
    if asked.api_key:
        conditions.append(columns.key_hash == hash_of(asked.api_key))
    if asked.end_user_ids and table is calls:
        conditions.append(columns.end_user.in_(_split(asked.end_user_ids)))
    return conditions + tagged(table, _split(asked.tags or ""))


def _results(rows: list[dict[str, Any]], entity: str, keys: dict[str, KeyRow]) -> list[dict[str, Any]]:
    days: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        days[row["day"]].append(row)
    return [
        {
            "date": (iso(day) or "")[:10],
            "metrics": _told(_total(days[day])),
            "breakdown": {name: _breakdown(days[day], by, keys) for name, by in _BREAKDOWNS.items()}
            | {"entities": _breakdown(days[day], entity, keys), "mcp_servers": {}, "endpoints": {}},
        }
        for day in sorted(days, reverse=True)
    ]


def _breakdown(rows: list[dict[str, Any]], by: str, keys: dict[str, KeyRow]) -> dict[str, Any]:
    """Name -> its sums, each taken apart by key."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if by in row:
            groups[row[by]].append(row)
    return {
        name: {
            "metrics": _told(_total(group)),
            "metadata": _key_metadata(keys.get(name)) if by == "key" else {},
        }
        | ({} if by == "key" else {"api_key_breakdown": _by_key(group, keys)})
        for name, group in groups.items()
    }


def _by_key(rows: list[dict[str, Any]], keys: dict[str, KeyRow]) -> dict[str, Any]:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row.get("key"):
            groups[row["key"]].append(row)
    return {
        token: {"metrics": _told(_total(group)), "metadata": _key_metadata(keys.get(token))}
        for token, group in groups.items()
    }


def _key_metadata(key: KeyRow | None) -> dict[str, Any]:
    return {
        "key_alias": None if key is None else key.key_alias,
        "team_id": None if key is None else key.team_id,
        "user_id": None if key is None else key.user_id,
        "user_email": None,
        "key_exists": key is not None,
    }


def _total(rows: list[dict[str, Any]]) -> Metrics:
    """LiteLLM's counts; `spend` in nano-USD."""
    total = dict.fromkeys(_MEASURES, 0)
    for row in rows:
        prompt = row["input_tokens"] + row["cache_read_tokens"] + row["cache_write_tokens"]
        failed = row["errors"] + row["incomplete"]
        for name, amount in (
            ("spend", row["cost_nano_usd"]),
            ("prompt_tokens", prompt),
            ("completion_tokens", row["output_tokens"]),
            ("cache_read_input_tokens", row["cache_read_tokens"]),
            ("cache_creation_input_tokens", row["cache_write_tokens"]),
            ("total_tokens", prompt + row["output_tokens"]),
            ("successful_requests", row["calls"] - failed),
            ("failed_requests", failed),
            ("api_requests", row["calls"]),
            ("total_response_time_ms", row["latency_us"] // 1_000),
            ("timed_requests", row["calls"]),
        ):
            total[name] += amount
    return total


def _told(metrics: Metrics) -> dict[str, Any]:
    return metrics | {"spend": usd_float(metrics["spend"])}


def _metadata(rows: list[dict[str, Any]], page: int) -> dict[str, Any]:
    total = _total(rows)
    return {
        "total_spend": usd_float(total["spend"]),
        "total_prompt_tokens": total["prompt_tokens"],
        "total_completion_tokens": total["completion_tokens"],
        "total_tokens": total["total_tokens"],
        "total_api_requests": total["api_requests"],
        "total_successful_requests": total["successful_requests"],
        "total_failed_requests": total["failed_requests"],
        "total_cache_read_input_tokens": total["cache_read_input_tokens"],
        "total_cache_creation_input_tokens": total["cache_creation_input_tokens"],
        "page": page,
        "total_pages": 1,
        "has_more": False,
    }


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()][:500]
