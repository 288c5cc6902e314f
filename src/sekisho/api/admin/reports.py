"""/spend/keys, /spend/tags, /global/…: sums for those who see everything, as LiteLLM's clients ask for them.

Flows in: days. Flows out: sums in LiteLLM's shapes, money in USD. Must stay true: every list has a limit, the costliest
come first; sums come from the roll-ups, not from the calls.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import NotEnforced, answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.keyrows import token_row
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.limit_rows import iso
from sekisho.api.admin.services import AdminServices, Services
from sekisho.api.admin.spend import time_us
from sekisho.api.admin.userrows import user_row
from sekisho.core.money import usd_float
from sekisho.identity.keys import hash_of
from sekisho.store.cube import Window, sums
from sekisho.store.directory import KEYS, TEAMS, USERS
from sekisho.store.schema import usage_days

router = APIRouter()

GROUPS_MAX = 20_000
EVER_US = 10**18


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
async def keys(services: Services, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Response:
    """Keys by what they have spent, the costliest first."""
    await flushed(services.journal)
    rows = await services.desk.read(
        lambda connection: KEYS.find(connection, limit=limit, sort_by="spend_nano_usd", ascending=False)
    )
    return answer([token_row(row, services.desk.now_us) for row in rows])


@router.get("/spend/users")
async def users(
    services: Services,
    user_id: Annotated[Name | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Users by what they have spent, the costliest first."""
    await flushed(services.journal)
    conditions = [] if user_id is None else [USERS.table.c.user_id == user_id]
    rows = await services.desk.read(
        lambda connection: USERS.find(connection, *conditions, limit=limit, sort_by="spend_nano_usd", ascending=False)
    )
    return answer([user_row(row, services.desk.now_us) for row in rows])


@router.get("/spend/tags")
async def tags(services: Services, days: Annotated[DaysQuery, Query()]) -> Response:
    """Tags by what was spent under them; calls without a tag are not among them."""
    rows = await _sums(services, days.window, ("tag",))
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
async def everything(services: Services) -> Response:
    """What was spent in all."""
    total = (await _sums(services, Window(0, EVER_US), ()))[0]
    return answer({"spend": usd_float(total["cost_nano_usd"]), "max_budget": 0.0})


@router.get("/global/activity")
async def activity(services: Services, days: Annotated[DaysQuery, Query()]) -> Response:
    """Calls and tokens by day."""
    rows = await _sums(services, days.window, ("day",))
    return answer(_activity(rows))


@router.get("/global/activity/model")
async def activity_by_model(services: Services, days: Annotated[DaysQuery, Query()]) -> Response:
    """The same for each model, the busiest first."""
    rows = await _sums(services, days.window, ("model_group", "day"))
    models: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        models.setdefault(row["model_group"], []).append(row)
    told = [{"model": name} | _activity(group) for name, group in models.items()]
    return answer(sorted(told, key=lambda one: -one["sum_api_requests"]))


@router.get("/global/spend/report")
async def report(services: Services, asked: Annotated[ReportQuery, Query()]) -> Response:
    """What was spent by team and day, or by key and model."""
    if asked.group_by == "customer" or asked.customer_id:
        raise NotEnforced("group_by", "Reports by customer: use /spend/logs/v2?end_user=….")
    columns = usage_days.c
    wanted = (
        (columns.key_hash, hash_of(asked.api_key) if asked.api_key else None),
        (columns.user_id, asked.internal_user_id),
        (columns.team_id, asked.team_id),
    )
    conditions = [column == value for column, value in wanted if value is not None]
    if asked.group_by == "api_key" or asked.api_key or asked.internal_user_id:
        return answer(_by_key(await _sums(services, asked.window, ("key", "model"), conditions)))
    rows = await _sums(services, asked.window, ("team", "day", "model", "key"), conditions)
    names = sorted({row["team"] for row in rows})
    teams = await services.desk.read(lambda connection: TEAMS.many(connection, [(name,) for name in names]))
    aliases = {team.team_id: team.team_alias or team.team_id for team in teams}
    return answer(_by_team(rows, aliases))


async def _sums(
    services: AdminServices, window: Window, by: tuple[str, ...], conditions: list[ColumnElement[bool]] | None = None
) -> list[dict[str, Any]]:
    await flushed(services.journal)

    def read(connection: Connection) -> list[dict[str, Any]]:
        return sums(connection, window, by, conditions or (), limit=GROUPS_MAX)

    return await services.desk.read(read)


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


def _by_team(rows: list[dict[str, Any]], aliases: dict[str, str]) -> list[dict[str, Any]]:
    days: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for row in rows:
        days.setdefault(row["day"], {}).setdefault(row["team"], []).append(row)
    return [
        {
            "group_by_day": (iso(day) or "")[:10],
            "teams": [
                {
                    "team_name": aliases.get(team, team) or "Unassigned",
                    "total_spend": usd_float(sum(row["cost_nano_usd"] for row in group)),
                    "metadata": [
                        {
                            "model": row["model"],
                            "spend": usd_float(row["cost_nano_usd"]),
                            "total_tokens": sum(_tokens(row)),
                            "api_key": row["key"],
                        }
                        for row in group
                    ],
                }
                for team, group in days[day].items()
            ],
        }
        for day in sorted(days)
    ]
