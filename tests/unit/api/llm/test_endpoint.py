from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sekisho.api.llm.routes import SURFACES, both
from sekisho.app import Application
from tests.support.application import MASTER, ask, running

KNOWN = {"authorization": f"Bearer {MASTER}"}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Application]:
    async with running(tmp_path) as application:
        yield application


PATHS = sorted({(one.method, one.path) for one in SURFACES if one.method == "POST"})


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("at", [0, -1])
async def test_every_path_is_served_with_and_without_its_prefix(
    app: Application, method: str, path: str, at: int
) -> None:
    named = both(path)[at].format(model="m", project="p", location="l")
    got = await ask(app, method, named, body=b"{")
    assert got.status == 400
    assert b"not a JSON object" in got.body
    assert got.headers["x-sekisho-request-id"] == got.headers["x-litellm-call-id"]


@pytest.mark.parametrize(
    ("path", "message"),
    [("/v1/messages", '"type":"error"'), ("/v1/responses", '"param"'), ("/v1/chat/completions", '"param"')],
)
async def test_a_wrong_method_is_named_with_the_right_one(app: Application, path: str, message: str) -> None:
    got = await ask(app, "DELETE", path)
    assert (got.status, "POST" in got.headers["allow"]) == (405, True)
    assert message in got.body.decode()


async def test_an_unknown_path_is_404_in_the_dialect_it_suggests(app: Application) -> None:
    assert (await ask(app, "GET", "/v1/messages/nothing")).json["type"] == "error"
    assert (await ask(app, "GET", "/nowhere")).json["error"]["code"] == "not_found"


async def test_a_websocket_upgrade_is_declined_so_that_agents_fall_back(app: Application) -> None:
    assert (await ask(app, "GET", "/v1/responses")).status == 426


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"authorization": "Bearer sk-nobody"}, 401), ({"x-api-key": "sk-nobody"}, 401)],
)
async def test_without_a_known_key_nothing_is_served(app: Application, headers: dict[str, str], status: int) -> None:
    got = await ask(app, "POST", "/v1/messages", headers, b'{"model":"claude"}')
    assert got.status == status
    assert got.json["error"]["type"] == "authentication_error"
    assert "nobody" not in got.body.decode()


async def test_an_unknown_model_is_named(app: Application) -> None:
    got = await ask(app, "POST", "/v1/chat/completions", body=b'{"model":"llama","messages":[]}')
    assert (got.status, got.json["error"]["param"]) == (404, "model")
    assert "llama" in got.json["error"]["message"]


async def test_a_provider_that_is_not_there_is_a_gateway_error(app: Application) -> None:
    got = await ask(app, "POST", "/v1/messages", body=b'{"model":"claude","max_tokens":5,"messages":[]}')
    assert got.status == 502
    assert "canary" not in got.body.decode()


async def test_too_large_a_body_is_refused_and_recorded(app: Application) -> None:
    got = await ask(app, "POST", "/v1/messages", KNOWN | {"content-length": "99999999999"}, b"{}")
    assert got.status == 413
    row = (await ask(app, "GET", f"/spend/logs?request_id={got.headers['x-sekisho-request-id']}")).json
    assert row[0]["status"] == "failure"


async def test_tokens_are_estimated_where_the_provider_cannot_count(app: Application) -> None:
    body = b'{"model":"gpt-5","messages":[{"role":"user","content":"hello"}]}'
    got = await ask(app, "POST", "/v1/messages/count_tokens", body=body)
    assert got.headers["x-sekisho-estimated"] == "true"
    assert got.json["input_tokens"] >= len(body) // 4
