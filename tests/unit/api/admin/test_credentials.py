from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import Admin
from tests.support.directory import key_of

SHARED = {
    "credential_name": "openai-eu",
    "credential_values": {"api_key": "sk-canary", "api_base": "http://127.0.0.1:9"},
}
MODEL = {
    "model_name": "gpt",
    "litellm_params": {"model": "openai/gpt-5", "litellm_credential_name": "openai-eu"},
    "model_info": {"id": "m1"},
}


async def made(admin: Admin) -> None:
    reply = await admin.post("/credentials", SHARED | {"credential_info": {"for": "tests"}})
    assert reply.status == 200, reply.body
    assert (reply.json["success"], reply.json["message"]) == (True, "Credential created successfully")


async def test_a_credential_is_stored_sealed_and_shown_without_its_secrets(admin: Admin) -> None:
    await made(admin)
    (shown,) = (await admin.get("/credentials")).json["credentials"]
    assert shown["credential_values"] == {"api_key": "***", "api_base": "http://127.0.0.1:9"}
    assert (shown["credential_info"], shown["created_by"]) == ({"for": "tests"}, "default_user_id")
    assert (await admin.get("/credentials/by_name/openai-eu")).json == shown
    audited = (await admin.get("/audit", table_name="LiteLLM_CredentialsTable")).json["audit_logs"]
    assert [line["action"] for line in audited] == ["created"]
    assert b"canary" not in (admin.folder / "sekisho.db").read_bytes()


async def test_models_that_name_it_are_called_with_it_and_follow_its_changes(admin: Admin) -> None:
    await made(admin)
    shown = await admin.post("/model/new", MODEL)
    assert shown.json["litellm_params"] == MODEL["litellm_params"], "which one is no secret"

    def called_with() -> tuple[str, str | None]:
        (entry,) = admin.models.entries
        assert entry.params.api_key is not None
        return entry.params.api_key.reveal(), entry.params.api_base

    assert called_with() == ("sk-canary", "http://127.0.0.1:9")
    change = {"credential_values": {"api_key": "sk-fresh", "api_base": None}}
    reply = await admin.call("PATCH", "/credentials/openai-eu", admin.encoded(change))
    assert reply.json["credential"]["credential_values"] == {"api_key": "***"}
    assert called_with() == ("sk-fresh", None)
    back = {"credential_values": {"api_key": "***", "timeout": 5}, "credential_info": {}}
    await admin.call("PATCH", "/credentials/openai-eu", admin.encoded(back))
    assert called_with() == ("sk-fresh", None), "what is shown may come back, and changes nothing"


async def test_its_name_to_show_and_its_information_are_changed_alone(admin: Admin) -> None:
    await made(admin)

    async def change(**fields: Any) -> tuple[str | None, dict[str, Any]]:
        reply = await admin.call("PATCH", "/credentials/openai-eu", admin.encoded(fields))
        assert reply.json["credential"]["credential_values"]["api_key"] == "***"
        return reply.json["credential"]["display_name"], reply.json["credential"]["credential_info"]

    assert await change(display_name=" OpenAI ", credential_info={}) == ("OpenAI", {"for": "tests"})
    assert await change(credential_info={"in": "eu"}) == ("OpenAI", {"for": "tests", "in": "eu"})
    assert await change(credential_info={"for": None}) == ("OpenAI", {"in": "eu"})
    assert await change(display_name=None) == (None, {"in": "eu"})


async def test_it_is_not_deleted_under_the_models_that_name_it(admin: Admin) -> None:
    await made(admin)
    await admin.post("/model/new", MODEL)
    reply = await admin.call("DELETE", "/credentials/openai-eu")
    assert (reply.status, reply.error["param"]) == (400, "credential_name")
    await admin.post("/model/update", {"id": "m1", "blocked": True})
    assert (await admin.call("DELETE", "/credentials/openai-eu")).status == 400, "a blocked model is called again"
    await admin.post("/model/delete", {"id": "m1"})
    assert (await admin.call("DELETE", "/credentials/openai-eu")).json["success"] is True
    assert (await admin.get("/credentials/by_name/openai-eu")).status == 404
    assert (await admin.post("/model/new", MODEL)).error["param"] == "litellm_params.litellm_credential_name"


@pytest.mark.parametrize(
    ("request_line", "body", "status", "param"),
    [
        ("POST /credentials", SHARED, 400, "credential_name"),
        ("POST /credentials", {"credential_name": "c"}, 400, "credential_values"),
        ("POST /credentials", {"credential_name": "c", "credential_values": {}}, 400, "credential_values"),
        ("POST /credentials", {"credential_name": "", "credential_values": {"a": 1}}, 400, "credential_name"),
        ("POST /credentials", {"credential_name": "a/b", "credential_values": {"a": 1}}, 400, "credential_name"),
        (
            "POST /credentials",
            {"credential_name": "c", "credential_values": {"api_key": "os.environ/KEY"}},
            400,
            "litellm_params",
        ),
        ("PATCH /credentials/openai-eu", {"credential_name": "other"}, 400, "credential_name"),
        ("PATCH /credentials/none", {}, 404, "credential_name"),
        ("DELETE /credentials/none", {}, 404, "credential_name"),
    ],
)
async def test_what_cannot_be_is_refused(admin: Admin, request_line: str, body: Any, status: int, param: str) -> None:
    await made(admin)
    method, path = request_line.split(" ")
    reply = await admin.call(method, path, admin.encoded(body))
    assert (reply.status, reply.error["param"]) == (status, param)
    assert len((await admin.get("/credentials")).json["credentials"]) == 1


async def test_where_models_come_from_the_file_so_do_credentials(bare: Admin) -> None:
    for reply in (await bare.get("/credentials"), await bare.post("/credentials", SHARED)):
        assert (reply.status, reply.error["param"]) == (400, "store_model_in_db")


async def test_nobody_else_sees_them(world: Admin) -> None:
    assert (await world.get("/credentials", token=key_of("O"))).status == 403
