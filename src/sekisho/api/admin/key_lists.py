"""/key/info, /key/list and their like: keys shown to those who reach them.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: a list holds only what its asker
reaches, and has a limit; no key is in it, only hashes.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement
from sqlalchemy.engine import Connection

from sekisho.api.admin.access import Owner
from sekisho.api.admin.fields import answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.key_changes import owner_of_key, reached_key
from sekisho.api.admin.key_fields import KeyListQuery, KeyNames
from sekisho.api.admin.keyrows import token_row
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.permissions import ANYBODY
from sekisho.api.admin.services import Asked, Asker, Services
from sekisho.api.admin.userrows import user_row
from sekisho.api.admin.visible import shown_to, visible_keys
from sekisho.core.errors import CallerError
from sekisho.identity.keys import hash_of
from sekisho.store.directory import BUDGETS, KEYS, USERS
from sekisho.store.keys import KeyRow, key_names

router = APIRouter()

_SORTED_BY = {"created_at": "created_us", "updated_at": "updated_us", "spend": "spend_nano_usd"}


class AliasQuery(BaseModel):
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    size: Annotated[int, Field(ge=1, le=100)] = 50
    search: Name | None = None


@router.get("/key/info")
async def info(services: Services, asker: Asked, key: Annotated[Name | None, Query()] = None) -> Response:
    """One key with its spend; without `key`, the caller's own."""
    await flushed(services.journal)
    name = key or asker.standing.principal.key_hash

    def read(connection: Connection) -> dict[str, Any]:
        row = reached_key(connection, asker, name)
        budget = BUDGETS.get(connection, row.budget_id or "")
        return token_row(row, services.desk.now_us, budget)

    shown = await services.desk.read(read)
    del shown["token"]
    return answer({"key": name, "info": shown})


@router.post("/v2/key/info")
async def infos(body: KeyNames, services: Services, asker: Asked) -> Response:
    """Several keys; those that there are not, or that the asker does not reach, are left out."""
    await flushed(services.journal)

    def read(connection: Connection) -> list[dict[str, Any]]:
        named = key_names(connection, [hash_of(name) for name in body.keys])
        rows = KEYS.many(connection, [(token,) for token in sorted(set(named.values()))])
        reached = [row for row in rows if _reaches(asker, owner_of_key(connection, row))]
        return [token_row(row, services.desk.now_us) for row in reached]

    return answer({"key": body.keys, "info": await services.desk.read(read)}, body)


@router.get("/key/list")
async def list_keys(services: Services, asker: Asked, wanted: Annotated[KeyListQuery, Query()]) -> Response:
    """A page of the keys that match."""
    wanted.refuse_unsupported()
    conditions = [*visible_keys(asker, whole=_asks_beyond(wanted)), *_matching(wanted)]

    def read(connection: Connection) -> tuple[list[Any], int]:
        rows = KEYS.find(
            connection,
            *conditions,
            limit=wanted.size,
            offset=(wanted.page - 1) * wanted.size,
            sort_by=_SORTED_BY.get(wanted.sort_by, wanted.sort_by),
            ascending=wanted.sort_order == "asc",
        )
        return _listed(connection, asker, rows, wanted, services.desk.now_us), KEYS.count(connection, *conditions)

    shown, total = await services.desk.read(read)
    return answer(
        {
            "keys": shown,
            "total_count": total,
            "current_page": wanted.page,
            "total_pages": -(-total // wanted.size),
        }
    )


@router.get("/key/aliases")
async def aliases(services: Services, asker: Asked, wanted: Annotated[AliasQuery, Query()]) -> Response:
    """The aliases of all keys that the asker reaches, by name."""
    conditions = [*visible_keys(asker, whole=True), KEYS.table.c.key_alias.is_not(None)]
    if wanted.search:
        conditions.append(KEYS.table.c.key_alias.contains(wanted.search, autoescape=True))

    def read(connection: Connection) -> tuple[list[str | None], int]:
        offset = (wanted.page - 1) * wanted.size
        rows = KEYS.find(connection, *conditions, limit=wanted.size, offset=offset, sort_by="key_alias")
        return [row.key_alias for row in rows], KEYS.count(connection, *conditions)

    found, total = await services.desk.read(read)
    return answer(
        {
            "aliases": found,
            "total_count": total,
            "current_page": wanted.page,
            "total_pages": -(-total // wanted.size),
            "size": wanted.size,
        }
    )


@router.post("/key/health")
async def health() -> Response:
    """The caller's key works, or the gate would not have let it in; nothing else hangs on it here."""
    callbacks: dict[str, Any] = {"callbacks": [], "status": "healthy", "details": None}
    return answer({"key": "healthy", "logging_callbacks": callbacks})


def _asks_beyond(wanted: KeyListQuery) -> bool:
    """Whether the list is to hold more than the asker's own keys."""
    return wanted.include_team_keys or any(
        (wanted.team_id, wanted.organization_id, wanted.project_id, wanted.key_hash, wanted.key_alias, wanted.user_id)
    )


def _matching(wanted: KeyListQuery) -> list[ColumnElement[bool]]:
    columns = KEYS.table.c
    names = ("user_id", "team_id", "organization_id", "project_id")
    conditions: list[ColumnElement[bool]] = [
        columns[name] == value for name in names if (value := getattr(wanted, name)) is not None
    ]
    if wanted.user_id is not None and wanted.include_created_by_keys:
        conditions[0] = (columns.user_id == wanted.user_id) | (columns.created_by == wanted.user_id)
    if wanted.key_hash is not None:
        conditions.append(columns.token == hash_of(wanted.key_hash))
    if wanted.key_alias is not None:
        conditions.append(columns.key_alias.contains(wanted.key_alias, autoescape=True))
    return conditions


def _listed(connection: Connection, asker: Asker, rows: list[KeyRow], wanted: KeyListQuery, now_us: int) -> list[Any]:
    if not wanted.return_full_object and not wanted.expand:
        return [row.token for row in rows]
    if not wanted.expand:
        return [token_row(row, now_us) for row in rows]
    found = USERS.many(connection, [(row.user_id,) for row in rows if row.user_id])
    users = {user.user_id: user_row(shown_to(asker, user), now_us) for user in found}
    return [token_row(row, now_us) | {"user": users.get(row.user_id or "")} for row in rows]


def _reaches(asker: Asker, owner: Owner) -> bool:
    try:
        return bool(asker.check(owner) & ANYBODY)
    except CallerError:
        return False
