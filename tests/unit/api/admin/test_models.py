from __future__ import annotations

from typing import Any

import pytest

from sekisho.api.admin.models import hidden
from sekisho.store.directory import MODELS
from tests.support.admin import MASTER, Admin

PARAMS = {"model": "openai/gpt-5", "api_key": "sk-canary-of-models", "api_base": "http://127.0.0.1:9"}


async def made(admin: Admin, **fields: Any) -> dict[str, Any]:
    reply = await admin.post("/model/new", {"model_name": "gpt", "litellm_params": PARAMS} | fields)
    assert reply.status == 200, reply.body
    answer: dict[str, Any] = reply.json
    return answer


async def test_a_model_is_stored_sealed_and_called_from_then_on(admin: Admin) -> None:
    shown = await made(admin, model_info={"id": "m1", "mode": "chat"})
    assert (shown["model_id"], shown["model_name"]) == ("m1", "gpt")
    assert shown["litellm_params"] == PARAMS | {"api_key": "***"}
    assert shown["model_info"] == {"id": "m1", "mode": "chat", "db_model": True}
    assert shown["created_by"] == "default_user_id"
    (entry,) = admin.models.entries
    assert (entry.info.id, entry.params.api_key and entry.params.api_key.reveal()) == ("m1", "sk-canary-of-models")
    assert b"canary" not in (admin.folder / "sekisho.db").read_bytes()


@pytest.mark.parametrize("by_path", [True, False])
async def test_an_update_changes_what_it_names(admin: Admin, by_path: Any) -> None:
    await made(admin, model_info={"id": "m1", "mode": "chat"})

    async def update(body: dict[str, Any]) -> dict[str, Any]:
        if by_path:
            reply = await admin.call("PATCH", "/model/m1/update", admin.encoded(body))
        else:
            reply = await admin.post("/model/update", body | {"model_info": {"id": "m1"} | body.get("model_info", {})})
        assert reply.status == 200, reply.body
        answer: dict[str, Any] = reply.json
        return answer

    shown = await update({"litellm_params": {"rpm": 5, "api_key": "***"}, "model_name": "other"})
    assert (shown["model_name"], shown["litellm_params"]["rpm"]) == ("other", 5)
    (entry,) = admin.models.entries
    assert entry.params.api_key is not None
    assert entry.params.api_key.reveal() == "sk-canary-of-models"
    shown = await update({"litellm_params": {"rpm": None}, "model_info": {"mode": None}})
    assert ("rpm" in shown["litellm_params"], shown["model_info"]) == (False, {"id": "m1", "db_model": True})
    await update({"blocked": True})
    assert admin.models.entries == ()


async def test_an_update_may_name_the_model_as_litellms_client_does(admin: Admin) -> None:
    await made(admin, model_info={"id": "m1"})
    reply = await admin.post("/model/update", {"id": "m1", "litellm_params": {"rpm": 5}})
    assert (reply.json["model_id"], reply.json["litellm_params"]["rpm"]) == ("m1", 5)
    assert "x-sekisho-unknown-fields" not in reply.headers


async def test_a_deleted_model_is_called_no_more(admin: Admin) -> None:
    await made(admin, model_info={"id": "m1"})
    assert (await admin.post("/model/delete", {"id": "m1"})).status == 200
    assert admin.models.entries == ()
    assert (await admin.post("/model/delete", {"id": "m1"})).status == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/model/new", {"model_name": "m"}, 400, "model_name"),
        ("/model/new", {"model_name": "m", "litellm_params": {"model": 5}}, 400, "litellm_params.model"),
        ("/model/new", {"model_name": "m", "litellm_params": PARAMS, "model_info": {"id": "taken"}}, 400, None),
        ("/model/new", {"model_name": "m", "litellm_params": PARAMS, "model_info": {"id": "of-the-file"}}, 400, None),
        ("/model/update", {"model_name": "m"}, 400, "model_info.id"),
        ("/model/update", {"model_info": {"id": "none"}}, 404, "id"),
        ("/model/update", {"model_info": {"id": "of-the-file"}}, 400, None),
        ("/model/delete", {"id": "of-the-file"}, 400, None),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    admin: Admin, path: str, body: Any, status: int, param: str | None
) -> None:
    await made(admin, model_info={"id": "taken"})
    reply = await admin.post(path, body)
    assert (reply.status, reply.error["param"]) == (status, param or "model_info.id")
    assert len(admin.models.entries) == 1


async def test_where_models_come_from_the_file_alone_that_is_said(bare: Admin) -> None:
    reply = await bare.post("/model/new", {"model_name": "m", "litellm_params": PARAMS})
    assert (reply.status, reply.error["param"]) == (400, "store_model_in_db")


async def test_no_answer_holds_a_providers_key(admin: Admin) -> None:
    await made(admin, model_info={"id": "m1"})
    for reply in (
        await admin.call("PATCH", "/model/m1/update", b"{}"),
        await admin.get("/audit", page_size=100),
        await admin.post("/model/update", {"model_info": {"id": "m1"}, "litellm_params": {"timeout": "sk-canary"}}),
    ):
        assert b"canary" not in reply.body
        assert MASTER.encode() not in reply.body


LOCKED = [
    ("api_base", "https://user:canary@models.example/v1"),
    ("api_base", "https://models.example/v1?code=canary"),
    ("extra_body", {"auth": {"of": "canary"}}),
    ("extra_body", {"list": [{"password": "canary"}]}),
]


@pytest.mark.parametrize(("name", "value"), LOCKED)
async def test_what_holds_a_secret_is_hidden_whole_and_may_come_back(admin: Admin, name: str, value: Any) -> None:
    first = await made(admin, litellm_params=PARAMS | {name: value}, model_info={"id": "m1"})
    shown = first["litellm_params"]
    assert shown[name] == "***"
    reply = await admin.post("/model/update", {"id": "m1", "litellm_params": shown})
    assert (reply.json["litellm_params"], b"canary" in reply.body) == (shown, False)
    row = await admin.desk.read(lambda connection: MODELS.get(connection, "m1"))
    assert row is not None
    assert admin.models.open(row)[name] == value


@pytest.mark.parametrize("value", ["https://models.example/v1", "http://127.0.0.1:9/a@b", "who?", ""])
def test_an_address_without_a_secret_is_shown(value: str) -> None:
    assert hidden({"api_base": value, "extra_body": {"n": [1]}}) == {"api_base": value, "extra_body": {"n": [1]}}
