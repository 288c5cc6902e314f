"""/spend/keys, /spend/tags, /global/activity…: sums, as LiteLLM's clients ask for them. global_spend.py has more.

Flows in: days. Flows out: sums in LiteLLM's shapes, money in USD. Must stay true: everybody sees sums of what they
could see call by call; every list has a limit, the costliest come first; sums come from the roll-ups, but for those by
end user, whom only the calls know.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Table

from sekisho.api.admin.fields import answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.keyrows import token_row
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.limit_rows import iso
from sekisho.api.admin.services import AdminServices, Asked, Asker, Services
from sekisho.api.admin.spend import DAY_US, time_us
from sekisho.api.admin.userrows import user_row
from sekisho.api.admin.visible import visible_keys, visible_usage, visible_users
from sekisho.core.errors import MalformedRequest
from sekisho.core.money import usd_float
from sekisho.identity.keys import hash_of
from sekisho.store.cube import Window, count_rows, page
from sekisho.store.customers import customer_sums
from sekisho.store.directory import KEYS, TEAMS, USERS
from sekisho.store.schema import calls, usage_days

router = APIRouter()

EVER_US = 10**18
#: Days over which what customers use is summed, call by call.
CUSTOMER_DAYS_MAX = 92


class DaysQuery(BaseModel):
    start_date: Name | None = None
    end_date: Name | None = None

    @property
    def window(self) -> Window:
        """All there is, where no day is given."""
        start = time_us(self.start_date, "start_date") if self.start_date else 0
        end = time_us(self.end_date, "end_date", end=True) if self.end_date else EVER_US
        return Window(start, end)


class ReportQuery(DaysQuery):
    start_date: Name
    end_date: Name
    group_by: Literal["team", "customer", "api_key"] = "team"
    api_key: Name | None = None
    internal_user_id: Name | None = None
    team_id: Name | None = None
    customer_id: Name | None = None


@router.get("/spend/keys")
async def keys(services: Services, asker: Asked, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Response:
    """Keys by what they have spent, the costliest first."""
    await flushed(services.journal)
    conditions = visible_keys(asker, whole=True)
    rows = await services.desk.read(
        lambda connection: KEYS.find(connection, *conditions, limit=limit, sort_by="spend_nano_usd", ascending=False)
    )
    return answer([token_row(row, services.desk.now_us) for row in rows])


@router.get("/spend/users")
async def users(
    services: Services,
    asker: Asked,
    user_id: Annotated[Name | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Users by what they have spent, the costliest first."""
    await flushed(services.journal)
    conditions = visible_users(asker, USERS, themselves=True)
    if user_id is not None:
        conditions.append(USERS.table.c.user_id == user_id)
    rows = await services.desk.read(
        lambda connection: USERS.find(connection, *conditions, limit=limit, sort_by="spend_nano_usd", ascending=False)
    )
    return answer([user_row(row, services.desk.now_us) for row in rows])


@router.get("/spend/tags")
async def tags(services: Services, asker: Asked, days: Annotated[DaysQuery, Query()]) -> Response:
    """Tags by what was spent under them; calls without a tag are not among them."""
    rows = await summed(services, asker, days.window, ("tag",))
    return answer(
        [
            {
                "individual_request_tag": row["tag"],
                "log_count": row["calls"],
                "total_spend": usd_float(row["cost_nano_usd"]),
            }
            for row in rows
            if row["tag"]
        ]
    )


@router.get("/global/spend")
async def everything(services: Services, asker: Asked) -> Response:
    """What was spent in all."""
    total = (await summed(services, asker, Window(0, EVER_US), ()))[0]
    return answer({"spend": usd_float(total["cost_nano_usd"]), "max_budget": 0.0})


@router.get("/global/activity")
async def activity(services: Services, asker: Asked, days: Annotated[DaysQuery, Query()]) -> Response:
    """Calls and tokens by day."""
    rows = await summed(services, asker, days.window, ("day",))
    return answer(_activity(rows))


@router.get("/global/activity/model")
async def activity_by_model(services: Services, asker: Asked, days: Annotated[DaysQuery, Query()]) -> Response:
    """The same for each model, the busiest first."""
    rows = await summed(services, asker, days.window, ("model_group", "day"))
    models: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        models.setdefault(row["model_group"], []).append(row)
    told = [{"model": name} | _activity(group) for name, group in models.items()]
    return answer(sorted(told, key=lambda one: -one["sum_api_requests"]))


@router.get("/global/spend/report")
async def report(services: Services, asker: Asked, asked: Annotated[ReportQuery, Query()]) -> Response:
    """What was spent by team, or by customer, and day; or by key and model."""
    if asked.group_by == "customer" or asked.customer_id:
        return await _by_customer(services, asker, asked)
    conditions = _wanted(asked, usage_days)
    if asked.group_by == "api_key" or asked.api_key or asked.internal_user_id:
        return answer(_by_key(await summed(services, asker, asked.window, ("key", "model"), conditions)))
    by: tuple[str, ...] = ("team", "day", "model", "key")
    among, most = [*visible_usage(asker, usage_days), *conditions], services.bounds.rows_for_keys
    await flushed(services.journal)
    few = await services.desk.read(lambda connection: count_rows(connection, asked.window, among) <= most)
    rows = await summed(services, asker, asked.window, by if few else by[:-1], conditions)
    response = answer(_by_day(rows, "team", await team_names(services, rows)))
    if not few:
        response.headers["x-sekisho-truncated"] = "too many to show each: key"
    return response


