"""/key/…: make, change, block, delete and rotate virtual keys, as LiteLLM's clients ask for it.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: a key is shown once, when it is
made; what a request names and this version does not know is named back in `x-sekisho-unknown-fields`.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy.engine import Connection

from sekisho.api.admin import key_changes
from sekisho.api.admin.fields import answer, refuse_unenforced
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.key_fields import (
    BulkKeyUpdate,
    KeyFields,
    KeyName,
    KeyNames,
    RegenerateFields,
    ResetSpend,
    check_key_fields,
)
from sekisho.api.admin.keyrows import made_key, token_row
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.limit_rows import reset_at, usd
from sekisho.api.admin.recount import recount
from sekisho.api.admin.services import AdminServices, Asked, Asker, Services
from sekisho.core.errors import CallerError, MalformedRequest
from sekisho.core.money import nano_usd
from sekisho.store.directory import BUDGETS, BudgetRow
from sekisho.store.keys import KeyRow

router = APIRouter()


@router.post("/key/generate")
async def generate(body: KeyFields, services: Services, asker: Asked) -> Response:
    """Make a key. It is shown in this answer and never again."""
    return await _made(body, services, asker, for_user=True)


@router.post("/key/service-account/generate")
async def generate_for_team(body: KeyFields, services: Services, asker: Asked) -> Response:
    """Make a key that belongs to a team and to nobody in it."""
    if not body.team_id:
        raise MalformedRequest("'team_id' is missing: a service account belongs to a team.", param="team_id")
    if body.user_id:
        raise MalformedRequest("'user_id' may not be set: a service account is nobody's.", param="user_id")
    return await _made(body, services, asker, for_user=False)


@router.post("/key/update")
async def update(body: KeyFields, services: Services, asker: Asked) -> Response:
    """Change what the body names; null unsets."""
    key = _required(body.key)
    check_key_fields(body)
    row = await _updated(services, asker, key, body)
    return answer(await _shown(services, row) | {"key": key}, body)


@router.post("/key/bulk_update")
async def bulk_update(body: BulkKeyUpdate, services: Services, asker: Asked) -> Response:
    """Several updates, each for itself: one that fails is named, the others stand."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for one in body.keys:
        try:
            key = _required(one.key)
            check_key_fields(one)
            row = await _updated(services, asker, key, one)
        except CallerError as error:
            failed.append({"key": one.key, "key_info": None, "failed_reason": error.info.message})
        else:
            done.append({"key": one.key, "key_info": token_row(row, services.desk.now_us)})
    told = {"total_requested": len(body.keys), "successful_updates": done, "failed_updates": failed}
    return answer(told, body)


@router.post("/key/delete")
async def delete(body: KeyNames, services: Services, asker: Asked) -> Response:
    """Delete keys named by themselves, by hash or by alias. Their rows in the ledger stay."""
    if not body.keys and not body.key_aliases:
        raise MalformedRequest("Name the keys to delete in 'keys' or 'key_aliases'.", param="keys")
    await services.desk.edit(
        asker.actor, lambda edit: key_changes.remove_keys(edit, asker, body.keys, body.key_aliases)
    )
    return answer({"deleted_keys": [*body.keys, *body.key_aliases]}, body)


@router.post("/key/block")
async def block(body: KeyName, services: Services, asker: Asked) -> Response:
    """Refuse this key's calls from now on."""
    return await _blocked(body, services, asker, blocked=True)


@router.post("/key/unblock")
async def unblock(body: KeyName, services: Services, asker: Asked) -> Response:
    """Let this key's calls pass again."""
    return await _blocked(body, services, asker, blocked=False)


@router.post("/key/regenerate")
async def regenerate(body: RegenerateFields, services: Services, asker: Asked) -> Response:
    """A new secret for the same key; the former one works for `grace_period` more."""
    return await _regenerated(_required(body.key), body, services, asker)


@router.post("/key/{key}/regenerate")
async def regenerate_named(
    key: Name, services: Services, asker: Asked, body: RegenerateFields | None = None
) -> Response:
    """The same, the key named in the path."""
    return await _regenerated(key, body or RegenerateFields(), services, asker)


@router.post("/key/{key}/reset_spend")
async def reset_spend(key: Name, body: ResetSpend, services: Services, asker: Asked) -> Response:
    """Set what the key has spent back to an amount; all its budgets have room at once."""
    await flushed(services.journal)
    to = nano_usd(body.reset_to)
    before, row = await services.desk.edit(asker.actor, lambda edit: key_changes.reset_spend(edit, asker, key, to))
    await recount(services, "key", row.token, row.limits, row.budget_id)
    limits = row.limits
    told = {
        "key_hash": row.token,
        "spend": usd(row.spend_nano_usd),
        "previous_spend": usd(before.spend_nano_usd),
        "max_budget": usd(limits.max_budget_nano_usd),
        "budget_reset_at": reset_at(limits.budget_duration, limits.time_zone, services.desk.now_us),
    }
    return answer(told, body)


async def _made(body: KeyFields, services: AdminServices, asker: Asker, *, for_user: bool) -> Response:
    check_key_fields(body)
    master = services.ring.master.key_hash
    key, row = await services.desk.edit(
        asker.actor, lambda edit: key_changes.make_key(edit, asker, body, master, for_user=for_user)
    )
    budget = await budget_of(services, row)
    return answer(made_key(key, row, body.model_dump(exclude_unset=True), services.desk.now_us, budget), body)


async def _regenerated(name: str, body: RegenerateFields, services: AdminServices, asker: Asker) -> Response:
    check_key_fields(body)
    master = services.ring.master.key_hash
    key, row = await services.desk.edit(
        asker.actor, lambda edit: key_changes.regenerate_key(edit, asker, name, body, master)
    )
    services.ring.drop(row.current_token or row.token)  # also where it was unknown until now
    budget = await budget_of(services, row)
    return answer(made_key(key, row, body.model_dump(exclude_unset=True), services.desk.now_us, budget), body)


async def _blocked(body: KeyName, services: AdminServices, asker: Asker, *, blocked: bool) -> Response:
    refuse_unenforced(body)
    row = await services.desk.edit(
        asker.actor, lambda edit: key_changes.block_key(edit, asker, body.key, blocked=blocked)
    )
    return answer(await _shown(services, row), body)


async def _updated(services: AdminServices, asker: Asker, key: str, sent: KeyFields) -> KeyRow:
    row = await services.desk.edit(asker.actor, lambda edit: key_changes.change_key(edit, asker, key, sent))
    if sent.spend is not None:
        await recount(services, "key", row.token, row.limits, row.budget_id)
    return row


async def _shown(services: AdminServices, row: KeyRow) -> dict[str, Any]:
    return token_row(row, services.desk.now_us, await budget_of(services, row))


async def budget_of(services: AdminServices, row: KeyRow) -> BudgetRow | None:
    """The shared budget that a key names."""
    name = row.budget_id
    if name is None:
        return None

    def read(connection: Connection) -> BudgetRow | None:
        return BUDGETS.get(connection, name)

    return await services.desk.read(read)


def _required(key: str | None) -> str:
    if not key:
        raise MalformedRequest("'key' is missing: name the key to change, by itself or by its hash.", param="key")
    return key
