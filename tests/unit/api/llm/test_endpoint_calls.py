from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.api.llm import endpoint
from sekisho.api.llm.endpoint import Endpoint
from sekisho.api.llm.routes import SURFACES, both
from sekisho.app import Application
from sekisho.core import bounds
from tests.support.application import MASTER, ask, running
from tests.support.caller import Caller
from tests.support.replay import Replay, replay
from tests.support.stations import JSON, Script, ScriptedTransport, Stage, speaking, stage_in
from tests.support.waiting import eventually
from tests.support.wires import DIALECTS, first_events, stream_body

PATH = {
    "anthropic-messages": "/v1/messages",
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
}
EACH = pytest.mark.parametrize("dialect", DIALECTS)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Application]:
    async with running(tmp_path) as application:
        yield application


async def row_of(app: Application, request_id: str) -> dict[str, Any]:
    async def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await ask(app, "GET", f"/spend/logs?request_id={request_id}")).json
        return found

    [row] = await eventually(rows, "the row of the call")
    return row


def check_error(dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    assert (body.get("type") == "error") == (dialect in ("anthropic-messages", "anthropic-messages@vertex"))
    return body if "bedrock" in dialect else dict(body["error"])


@pytest.mark.parametrize("surface", SURFACES, ids=lambda one: f"{one.method} {one.path}")
@pytest.mark.parametrize("short", [False, True])
async def test_every_surface_answers_by_its_method_and_by_no_other(
    app: Application, surface: Any, *, short: bool
) -> None:
    path = both(surface.path)[-1 if short else 0].format(model="claude", project="p", location="l")
    served = {one.method for one in SURFACES if one.path == surface.path}
    got = await ask(app, surface.method, path, body=b"{")
    assert got.status in (200, 400, 426)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - served:
        refused = await ask(app, method, path)
        assert refused.status == 405
        assert set(refused.headers["allow"].split(", ")) == served
        check_error(surface.dialect, refused.json)


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v2/messages", "/v1/messages/", "/v1/v1/messages", "/V1/MESSAGES"]
)
async def test_what_is_no_path_is_404(app: Application, path: str) -> None:
    got = await ask(app, "POST", path)
    assert got.status == 404
    assert got.headers["content-type"] == "application/json"
    assert "error" in got.json


async def test_a_very_long_path_is_not_repeated_whole(app: Application) -> None:
    got = await ask(app, "GET", "/" + "x" * 5_000)
    assert (got.status, len(got.body) < 1_000) == (404, True)


@EACH
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-length": "999999999"}, b"{}", 413),
        ({"content-encoding": "br"}, b"{}", 400),
        ({"content-encoding": "gzip"}, b"no gzip", 400),
        ({}, b"", 400),
    ],
)
async def test_a_body_that_is_refused_is_told_and_recorded(
    app: Application, dialect: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    sent = {"authorization": f"Bearer {MASTER}"} | headers
    got = await ask(app, "POST", PATH[dialect], sent, body)
    assert got.status == status
    check_error(dialect, got.json)
    row = await row_of(app, got.headers["x-sekisho-request-id"])
    assert row["status"] == "failure"


@EACH
async def test_bodies_over_the_budget_wait_their_turn(
    app: Application, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was held is given back when a call is over, however it ended."""
    budget = app._endpoint._budget
    body = b'{"model":"nobody","messages":[]}'
    monkeypatch.setattr(budget, "limit_bytes", len(body))
    for _ in range(3):
        assert (await ask(app, "POST", PATH[dialect], body=body)).status == 404
    assert budget.held_bytes == 0
    got = await ask(app, "POST", PATH[dialect], body=body + b" ")
    assert got.status == (529 if dialect == "anthropic-messages" else 503)
    assert got.headers["retry-after"] == "1"
    assert (await row_of(app, got.headers["x-sekisho-request-id"]))["status"] == "failure"
    assert budget.held_bytes == 0


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with stage_in(tmp_path_factory.mktemp("stage")) as made:
        yield made


def scope_of(dialect: str) -> dict[str, Any]:
    headers = [(b"authorization", b"Bearer sk-master"), (b"x-odd", "é".encode("latin-1"))]
    return {"type": "http", "method": "POST", "path": PATH[dialect], "headers": headers}


@EACH
async def test_a_caller_who_leaves_closes_the_stream(
    stage: Stage, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "LISTEN_AFTER_SECONDS", 0.01)
    stage.book.happened, stage.book.rows = [], []
    events, caller = first_events(dialect), Caller()
    script = Script([*events, caller.hang_up, "silence"])
    gateway = stage.gateway(speaking(dialect), transport=ScriptedTransport([script], stage.book.happened))
    serve = Endpoint(lambda: gateway, lambda: bounds.BODY_BYTES, lambda: True)
    fields: dict[str, Any] = {"model": "m", "stream": True, "messages": [], "input": "x", "max_tokens": 5}
    said = [{"type": "http.request", "body": msgspec.json.encode(fields), "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        return said.pop() if said else await caller.receive()

    await asyncio.wait_for(serve(scope_of(dialect), receive, caller.send), 5)
    assert stage.book.happened == ["intent", "sent", "closed", "row"]
    assert stage.book.rows[0].error_class == "client_closed"
    assert (serve._budget.held_bytes, caller.body) == (0, b"".join(events))


@pytest.mark.parametrize(
    ("dialect", "header"), [("anthropic-messages", b"anthropic-beta"), ("openai-chat", b"openai-beta")]
)
async def test_words_in_repeated_headers_hold_together(stage: Stage, dialect: str, header: bytes) -> None:
    """Anthropic's SDK for Go sends a header for each beta."""
    transport, caller = ScriptedTransport([Script([b"{}"], headers=JSON)], stage.book.happened), Caller()
    gateway = stage.gateway(speaking(dialect), transport=transport)
    scope = scope_of(dialect)
    scope["headers"] += [(header, b"one"), (b"x-odd", b"1"), (header, b"two, three")]
    fields: dict[str, Any] = {"model": "m", "messages": [], "max_tokens": 5}
    said = [{"type": "http.request", "body": msgspec.json.encode(fields), "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        return said.pop() if said else await caller.receive()

    await Endpoint(lambda: gateway, lambda: bounds.BODY_BYTES, lambda: True)(scope, receive, caller.send)
    assert transport.requests[0].headers[header.decode()] == "one,two, three"


@EACH
async def test_through_the_whole_application_bytes_pass(tmp_path: Path, dialect: str) -> None:
    name = "anthropic/claude-sonnet-4-5" if dialect == "anthropic-messages" else "openai/gpt-4.1-mini"
    stream = stream_body(dialect)
    async with replay(Replay(stream, offsets=range(1, len(stream), 37))) as provider:
        base = provider.url if dialect == "anthropic-messages" else provider.url + "/v1"
        params = {"model": name, "api_base": base, "api_key": "k"}
        config = msgspec.json.encode({"model_list": [{"model_name": "m", "litellm_params": params}]})
        async with running(tmp_path, config.decode()) as app:
            fields = {"model": "m", "stream": True, "messages": [], "stream_options": {"include_usage": True}}
            got = await ask(app, "POST", PATH[dialect], body=msgspec.json.encode(fields))
            row = await row_of(app, got.headers["x-sekisho-request-id"])
    assert (got.status, got.body) == (200, stream)
    assert (row["status"], row["prompt_tokens"], row["completion_tokens"]) == ("success", 100, 40)
    [(path, headers, _)] = provider.requests
    assert path == PATH[dialect]
    assert MASTER not in str(headers)
