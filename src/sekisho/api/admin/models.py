"""/model/…: models beside the configuration's, where `store_model_in_db` is on.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: a model is read by the rules of
the file before it is stored; what the file declares is the file's; a provider's key is shown by no answer.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, NotEnforced, UnknownObject, answer, storable
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.limit_rows import stamps_row
from sekisho.api.admin.services import AdminServices, Asked, Asker, Services
from sekisho.config.keys import is_secret
from sekisho.core.errors import Forbidden, MalformedRequest
from sekisho.core.ids import new_uuid7
from sekisho.providers.stored import StoredModels
from sekisho.store.directory import MODELS, ModelRow
from sekisho.store.edit import Edit

router = APIRouter(prefix="/model")

HIDDEN = "***"
_NAMES = "litellm_credential_name"
#: An address with a user, a password or a query, in which keys stand.
_LOCKED_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]*@|[^?#]*\?)", re.IGNORECASE)


class ModelFields(Body):
    """`id`: LiteLLM's own client names the model of an update so, and not in `model_info`."""

    id: Name | None = None
    model_name: Name | None = None
    litellm_params: dict[str, Any] | None = None
    model_info: dict[str, Any] | None = None
    blocked: bool | None = None


class ModelId(Body):
    id: Name


@router.post("/new")
async def new(body: ModelFields, services: Services, asker: Asked) -> Response:
    """Add a model. It is called from the next request on."""
    shelf = shelf_of(services)
    name, params = body.model_name, body.litellm_params
    if not name or not params:
        raise MalformedRequest("A model needs 'model_name' and 'litellm_params'.", param="model_name")
    info = dict(body.model_info or {})
    model_id = str(info.pop("id", None) or new_uuid7())
    _check_not_declared(services, model_id)
    shelf.read(model_id, name, storable(params), storable(info))

    def work(edit: Edit) -> ModelRow:
        if MODELS.get(edit.connection, model_id) is not None:
            raise MalformedRequest("A model of this id exists already.", param="model_info.id")
        sealed = shelf.seal(model_id, params)
        return edit.add(MODELS, model_id=model_id, model_name=name, info=info, blocked=bool(body.blocked), **sealed)

    return await _changed(services, asker, body, work)


@router.post("/update")
async def update(body: ModelFields, services: Services, asker: Asked) -> Response:
    """Change the model of `model_info.id`, or of `id`: parameters that are sent, null to take one away."""
    model_id = str((body.model_info or {}).get("id") or body.id or "")
    if not model_id:
        raise MalformedRequest("'model_info.id' is missing: it names the model to change.", param="model_info.id")
    return await _updated(model_id, body, services, asker)


@router.patch("/{model_id}/update")
async def update_named(model_id: Name, body: ModelFields, services: Services, asker: Asked) -> Response:
    """The same, the model named in the path."""
    return await _updated(model_id, body, services, asker)


@router.post("/delete")
async def delete(body: ModelId, services: Services, asker: Asked) -> Response:
    """The model is called no more."""
    shelf = shelf_of(services)
    _check_not_declared(services, body.id)
    await services.desk.edit(asker.actor, lambda edit: edit.remove(MODELS, _named(edit.connection, body.id)))
    await shelf.refresh()
    return answer({"message": f"Model: {body.id} deleted successfully"}, body)


async def _updated(model_id: str, body: ModelFields, services: AdminServices, asker: Asker) -> Response:
    shelf = shelf_of(services)
    _check_not_declared(services, model_id)

    def work(edit: Edit) -> ModelRow:
        present = _named(edit.connection, model_id)
        params = merged(shelf.open(present), body.litellm_params)
        info = merged(present.info, {k: v for k, v in (body.model_info or {}).items() if k != "id"})
        name = body.model_name or present.model_name
        shelf.read(model_id, name, storable(params), storable(info))
        fields: dict[str, Any] = {"model_name": name, "info": info} | shelf.seal(model_id, params)
        if body.blocked is not None:
            fields["blocked"] = body.blocked
        return edit.change(MODELS, present, fields)

    return await _changed(services, asker, body, work)


async def _changed(services: AdminServices, asker: Asker, body: ModelFields, work: Any) -> Response:
    """Store, and have it called from now on."""
    shelf = shelf_of(services)
    row = await services.desk.edit(asker.actor, work)
    await shelf.refresh()
    return answer(_row(row, shelf.open(row)), body)


def merged(present: dict[str, Any], sent: dict[str, Any] | None) -> dict[str, Any]:
    """What was sent over what there is; null takes away. A hidden value that comes back changes nothing."""
    fresh = {name: value for name, value in (sent or {}).items() if value != HIDDEN}
    return {name: value for name, value in (present | fresh).items() if value is not None}


def hidden(params: dict[str, Any]) -> dict[str, Any]:
    """The same, without its secrets; the name of a credential is none. What holds one somewhere is hidden whole: so it
    may come back and change nothing.
    """
    return {name: HIDDEN if _holds_secret(name, value) else value for name, value in params.items()}


def _holds_secret(name: str, value: Any) -> bool:
    if isinstance(value, dict):
        return is_secret(name) or any(_holds_secret(*item) for item in value.items())
    if isinstance(value, list):
        return is_secret(name) or any(_holds_secret(name, item) for item in value)
    return (is_secret(name) and name != _NAMES) or (isinstance(value, str) and _LOCKED_ADDRESS.match(value) is not None)


def _row(row: ModelRow, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "model_id": row.model_id,
        "model_name": row.model_name,
        "litellm_params": hidden(params),
        "model_info": row.info | {"id": row.model_id, "db_model": True},
        "blocked": row.blocked,
    } | stamps_row(row)


def shelf_of(services: AdminServices) -> StoredModels:
    """Where models are stored. Raises NotEnforced where they are not."""
    if services.models is None:
        raise NotEnforced(
            "store_model_in_db", "Models come from the file until general_settings.store_model_in_db is on."
        )
    return services.models


def _check_not_declared(services: AdminServices, model_id: str) -> None:
    if model_id in services.declared_models():
        message = "The configuration file declares this model: change it there."
        raise Forbidden(message, param="model_info.id", status=400)


def _named(connection: Connection, model_id: str) -> ModelRow:
    row = MODELS.get(connection, model_id)
    if row is None:
        raise UnknownObject("id", "model")
    return row
