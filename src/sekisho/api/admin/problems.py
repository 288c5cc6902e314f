"""Failures of the management API in LiteLLM's shape: {"error": {message, type, param, code}}, code a string.

Flows in: any exception of a handler. Flows out: a response. Must stay true: no secret, no value of a request and no
text of the database's stands in a message.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.exceptions import HTTPException

from sekisho.api.admin.limit_fields import TOO_MANY_FAULTS
from sekisho.api.admin.not_offered import why_not_offered
from sekisho.core.errors import CallerError, ErrorClass, SekishoError
from sekisho.store.away import StoreAway

log = logging.getLogger(__name__)

NOT_FOUND = 404
#: LiteLLM's `type` for each status; errors with a code of their own carry that instead.
_TYPES = {401: "auth_error", 403: "auth_error", NOT_FOUND: "not_found_error", 500: "internal_server_error"}
_OWN_TYPES = frozenset({"expired_key", "no_db_connection", "team_member_already_in_team", "token_not_found_in_db"})
_STATUS_TEXTS = {
    NOT_FOUND: "There is no such path in the management API.",
    405: "This path is not called by that method.",
    413: "The request body is too large for the management API.",
}


def problem(status: int, message: str, *, code: str | None = None, param: str | None = None) -> Response:
    """An error answer."""
    kind = code if code in _OWN_TYPES else _TYPES.get(status, "bad_request_error")
    body = {"error": {"message": message, "type": kind, "param": param, "code": str(status)}}
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def on_sekisho_error(_request: Request | None, error: Exception) -> Response:
    """Ours: the caller's faults are told whole, and what passes by waiting; the operator's go to the log."""
    if not isinstance(error, SekishoError) or not (isinstance(error, CallerError) or _passes(error)):
        log.error("the management API failed: %s", error)
        return problem(500, "The gateway could not do this; its log says why.")
    info = error.info
    code = "no_db_connection" if isinstance(error, StoreAway) else info.code
    response = problem(info.status, info.message, code=code, param=info.param)
    if info.retry_after_seconds is not None:
        response.headers["retry-after"] = str(math.ceil(info.retry_after_seconds))
    return response


async def on_database_error(_request: Request | None, error: Exception) -> Response:
    """The store's: its class goes to the log, not its text, which may quote values."""
    log.error("the management API's database failed: %s", type(error).__name__)
    return problem(500, "The gateway's database did not answer; try again.")


async def on_conflict(_request: Request, _error: Exception) -> Response:
    """The store's, when two requests wanted the same name, or one names what another has just removed."""
    return problem(409, "This clashes with what is stored: a name is taken, or what it refers to is gone or in use.")


async def on_invalid_request(_request: Request, error: Exception) -> Response:
    """FastAPI's: name the first field at fault, never its value."""
    if not isinstance(error, RequestValidationError):
        return problem(400, "The request is not valid.")
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part not in {"body", "query"}]
    if first["type"] == "json_invalid":
        return problem(400, "The body is not valid JSON.")
    if first["type"] == "missing" and not place:
        return problem(400, "The body is missing: send a JSON object with Content-Type: application/json.")
    if first["type"] == TOO_MANY_FAULTS:
        return problem(400, str(first["msg"]))
    field = ".".join(place)
    if not field:
        return problem(400, "The body must be a JSON object, sent with Content-Type: application/json.")
    return problem(400, f"'{field[:100]}': {_told(first)}", param=field[:100])


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's: unknown path, wrong method, body too large. A path of LiteLLM's that is left out says why."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    why = why_not_offered(request.url.path) if status == NOT_FOUND else None
    return problem(status, why or _STATUS_TEXTS.get(status, "The request could not be read."))


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    SekishoError: on_sekisho_error,
    SQLAlchemyError: on_database_error,
    IntegrityError: on_conflict,
    RequestValidationError: on_invalid_request,
    HTTPException: on_http_exception,
}


def _passes(error: SekishoError) -> bool:
    """Whether it is worth waiting: a database that is away, a gateway that is full."""
    return error.info.error_class is ErrorClass.OVERLOADED


def _told(problem_: dict[str, object]) -> str:
    """What pydantic says of a field, unless it is our own validator's sentence."""
    text = str(problem_["msg"])
    return text.removeprefix("Value error, ")
