"""/key/…: make, show, change, block and delete virtual keys, as LiteLLM's clients ask for it.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: a key is shown once, when it is
made; what a request names and this version does not know is named back in `x-sekisho-unknown-fields`.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from sekisho.api.admin.fields import (
    KeyFields,
    KeyListQuery,
    KeyName,
    KeyNames,
    refuse_unenforced,
    row_fields,
    unknown_fields,
)
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.keyrows import made_key, token_row
from sekisho.api.admin.services import Caller, Services
from sekisho.core.errors import Forbidden, MalformedRequest
from sekisho.identity.keys import hash_of
from sekisho.store.keys import KeyFilter, KeyRow

router = APIRouter(prefix="/key")


def answer(value: Any, body: BaseModel | None = None) -> Response:
    """A JSON answer; names the fields of the request that meant nothing."""
    response = Response(msgspec.json.encode(value), media_type="application/json")
    unknown = unknown_fields(body) if body is not None else ""
    if unknown:
        response.headers["x-sekisho-unknown-fields"] = unknown
    return response


@router.post("/generate")
async def generate(body: KeyFields, services: Services, caller: Caller) -> Response:
    """Make a key. It is shown in this answer and never again."""
    refuse_unenforced(body)
    fields = row_fields(body, None, services.clock.now_us())
    key, row = await services.keys.generate(body.key, fields, caller.user_id)
    return answer(made_key(key, row, body.model_dump(exclude_unset=True)), body)


@router.post("/update")
async def update(body: KeyFields, services: Services, caller: Caller) -> Response:
    """Change what the body names; null unsets."""
    key = _required(body.key)
    refuse_unenforced(body)

    def change(present: KeyRow) -> dict[str, Any]:
        return row_fields(body, present, services.clock.now_us())

    row = await services.keys.update(key, change, caller.user_id)
    return answer(token_row(row) | {"key": key}, body)


@router.post("/delete")
async def delete(body: KeyNames, services: Services) -> Response:
    """Delete keys named by themselves, by hash or by alias. Their rows in the ledger stay."""
    if not body.keys and not body.key_aliases:
        raise MalformedRequest("Name the keys to delete in 'keys' or 'key_aliases'.", param="keys")
    return answer({"deleted_keys": await services.keys.delete(body.keys, body.key_aliases)}, body)


@router.post("/block")
async def block(body: KeyName, services: Services, caller: Caller) -> Response:
    """Refuse this key's calls from now on."""
    row = await services.keys.update(body.key, lambda _: {"blocked": True}, caller.user_id)
    return answer(token_row(row), body)


@router.post("/unblock")
async def unblock(body: KeyName, services: Services, caller: Caller) -> Response:
    """Let this key's calls pass again."""
    row = await services.keys.update(body.key, lambda _: {"blocked": False}, caller.user_id)
    return answer(token_row(row), body)


@router.get("/info")
async def info(
    services: Services, caller: Caller, key: Annotated[str | None, Query(max_length=256)] = None
) -> Response:
    """One key with its spend; without `key`, the caller's own."""
    token = hash_of(key) if key else caller.key_hash
    if token != caller.key_hash and not caller.is_master:
        raise Forbidden("A key may only ask for itself: leave 'key' out.", param="key")
    await flushed(services.journal)
    shown = token_row(await services.keys.get(token))
    del shown["token"]
    return answer({"key": key or token, "info": shown})


@router.get("/list")
async def list_keys(
    services: Services,
    wanted: Annotated[KeyListQuery, Query()],
) -> Response:
    """A page of the keys that match."""
    wanted.refuse_unsupported()
    chosen = KeyFilter(
        user_id=wanted.user_id,
        team_id=wanted.team_id,
        token=hash_of(wanted.key_hash) if wanted.key_hash else None,
        key_alias=wanted.key_alias,
    )
    rows, total = await services.keys.page(
        chosen,
        limit=wanted.size,
        offset=(wanted.page - 1) * wanted.size,
        sort_by=wanted.sort_by,
        ascending=wanted.sort_order == "asc",
    )
    return answer(
        {
            "keys": [token_row(row) if wanted.return_full_object else row.token for row in rows],
            "total_count": total,
            "current_page": wanted.page,
            "total_pages": -(-total // wanted.size),
        }
    )


def _required(key: str | None) -> str:
    if not key:
        raise MalformedRequest("'key' is missing: name the key to change, by itself or by its hash.", param="key")
    return key