async def _by_customer(services: AdminServices, asker: Asker, asked: ReportQuery) -> Response:
    conditions = _wanted(asked, calls)
    if asked.customer_id:
        conditions.append(calls.c.end_user == asked.customer_id)
    by = ("end_user", "day", "model", "key")
    return answer(_by_day(await summed_customers(services, asker, asked.window, by, conditions), "customer", {}))


async def summed(
    services: AdminServices,
    asker: Asker,
    window: Window,
    by: tuple[str, ...],
    conditions: Sequence[ColumnElement[bool]] = (),
) -> list[dict[str, Any]]:
    """Sums over the roll-ups, of what the asker may see: as many groups as there is room for, the costliest first."""
    await flushed(services.journal)
    among = [*visible_usage(asker, window.table), *conditions]
    rows, _ = await services.desk.read(
        lambda connection: page(connection, window, by, among, limit=services.bounds.groups)
    )
    return rows


async def summed_customers(
    services: AdminServices,
    asker: Asker,
    window: Window,
    by: tuple[str, ...],
    conditions: Sequence[ColumnElement[bool]] = (),
) -> list[dict[str, Any]]:
    """The same over the calls that name an end user. Raises MalformedRequest for too long a window."""
    check_customer_days(window)
    await flushed(services.journal)
    among = [*visible_usage(asker, calls), *conditions]
    return await services.desk.read(
        lambda connection: customer_sums(connection, window, by, among, limit=services.bounds.groups)
    )


def check_customer_days(window: Window) -> None:
    """Calls are read one by one for this: so many days of them. Raises MalformedRequest."""
    if window.until_us - window.from_us > CUSTOMER_DAYS_MAX * DAY_US:
        message = f"What customers use is summed over {CUSTOMER_DAYS_MAX} days at most: ask for fewer."
        raise MalformedRequest(message, param="start_date")


async def team_names(services: AdminServices, rows: list[dict[str, Any]]) -> dict[str, str]:
    """What the teams of these sums are called; calls of no team are unassigned."""
    names = sorted({row["team"] for row in rows})
    teams = await services.desk.read(lambda connection: TEAMS.many(connection, [(name,) for name in names]))
    return {"": "Unassigned"} | {team.team_id: team.team_alias or team.team_id for team in teams}


def _wanted(asked: ReportQuery, table: Table) -> list[ColumnElement[bool]]:
    wanted = (
        (table.c.key_hash, hash_of(asked.api_key) if asked.api_key else None),
        (table.c.user_id, asked.internal_user_id),
        (table.c.team_id, asked.team_id),
    )
    return [column == value for column, value in wanted if value is not None]


def _tokens(row: dict[str, Any]) -> tuple[int, int]:
    """(of prompts, of answers), as LiteLLM counts them."""
    return row["input_tokens"] + row["cache_read_tokens"] + row["cache_write_tokens"], row["output_tokens"]


def _activity(rows: list[dict[str, Any]]) -> dict[str, Any]:
    days = [
        {"date": _short_day(row["day"]), "api_requests": row["calls"], "total_tokens": sum(_tokens(row))}
        for row in sorted(rows, key=lambda row: int(row["day"]))
    ]
    return {
        "daily_data": days,
        "sum_api_requests": sum(day["api_requests"] for day in days),
        "sum_total_tokens": sum(day["total_tokens"] for day in days),
    }


def _short_day(day_us: int) -> str:
    """LiteLLM writes "Jan 22"."""
    return dt.datetime.fromtimestamp(day_us // 1_000_000, dt.UTC).strftime("%b %d")


def _by_key(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        keys.setdefault(row["key"], []).append(row)
    return [
        {"api_key": token} | _costs(group) | {"model_details": [_detail(row) for row in group]}
        for token, group in keys.items()
    ]


def _detail(row: dict[str, Any]) -> dict[str, Any]:
    return {"model": row["model"]} | _costs([row])


def _costs(rows: list[dict[str, Any]]) -> dict[str, Any]:
    tokens = [_tokens(row) for row in rows]
    return {
        "total_cost": usd_float(sum(row["cost_nano_usd"] for row in rows)),
        "total_input_tokens": sum(prompt for prompt, _ in tokens),
        "total_output_tokens": sum(output for _, output in tokens),
    }


def _by_day(rows: list[dict[str, Any]], whose: str, names: dict[str, str]) -> list[dict[str, Any]]:
    """LiteLLM's report: each day with its teams, or its customers."""
    days: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for row in rows:
        days.setdefault(row["day"], {}).setdefault(row["team" if whose == "team" else "end_user"], []).append(row)
    return [
        {
            "group_by_day": (iso(day) or "")[:10],
            f"{whose}s": [
                {
                    f"{whose}_name" if whose == "team" else whose: names.get(name, name),
                    "total_spend": usd_float(sum(row["cost_nano_usd"] for row in group)),
                    "metadata": [
                        {
                            "model": row["model"],
                            "spend": usd_float(row["cost_nano_usd"]),
                            "total_tokens": sum(_tokens(row)),
                            "api_key": row.get("key"),
                        }
                        for row in group
                    ],
                }
                for name, group in days[day].items()
            ],
        }
        for day in sorted(days)
    ]
