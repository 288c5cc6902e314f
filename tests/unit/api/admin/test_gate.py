from __future__ import annotations

import pytest

from sekisho.api.admin.gate import check_may_manage
from sekisho.core.errors import Forbidden, Unauthenticated
from sekisho.identity.keys import Principal, token_hash
from tests.support.admin import MASTER, Admin
from tests.support.ledger import NOW_US, add_key

PATHS = ["/key/generate", "/key/list", "/key/delete", "/spend/logs", "/spend/logs/v2", "/key/nothing"]


@pytest.mark.parametrize("path", [*PATHS, "/key/info"])
@pytest.mark.parametrize("token", [None, "sk-unknown", MASTER + "x", MASTER[:-1]])
async def test_nobody_comes_in_without_a_key(admin: Admin, path: str, token: str | None) -> None:
    reply = await admin.call("POST", path, b"{ not looked at", token=token)
    assert (reply.status, reply.error["type"]) == (401, "auth_error")
    assert reply.error["message"].startswith("Authentication Error")
    assert MASTER.encode() not in reply.body


@pytest.mark.parametrize("path", PATHS)
async def test_a_virtual_key_manages_nothing(admin: Admin, path: str) -> None:
    add_key(admin.db, token_hash("sk-a"))
    reply = await admin.call("POST", path, b"{}", token="sk-a")
    assert (reply.status, reply.error["type"]) == (403, "auth_error")


def test_blocked_and_expired_keys_do_not_even_ask_for_themselves() -> None:
    check_may_manage(Principal(key_hash="k", expires_us=NOW_US + 1), "/key/info", NOW_US)
    with pytest.raises(Unauthenticated, match="blocked"):
        check_may_manage(Principal(key_hash="k", blocked=True), "/key/info", NOW_US)
    with pytest.raises(Unauthenticated, match="Expired Key") as caught:
        check_may_manage(Principal(key_hash="k", expires_us=NOW_US), "/key/info", NOW_US)
    assert caught.value.info.code == "expired_key"


def test_a_key_for_model_calls_does_not_ask_for_itself() -> None:
    with pytest.raises(Forbidden):
        check_may_manage(Principal(key_hash="k", allowed_routes=("llm_api_routes",)), "/key/info", NOW_US)
