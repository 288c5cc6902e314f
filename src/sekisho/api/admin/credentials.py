"""/credentials: keys and addresses of providers that stored models share by `litellm_credential_name`.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: values are stored sealed, and no
answer shows them; a credential is not deleted under the models that name it; a change is called from the next request
on.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, UnknownObject, answer, storable
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.limit_rows import stamps_row
from sekisho.api.admin.models import hidden, merged, shelf_of
from sekisho.api.admin.services import Asked, Services
from sekisho.core.errors import MalformedRequest
from sekisho.providers.stored import StoredModels
from sekisho.store.directory import CREDENTIALS, CredentialRow
from sekisho.store.edit import Edit

router = APIRouter(prefix="/credentials")

CREDENTIALS_MAX = 1_000
_SHOWN = "display_name"
Values = Annotated[dict[Name, Any], Field(min_length=1, max_length=100)]


class CredentialFields(Body):
    """`credential_values`: parameters of models, as in `litellm_params`. The name is one segment of a path."""

    credential_name: Annotated[Name, Field(min_length=1, pattern="^[^/]*$")]
    credential_values: Values
    credential_info: dict[str, Any] | None = None
    display_name: Name | None = None


class CredentialChanges(Body):
    """What to change of one; null takes away a value, a name to show, or a line of its information."""

    credential_name: Name | None = None
    credential_values: Values | None = None
    credential_info: dict[str, Any] | None = None
    display_name: Name | None = None


@router.post("")
async def new(body: CredentialFields, services: Services, asker: Asked) -> Response:
    """Store a credential."""
    shelf, name = shelf_of(services), body.credential_name
    values, info = storable(body.credential_values), _info({}, body)

    def work(edit: Edit) -> CredentialRow:
        if CREDENTIALS.get(edit.connection, name) is not None:
            raise MalformedRequest("A credential of this name exists already.", param="credential_name")
        return edit.add(CREDENTIALS, credential_name=name, info=info, **shelf.seal_values(name, values))

    row = await services.desk.edit(asker.actor, work)
    await shelf.refresh()
    return answer(_told("created", shelf, row), body)


@router.patch("/{credential_name}")
async def update(credential_name: Name, body: CredentialChanges, services: Services, asker: Asked) -> Response:
    """Change what the body names; the models that name it are called with that."""
    shelf = shelf_of(services)
    if body.credential_name not in {None, credential_name}:
        raise MalformedRequest("A credential keeps its name: make another one.", param="credential_name")

    def work(edit: Edit) -> CredentialRow:
        present = _named(edit.connection, credential_name)
        fields: dict[str, Any] = {"info": _info(present.info, body)}
        if body.credential_values is not None:
            values = merged(shelf.open_values(present), storable(body.credential_values))
            fields |= shelf.seal_values(credential_name, values)
        return edit.change(CREDENTIALS, present, fields)

    row = await services.desk.edit(asker.actor, work)
    await shelf.refresh()
    return answer(_told("updated", shelf, row), body)


@router.delete("/{credential_name}")
async def delete(credential_name: Name, services: Services, asker: Asked) -> Response:
    """Forget a credential that no model names any more."""
    shelf = shelf_of(services)
    named_by = shelf.naming(credential_name)
    if named_by:
        message = f"{len(named_by)} models name this credential, '{named_by[0]}' among them: change them first."
        raise MalformedRequest(message, param="credential_name")
    await services.desk.edit(
        asker.actor, lambda edit: edit.remove(CREDENTIALS, _named(edit.connection, credential_name))
    )
    await shelf.refresh()
    return answer({"success": True, "message": "Credential deleted successfully"})


@router.get("")
async def list_credentials(services: Services) -> Response:
    """All of them, up to a limit, without what is secret."""
    shelf = shelf_of(services)
    rows = await services.desk.read(lambda connection: CREDENTIALS.find(connection, limit=CREDENTIALS_MAX + 1))
    response = answer({"success": True, "credentials": [_row(shelf, row) for row in rows[:CREDENTIALS_MAX]]})
    if len(rows) > CREDENTIALS_MAX:
        response.headers["x-sekisho-truncated"] = f"the first {CREDENTIALS_MAX}"
    return response


@router.get("/by_name/{credential_name}")
async def by_name(credential_name: Name, services: Services) -> Response:
    """One of them."""
    shelf = shelf_of(services)
    return answer(_row(shelf, await services.desk.read(lambda connection: _named(connection, credential_name))))


def _told(done: str, shelf: StoredModels, row: CredentialRow) -> dict[str, Any]:
    return {"success": True, "message": f"Credential {done} successfully", "credential": _row(shelf, row)}


def _info(present: dict[str, Any], body: CredentialFields | CredentialChanges) -> dict[str, Any]:
    """What there is of information with what was sent; the name to show is kept in it."""
    sent = dict(body.credential_info or {})
    if "display_name" in body.model_fields_set:
        sent[_SHOWN] = (body.display_name or "").strip() or None
    return storable(merged(present, sent))


def _row(shelf: StoredModels, row: CredentialRow) -> dict[str, Any]:
    return {
        "credential_name": row.credential_name,
        "display_name": row.info.get(_SHOWN),
        "credential_values": hidden(shelf.open_values(row)),
        "credential_info": {name: value for name, value in row.info.items() if name != _SHOWN},
        "source": "db",
    } | stamps_row(row)


def _named(connection: Connection, name: str) -> CredentialRow:
    row = CREDENTIALS.get(connection, name)
    if row is None:
        raise UnknownObject("credential_name", "credential")
    return row
