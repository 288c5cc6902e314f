"""/sekisho/v1/key/aws-credentials: access-key pairs by which AWS's SDKs act as a virtual key.

Flows in: requests that passed the gate. Flows out: our own answers. Must stay true: a secret is shown once, in the
answer that makes it; no list and no log holds one.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from sekisho.api.admin.fields import answer
from sekisho.api.admin.key_fields import KeyName
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.limit_rows import iso
from sekisho.api.admin.services import Asked, Services
from sekisho.core.errors import MalformedRequest
from sekisho.core.secret import Secret
from sekisho.store.access_keys import AccessKeyRow

router = APIRouter(prefix="/sekisho/v1/key/aws-credentials")


class PageQuery(BaseModel):
    """Which pairs: those of `key` (itself or its hash), or all."""

    key: Name | None = None
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1
    size: Annotated[int, Query(ge=1, le=100)] = 10


def shown(row: AccessKeyRow) -> dict[str, Any]:
    """A pair without its secret."""
    return {
        "access_key_id": row.access_key_id,
        "key": row.key_hash,
        "blocked": row.blocked,
        "created_at": iso(row.created_us),
        "created_by": row.created_by,
        "last_used_at": iso(row.last_used_us),
        "expires_at": iso(row.until_us),
    }


class NewPair(KeyName):
    """A pair to make: our own choice, or one that programs of the key have already (both fields)."""

    access_key_id: Name | None = None
    secret_access_key: Annotated[str, Field(min_length=16, max_length=256)] | None = None


@router.post("")
async def issue(body: NewPair, services: Services, asker: Asked) -> Response:
    """Make a pair for a virtual key. Its secret is shown in this answer and never again."""
    if (body.access_key_id is None) != (body.secret_access_key is None):
        raise MalformedRequest("Give access_key_id and secret_access_key both, or neither.", param="access_key_id")
    own = body.access_key_id is not None and body.secret_access_key is not None
    pair = (str(body.access_key_id), Secret(str(body.secret_access_key))) if own else None
    row, secret = await services.access_keys.issue(body.key, asker.actor, pair)
    return answer(shown(row) | {"secret_access_key": secret.reveal()}, body)


@router.get("")
async def list_pairs(services: Services, wanted: Annotated[PageQuery, Query()]) -> Response:
    """A page of pairs, the newest first."""
    rows, total = await services.access_keys.page(wanted.key, limit=wanted.size, offset=(wanted.page - 1) * wanted.size)
    return answer(
        {
            "aws_credentials": [shown(row) for row in rows],
            "total_count": total,
            "current_page": wanted.page,
            "total_pages": -(-total // wanted.size),
        }
    )


@router.delete("/{access_key_id}")
async def delete(access_key_id: Name, services: Services, asker: Asked) -> Response:
    """The pair is gone from now on."""
    await services.access_keys.delete(access_key_id, asker.actor)
    return answer({"deleted": access_key_id})


@router.post("/{access_key_id}/block")
async def block(access_key_id: Name, services: Services, asker: Asked) -> Response:
    """Refuse calls signed with this pair from now on."""
    return answer(shown(await services.access_keys.set_blocked(access_key_id, asker.actor, blocked=True)))


@router.post("/{access_key_id}/unblock")
async def unblock(access_key_id: Name, services: Services, asker: Asked) -> Response:
    """Let calls signed with this pair pass again."""
    return answer(shown(await services.access_keys.set_blocked(access_key_id, asker.actor, blocked=False)))
