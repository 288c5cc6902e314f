from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from sekisho.api.admin.problems import (
    on_database_error,
    on_http_exception,
    on_invalid_request,
    on_sekisho_error,
    problem,
)
from sekisho.core.errors import MalformedRequest, OperatorError
from sekisho.store.away import StoreAway
from tests.support.admin import Admin

REQUEST = Request({"type": "http", "path": "/sso/callback", "headers": []})


def told(response: Response) -> dict[str, Any]:
    error: dict[str, Any] = msgspec.json.decode(response.body)["error"]
    return error


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_request_error"),
        (401, "auth_error"),
        (403, "auth_error"),
        (404, "not_found_error"),
        (413, "bad_request_error"),
    ],
)
def test_each_status_has_its_type(status: int, kind: str) -> None:
    assert told(problem(status, "m", param="p")) == {"message": "m", "type": kind, "param": "p", "code": str(status)}


def test_a_code_that_litellm_has_as_a_type_is_one() -> None:
    assert told(problem(401, "m", code="expired_key"))["type"] == "expired_key"


async def test_a_callers_fault_is_told_and_an_operators_is_not() -> None:
    assert told(await on_sekisho_error(REQUEST, MalformedRequest("field", param="x")))["message"] == "field"
    assert "secret" not in told(await on_sekisho_error(REQUEST, OperatorError("secret path")))["message"]


async def test_what_passes_by_waiting_says_so() -> None:
    response = await on_sekisho_error(REQUEST, StoreAway("The database is away."))
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert told(response)["type"] == "no_db_connection"


async def test_the_databases_words_stay_inside() -> None:
    response = await on_database_error(REQUEST, OperationalError("SELECT secret", {}, Exception("secret")))
    assert response.status_code == 500
    assert b"secret" not in response.body


async def test_a_field_at_fault_is_named_without_its_value() -> None:
    fault = {"type": "string_type", "loc": ("body", "models", 0), "msg": "Input should be a string", "input": "secret"}
    error = told(await on_invalid_request(REQUEST, RequestValidationError([fault])))
    assert error["param"] == "models.0"
    assert error["message"] == "'models.0': Input should be a string"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"type": "json_invalid", "loc": ("body", 5), "msg": "JSON decode error"}, "not valid JSON"),
        ({"type": "missing", "loc": ("body",), "msg": "Field required"}, "body is missing"),
        ({"type": "model_attributes_type", "loc": ("body",), "msg": "Input should be"}, "must be a JSON object"),
    ],
)
async def test_a_body_at_fault_is_told_so(fault: dict[str, Any], message: str) -> None:
    assert message in told(await on_invalid_request(REQUEST, RequestValidationError([fault])))["message"]


async def test_other_failures_have_a_sentence_of_ours() -> None:
    response = await on_http_exception(REQUEST, HTTPException(405, "whatever"))
    assert response.status_code == 405
    assert "whatever" not in told(response)["message"]


async def test_a_path_that_is_left_out_says_why() -> None:
    response = await on_http_exception(REQUEST, HTTPException(404))
    assert (response.status_code, told(response)["type"]) == (404, "not_found_error")
    assert "single sign-on" in told(response)["message"]


@pytest.mark.parametrize(
    "field", ["aliases", "model_rpm_limit", "model_max_budget", "metadata.model_rpm_limit", "allowed_routes"]
)
@pytest.mark.parametrize(("count", "named"), [(2, True), (1_000, False)])
async def test_of_many_faults_none_is_worded(admin: Admin, field: str, count: int, *, named: bool) -> None:
    wrong: object = [1] * count if field == "allowed_routes" else {f"m{number}": [] for number in range(count)}
    first, _, second = field.partition(".")
    reply = await admin.post("/key/generate", {first: {second: wrong} if second else wrong})
    assert (reply.status, (reply.error["param"] or "").startswith(field)) == (400, named)
    assert named or "more than a hundred" in reply.error["message"]
