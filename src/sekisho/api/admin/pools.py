"""/sekisho/v1/pools: budgets and limits that chosen keys share, whoever's they are.

Flows in: requests that passed the gate. Flows out: our own answers. Must stay true: a key that joins or leaves a pool
is bound, or free, from then on; a pool's counter is one, for all its keys together.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import UnknownObject, answer, plain, refuse_unenforced
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_fields import LimitFields, Name, limits_from
from sekisho.api.admin.limit_rows import limit_row, stamps_row
from sekisho.api.admin.services import Asked, Services
from sekisho.core.errors import MalformedRequest
from sekisho.core.ids import new_uuid7
from sekisho.core.money import usd_float
from sekisho.identity.keys import hash_of
from sekisho.store.directory import POOL_KEYS, POOLS, PoolKeyRow, PoolRow
from sekisho.store.edit import Edit
from sekisho.store.keys import key_names
from sekisho.store.limits import NO_LIMITS
from sekisho.store.pool_keys import KEYS_MAX, keys_of_pools

router = APIRouter(prefix="/sekisho/v1/pools")


class PoolFields(LimitFields):
    """`keys`: all that share it, by themselves or by hash."""

    pool_id: Name | None = None
    pool_alias: Name | None = None
    keys: Annotated[list[Name], Field(max_length=KEYS_MAX)] | None = None


class PageQuery(BaseModel):
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    size: Annotated[int, Field(ge=1, le=100)] = 25


@router.post("")
async def new(body: PoolFields, services: Services, asker: Asked) -> Response:
    """Make a pool."""
    refuse_unenforced(body)

    def work(edit: Edit) -> dict[str, Any]:
        pool_id = body.pool_id or new_uuid7()
        if POOLS.get(edit.connection, pool_id) is not None:
            raise MalformedRequest("'pool_id' is taken: choose another, or leave it out.", param="pool_id")
        _check_alias(edit.connection, body.pool_alias, pool_id)
        limits = limits_from(body, NO_LIMITS)
        row = edit.add(POOLS, pool_id=pool_id, limits=limits, **plain(body, "pool_alias"))
        return _with_keys(edit, row, body.keys or [])

    return answer(await services.desk.edit(asker.actor, work), body)


@router.patch("/{pool_id}")
async def update(pool_id: Name, body: PoolFields, services: Services, asker: Asked) -> Response:
    """Change what the body names; null unsets. `keys` replaces the whole list."""
    refuse_unenforced(body)

    def work(edit: Edit) -> dict[str, Any]:
        present = _named(edit.connection, pool_id)
        _check_alias(edit.connection, body.pool_alias, pool_id)
        fields = plain(body, "pool_alias") | {"limits": limits_from(body, present.limits)}
        row = edit.change(POOLS, present, fields)
        return _with_keys(edit, row, body.keys if "keys" in body.model_fields_set else None)

    return answer(await services.desk.edit(asker.actor, work), body)


@router.delete("/{pool_id}")
async def delete(pool_id: Name, services: Services, asker: Asked) -> Response:
    """Its keys are bound by it no more."""

    def work(edit: Edit) -> None:
        row = _named(edit.connection, pool_id)
        _with_keys(edit, row, [])
        edit.remove(POOLS, row)

    await services.desk.edit(asker.actor, work)
    return answer({"deleted": pool_id})


@router.get("")
async def list_pools(services: Services, wanted: Annotated[PageQuery, Query()]) -> Response:
    """A page of pools with their keys."""
    await flushed(services.journal)
    now_us = services.desk.now_us

    def read(connection: Connection) -> tuple[list[dict[str, Any]], int]:
        rows = POOLS.find(connection, limit=wanted.size, offset=(wanted.page - 1) * wanted.size)
        keys = keys_of_pools(connection, [row.pool_id for row in rows])
        return [_row(row, keys[row.pool_id], now_us) for row in rows], POOLS.count(connection)

    rows, total = await services.desk.read(read)
    pages = -(-total // wanted.size)
    return answer({"pools": rows, "total_count": total, "current_page": wanted.page, "total_pages": pages})


def _with_keys(edit: Edit, row: PoolRow, names: list[str] | None) -> dict[str, Any]:
    """The pool as it is, once these keys share it; None leaves them. Raises MalformedRequest for an unknown one."""
    if names is not None:
        hashes = [hash_of(name) for name in names]
        known = key_names(edit.connection, hashes)
        missing = sum(name not in known for name in hashes)
        if missing:
            raise MalformedRequest(f"{missing} of 'keys' do not exist.", param="keys")
        _set_keys(edit, row.pool_id, set(known.values()))
    keys = keys_of_pools(edit.connection, [row.pool_id])[row.pool_id]
    return _row(row, keys, edit.now_us)


def _set_keys(edit: Edit, pool_id: str, wanted: set[str]) -> None:
    """Exactly these share the pool from now on; each that joins or leaves stands in the audit."""
    present = POOL_KEYS.find(edit.connection, POOL_KEYS.table.c.pool_id == pool_id, limit=KEYS_MAX)
    left = [row for row in present if row.key_hash not in wanted]
    joined = sorted(wanted - {row.key_hash for row in present})
    for row in left:
        edit.remove(POOL_KEYS, row)
    if joined:
        edit.add_all(POOL_KEYS, [PoolKeyRow(key_hash=token, pool_id=pool_id) for token in joined])
    for token in [*(row.key_hash for row in left), *joined]:
        edit.note("key", token)


def _row(row: PoolRow, keys: list[str], now_us: int) -> dict[str, Any]:
    return (
        {
            "pool_id": row.pool_id,
            "pool_alias": row.pool_alias,
            "keys": keys,
            "spend": usd_float(row.spend_nano_usd),
        }
        | limit_row(row.limits, now_us)
        | stamps_row(row)
    )


def _check_alias(connection: Connection, alias: str | None, pool_id: str) -> None:
    taken = POOLS.find(connection, POOLS.table.c.pool_alias == (alias or ""), limit=1) if alias else []
    if taken and taken[0].pool_id != pool_id:
        raise MalformedRequest("Another pool has this alias: choose another 'pool_alias'.", param="pool_alias")


def _named(connection: Connection, pool_id: str) -> PoolRow:
    row = POOLS.get(connection, pool_id)
    if row is None:
        raise UnknownObject("pool_id", "pool")
    return row
