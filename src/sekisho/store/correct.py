"""Calls priced anew: their rows, what they add to each spend and to the roll-ups, in one transaction.

Flows in: a Connection, rows as they are, what they cost now. Flows out: rows, sums, the former costs in `corrections`,
one audit entry. Must stay true: a row and every sum that it is in are changed together, by a difference; what a row
cost before is never lost; nobody else changes the rows meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.engine import Connection

from sekisho.core.ids import new_uuid7
from sekisho.store.domain import audit_changes
from sekisho.store.schema import calls, corrections
from sekisho.store.spend import correct_spend
from sekisho.store.usage import correct_usage, hold_counted

#: Rows read, and at most corrected, by one transaction.
PORTION = 1_000


class Correction(msgspec.Struct, frozen=True):
    """A row as it stands in `calls`, and what it costs now, in nano-USD by these prices."""

    row: dict[str, Any]
    cost_nano_usd: int
    price_version: str


class Run(msgspec.Struct, frozen=True):
    """Who corrects, in one go of as many portions as it takes."""

    run_id: str
    actor: str
    at_us: int


class Wanted(msgspec.Struct, frozen=True):
    """Calls that started in [from_us, until_us); of certain models only, by any name that they go by."""

    from_us: int
    until_us: int
    models: tuple[str, ...] = ()


#: A row's place in the order in which they are read.
Place = tuple[int, str]


def hold_calls(connection: Connection) -> None:
    """Until this transaction ends, nobody else corrects rows, adds to sums or closes days. The connection has done
    nothing yet.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    hold_counted(connection)


def portion(connection: Connection, wanted: Wanted, after: Place, *, rows: int = PORTION) -> list[dict[str, Any]]:
    """The first rows behind `after` that were meant for a provider."""
    started_us, call_id = after
    columns = calls.c
    conditions = [
        columns.started_us >= started_us,
        columns.started_us < wanted.until_us,
        or_(columns.started_us > started_us, columns.call_id > call_id),
        columns.provider.is_not(None),
    ]
    if wanted.models:
        names = (columns.requested_model, columns.model_group, columns.routed_model, columns.served_model)
        conditions.append(or_(*(name.in_(wanted.models) for name in names)))
    query = select(calls).where(*conditions).order_by(columns.started_us, columns.call_id).limit(rows)
    return [dict(row) for row in connection.execute(query).mappings()]


def correct_calls(connection: Connection, run: Run, found: Sequence[Correction]) -> None:
    """Book these corrections."""
    if not found:
        return
    named = (calls.c.call_id == bindparam("named"), calls.c.started_us == bindparam("started"))
    priced: dict[str, Any] = {"cost_nano_usd": bindparam("cost"), "price_version": bindparam("version")}
    connection.execute(update(calls).where(*named).values(priced), [_new_price(each) for each in found])
    connection.execute(insert(corrections), [_former_price(each, run) for each in found])
    correct_spend(connection, [each.row | {"cost_nano_usd": _difference(each)} for each in found])
    after = [each.row | {"cost_nano_usd": each.cost_nano_usd} for each in found]
    correct_usage(connection, [each.row for each in found], after)
    connection.execute(insert(audit_changes).values(_audited(run, found)))


def _difference(each: Correction) -> int:
    return each.cost_nano_usd - (each.row["cost_nano_usd"] or 0)


def _new_price(each: Correction) -> dict[str, Any]:
    return {
        "named": each.row["call_id"],
        "started": each.row["started_us"],
        "cost": each.cost_nano_usd,
        "version": each.price_version,
    }


def _former_price(each: Correction, run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "call_id": each.row["call_id"],
        "started_us": each.row["started_us"],
        "at_us": run.at_us,
        "cost_before_nano_usd": each.row["cost_nano_usd"],
        "cost_after_nano_usd": each.cost_nano_usd,
        "price_version_before": each.row["price_version"],
        "price_version_after": each.price_version,
    }


def _audited(run: Run, found: Sequence[Correction]) -> dict[str, Any]:
    before = [each.row["cost_nano_usd"] for each in found]
    return {
        "change_id": new_uuid7(),
        "at_us": run.at_us,
        "actor": run.actor,
        "action": "rerated",
        "object_kind": "calls",
        "object_id": run.run_id,
        "before": _sums(before),
        "after": _sums([each.cost_nano_usd for each in found]),
    }


def _sums(costs: Sequence[int | None]) -> str:
    known = [cost for cost in costs if cost is not None]
    told = {"calls": len(costs), "unpriced": len(costs) - len(known), "cost_nano_usd": sum(known)}
    return msgspec.json.encode(told).decode()
