"""/spend/logs…: the ledger, as LiteLLM's clients read it.

Flows in: filters, and a window of time. Flows out: rows, pages or sums. Must stay true: every list has a limit; lists
are read and rendered off the event loop; a call that has ended is shown.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import UnknownObject
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.services import AdminServices, Asked, Asker, Bounds, Services
from sekisho.api.admin.spendrows import spend_by_day_rows, spend_row
from sekisho.api.admin.visible import visible_usage
from sekisho.core.errors import MalformedRequest
from sekisho.core.money import NANO_PER_USD
from sekisho.identity.keys import hash_of
from sekisho.ledger.rows import from_columns
from sekisho.limits.periods import NEVER_US
from sekisho.store.calls import CallFilter, count_calls, find_calls, newest_from_us, spend_by_day
from sekisho.store.cube import Window, count_rows, sums
from sekisho.store.keys import key_names
from sekisho.store.schema import calls

router = APIRouter(prefix="/spend/logs")

#: Days x keys x users x models of one summary.
SUMS_MAX = 20_000
DAY_US = 86_400_000_000


class LogsQuery(BaseModel):
    """Parameters of `/spend/logs`; days are UTC, both included."""

    api_key: Name | None = None
    user_id: Name | None = None
    request_id: Name | None = None
    start_date: Name | None = None
    end_date: Name | None = None
    summarize: bool = True


class PageQuery(BaseModel):
    """Parameters of `/spend/logs/v2` and `/spend/logs/ui`. Money is USD."""

    model_config = ConfigDict(allow_inf_nan=False)

    start_date: Name
    end_date: Name
    api_key: Name | None = None
    user_id: Name | None = None
    request_id: Name | None = None
    team_id: Name | None = None
    min_spend: Annotated[float, Field(ge=0, le=1e9)] | None = None
    max_spend: Annotated[float, Field(ge=0, le=1e9)] | None = None
    model: Name | None = None
    status_filter: Literal["success", "failure"] | None = None
    end_user: Name | None = None
    key_alias: Name | None = None
    error_code: Annotated[int, Field(ge=0, le=999)] | None = None
    session_id: Name | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 50
    sort_by: Literal["startTime", "endTime", "spend", "total_tokens", "request_id", "model"] = "startTime"
    sort_order: Literal["asc", "desc"] = "desc"


class SessionQuery(BaseModel):
    """Parameters of `/spend/logs/session/ui`."""

    session_id: Name
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 50


@router.get("")
async def logs(services: Services, asker: Asked, asked: Annotated[LogsQuery, Query()]) -> Response:
    """The newest calls that match; with both days, and unless `summarize=false`, their sums by day."""
    start_us = time_us(asked.start_date, "start_date") if asked.start_date else None
    end_us = time_us(asked.end_date, "end_date", end=True) if asked.end_date else None
    wanted = CallFilter(
        key_hash=hash_of(asked.api_key) if asked.api_key else None,
        user_id=asked.user_id,
        call_id=asked.request_id,
        from_us=start_us,
        until_us=end_us,
        among=tuple(visible_usage(asker, calls)),
    )
    if asked.summarize and start_us is not None and end_us is not None:
        if asked.request_id is None and start_us % DAY_US == end_us % DAY_US == 0:
            window = Window(start_us, end_us)
            return await _read(
                services, lambda connection: _summary_of_days(connection, asker, window, wanted, services.bounds)
            )
        return await _read(services, lambda connection: _summary(connection, wanted))
    return await _read(services, lambda connection: _newest(connection, wanted, services.bounds.calls))


@router.get("/v2")
@router.get("/ui")
async def pages(services: Services, asker: Asked, asked: Annotated[PageQuery, Query()]) -> Response:
    """A page of the calls that match, in a window of time."""
    wanted = CallFilter(
        key_hash=hash_of(asked.api_key) if asked.api_key else None,
        key_alias=asked.key_alias,
        user_id=asked.user_id,
        team_id=asked.team_id,
        call_id=asked.request_id,
        end_user=asked.end_user,
        model=asked.model,
        session_id=asked.session_id,
        statuses={"success": ("success",), "failure": ("failure", "incomplete"), None: None}[asked.status_filter],
        http_status=asked.error_code,
        from_us=time_us(asked.start_date, "start_date"),
        until_us=time_us(asked.end_date, "end_date", end=True),
        min_cost_nano_usd=_nano(asked.min_spend),
        max_cost_nano_usd=_nano(asked.max_spend),
        among=tuple(visible_usage(asker, calls)),
    )
    return await _read(services, lambda connection: _page(connection, wanted, asked))


@router.get("/ui/{request_id}")
async def one(request_id: Name, services: Services, asker: Asked) -> Response:
    """One call. Prompts and answers are not in the ledger."""
    wanted = CallFilter(call_id=request_id, among=tuple(visible_usage(asker, calls)))
    return await _read(services, lambda connection: _one(connection, wanted))


@router.get("/session/ui")
async def session(services: Services, asker: Asked, asked: Annotated[SessionQuery, Query()]) -> Response:
    """A page of the calls of one session, the oldest first."""
    wanted = CallFilter(session_id=asked.session_id, among=tuple(visible_usage(asker, calls)))
    page = PageQuery(
        start_date="", end_date="", page=asked.page, page_size=asked.page_size, sort_by="startTime", sort_order="asc"
    )
    return await _read(services, lambda connection: _page(connection, wanted, page))


def time_us(text: str, param: str, *, end: bool = False) -> int:
    """A day or a time in UTC as epoch µs; as an `end` the first moment after it. Raises MalformedRequest.

    Before 1970 and after 2255 there are no calls: no need to reckon with years that calendars do not have.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
        start_us = round(moment.timestamp()) * 1_000_000
    except (ValueError, OverflowError):
        message = f"'{param}' must be a day (2026-01-31) or a time (2026-01-31 23:59:59), in UTC."
        raise MalformedRequest(message, param=param) from None
    length_us = DAY_US if len(text) == len("2026-01-31") else 1_000_000
    return min(max(start_us + length_us if end else start_us, 0), NEVER_US)


