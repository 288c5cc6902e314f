"""/global/spend/…: what was spent lately, by whatever LiteLLM's console draws.

Flows in: limits, days. Flows out: sums in LiteLLM's shapes, money in USD. Must stay true: everybody sees sums of what
they could see call by call; every list has a limit, the costliest come first. Where no days are asked for, it is the
last thirty.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import ColumnElement
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_fields import Name, NameList
from sekisho.api.admin.limit_rows import iso
from sekisho.api.admin.reports import DaysQuery, summed, summed_customers, team_names
from sekisho.api.admin.services import AdminServices, Asked, Services
from sekisho.api.admin.spend import DAY_US, time_us
from sekisho.api.admin.spend_reset import reset_keys_and_teams
from sekisho.core.money import usd_float
from sekisho.identity.keys import hash_of
from sekisho.store.cube import Window, tagged
from sekisho.store.directory import KEYS
from sekisho.store.keys import KeyRow
from sekisho.store.schema import calls, usage_days

router = APIRouter(prefix="/global/spend")

DAYS = 30
#: LiteLLM's console draws so many.
TEAMS_MAX, CUSTOMERS_MAX = 10, 100

Limit = Annotated[int, Query(ge=1, le=1_000)]


class ProviderQuery(DaysQuery):
    api_key: Name | None = None


class TagsQuery(DaysQuery):
    tags: NameList | None = None


class CustomersBody(Body):
    """Of which key, and when; LiteLLM's names."""

    api_key: Name | None = None
    start: Annotated[Name | None, Field(alias="startTime")] = None
    end: Annotated[Name | None, Field(alias="endTime")] = None


@router.get("/logs")
async def by_day(services: Services, asker: Asked, api_key: Annotated[Name | None, Query()] = None) -> Response:
    """By day, the first first; of one key, if it is named."""
    conditions = [] if api_key is None else [usage_days.c.key_hash == hash_of(api_key)]
    rows = await summed(services, asker, _lately(services), ("day",), conditions)
    own = {} if api_key is None else {"api_key": hash_of(api_key)}
    days = {row["day"]: usd_float(row["cost_nano_usd"]) for row in rows}
    return answer([own | {"date": _date(day), "spend": days[day]} for day in sorted(days)])


@router.get("/keys")
async def by_key(services: Services, asker: Asked, limit: Limit = 10) -> Response:
    """By key."""
    rows = (await summed(services, asker, _lately(services), ("key",)))[:limit]
    keys = await _keys(services, [row["key"] for row in rows])
    return answer([_key(row, keys.get(row["key"])) for row in rows])


@router.get("/models")
async def by_model(services: Services, asker: Asked, limit: Limit = 10) -> Response:
    """By model, as its provider calls it."""
    rows = (await summed(services, asker, _lately(services), ("model",)))[:limit]
    return answer([{"model": row["model"], "total_spend": usd_float(row["cost_nano_usd"])} for row in rows])


@router.get("/teams")
async def by_team(services: Services, asker: Asked) -> Response:
    """By team, day by day and in all."""
    rows = await summed(services, asker, _lately(services), ("team", "day"))
    names = await team_names(services, rows)
    days: dict[int, dict[str, int]] = {}
    whole: dict[str, int] = {}
    for row in rows:
        name, cost = names.get(row["team"], row["team"]), row["cost_nano_usd"]
        day = days.setdefault(row["day"], {})
        day[name] = day.get(name, 0) + cost
        whole[name] = whole.get(name, 0) + cost
    ordered = sorted(whole, key=lambda name: -whole[name])
    return answer(
        {
            "daily_spend": [{"date": _date(day)} | _usd(days[day]) for day in sorted(days)],
            "teams": ordered,
            "total_spend_per_team": [
                {"team_id": name, "total_spend": usd_float(whole[name])} for name in ordered[:TEAMS_MAX]
            ],
        }
    )


@router.post("/end_users")
async def by_customer(body: CustomersBody, services: Services, asker: Asked) -> Response:
    """By those in whose name calls were made."""
    window = _lately(services)
    start_us = time_us(body.start, "startTime") if body.start else window.from_us
    end_us = time_us(body.end, "endTime", end=True) if body.end else window.until_us
    conditions = [calls.c.key_hash == hash_of(body.api_key)] if body.api_key else []
    rows = await summed_customers(services, asker, Window(start_us, end_us), ("end_user",), conditions)
    told = [
        {
            "end_user": row["end_user"],
            "total_count": row["calls"],
            "total_spend": usd_float(row["cost_nano_usd"]),
        }
        for row in rows[:CUSTOMERS_MAX]
    ]
    return answer(told, body)


@router.get("/provider")
async def by_provider(services: Services, asker: Asked, asked: Annotated[ProviderQuery, Query()]) -> Response:
    """By provider."""
    conditions = [usage_days.c.key_hash == hash_of(asked.api_key)] if asked.api_key else []
    rows = await summed(services, asker, _window(services, asked), ("provider",), conditions)
    return answer([{"provider": row["provider"], "spend": usd_float(row["cost_nano_usd"])} for row in rows])


@router.get("/tags")
async def by_tag(services: Services, asker: Asked, asked: Annotated[TagsQuery, Query()]) -> Response:
    """By tag; a call with several counts under each."""
    wanted = [tag.strip() for tag in (asked.tags or "").split(",") if tag.strip()][:500]
    conditions: list[ColumnElement[bool]] = tagged(usage_days, wanted)
    rows = await summed(services, asker, _window(services, asked), ("tag",), conditions)
    told = [
        {"name": row["tag"], "spend": usd_float(row["cost_nano_usd"]), "log_count": row["calls"]}
        for row in rows
        if row["tag"] and (not wanted or row["tag"] in wanted)
    ]
    return answer({"spend_per_tag": told})


@router.get("/all_tag_names")
async def tag_names(services: Services, asker: Asked) -> Response:
    """The tags under which something was spent."""
    rows = await summed(services, asker, _lately(services), ("tag",))
    return answer({"tag_names": sorted(row["tag"] for row in rows if row["tag"])})


@router.post("/reset")
async def reset(services: Services, asker: Asked) -> Response:
    """What keys and teams have spent is nothing from now on, in all their budgets. The ledger stays."""
    await flushed(services.journal)
    await reset_keys_and_teams(services, asker)
    return answer({"message": "Spend for all API Keys and Teams reset successfully", "status": "success"})


def _lately(services: AdminServices) -> Window:
    now_us = services.desk.now_us
    today_us = now_us - now_us % DAY_US
    return Window(today_us - (DAYS - 1) * DAY_US, today_us + DAY_US)


def _window(services: AdminServices, asked: DaysQuery) -> Window:
    return asked.window if asked.start_date or asked.end_date else _lately(services)


async def _keys(services: AdminServices, tokens: list[str]) -> dict[str, KeyRow]:
    def read(connection: Connection) -> dict[str, KeyRow]:
        return {row.token: row for row in KEYS.many(connection, [(token,) for token in tokens])}

    return await services.desk.read(read)


def _key(row: dict[str, Any], key: KeyRow | None) -> dict[str, Any]:
    return {
        "api_key": row["key"],
        "key_alias": None if key is None else key.key_alias,
        "key_name": None if key is None else key.key_name,
        "total_spend": usd_float(row["cost_nano_usd"]),
    }


def _usd(costs: dict[str, int]) -> dict[str, float]:
    return {name: usd_float(cost) for name, cost in costs.items()}


def _date(day_us: int) -> str:
    return (iso(day_us) or "")[:10]