async def _read(services: AdminServices, work: Any) -> Response:
    """Run a query and render its answer on the reading thread, after what has just ended was written."""
    await flushed(services.journal)
    response: Response = await asyncio.wrap_future(services.db.read(work))
    return response


def _by_name(connection: Connection, wanted: CallFilter) -> CallFilter:
    """A rotated key's calls stand under its first hash, by whichever it is asked for."""
    if wanted.key_hash is None:
        return wanted
    names = key_names(connection, [wanted.key_hash])
    return msgspec.structs.replace(wanted, key_hash=names.get(wanted.key_hash, wanted.key_hash))


def _newest(connection: Connection, wanted: CallFilter, most: int) -> Response:
    """There are no pages here: the newest calls, up to so many, and that there are more."""
    wanted = _by_name(connection, wanted)
    found = find_calls(connection, wanted, limit=most + 1)
    response = _json([spend_row(from_columns(columns)) for columns in found[:most]])
    if len(found) > most:
        response.headers["x-sekisho-truncated"] = f"the newest {most}; use /spend/logs/v2 for all"
    return response


def _one(connection: Connection, wanted: CallFilter) -> Response:
    for columns in find_calls(connection, wanted, limit=1):
        return _json(spend_row(from_columns(columns)))
    raise UnknownObject("request_id", "call")


def _summary(connection: Connection, wanted: CallFilter) -> Response:
    return _json(spend_by_day_rows(spend_by_day(connection, _by_name(connection, wanted), limit=SUMS_MAX)))


def _summary_of_days(
    connection: Connection, asker: Asker, window: Window, wanted: CallFilter, bounds: Bounds
) -> Response:
    """The same from the roll-ups, of any time. With too many keys and users to tell them apart, they are left out."""
    wanted = _by_name(connection, wanted)
    named = {"key_hash": wanted.key_hash, "user_id": wanted.user_id}
    conditions = [window.table.c[name] == value for name, value in named.items() if value is not None]
    conditions += visible_usage(asker, window.table)
    by: tuple[str, ...] = ("day", "key", "user", "model")
    whole = count_rows(connection, window, conditions, by=by, most=bounds.groups) <= bounds.groups
    by = by if whole else ("day", "model")
    rows = sums(connection, window, by, conditions, limit=bounds.groups)
    parts = [
        {
            "day_us": row["day"],
            "key_hash": row.get("key"),
            "user_id": row.get("user"),
            "routed_model": row["model"],
            "cost_nano_usd": row["cost_nano_usd"],
        }
        for row in sorted(rows, key=lambda row: int(row["day"]))
    ]
    response = _json(spend_by_day_rows(parts))
    if not whole:
        response.headers["x-sekisho-truncated"] = "too many to show each: keys, users"
    return response


def _page(connection: Connection, wanted: CallFilter, asked: PageQuery) -> Response:
    wanted = _by_name(connection, wanted)
    from_us = newest_from_us(connection, wanted)
    if from_us is not None:
        wanted = msgspec.structs.replace(wanted, from_us=from_us)
    found = find_calls(
        connection,
        wanted,
        limit=asked.page_size,
        offset=(asked.page - 1) * asked.page_size,
        sort_by=asked.sort_by,
        ascending=asked.sort_order == "asc",
    )
    total = count_calls(connection, wanted)
    response = _json(
        {
            "data": [spend_row(from_columns(columns)) for columns in found],
            "total": total,
            "page": asked.page,
            "page_size": asked.page_size,
            "total_pages": -(-total // asked.page_size),
        }
    )
    if from_us is not None:
        response.headers["x-sekisho-truncated"] = f"the newest {total} that match: narrow the search for older ones"
    return response


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _nano(usd: float | None) -> int | None:
    return None if usd is None else int((Decimal(str(usd)) * NANO_PER_USD).to_integral_value())
