"""What callers get wrong: a clear error in their dialect with the right status, and a row in the ledger."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import Any

import pytest

from tests.faults.dialects import SAME, Way, check_error
from tests.support.gateway import Gateway
from tests.support.sse_client import Cut, call

Refusal = tuple[int, dict[str, str], dict[str, Any]]


async def refused(gate: Gateway, way: Way, body: object, headers: dict[str, str], *, method: str = "POST") -> Refusal:
    """Status, headers and error of a call that must not succeed."""
    async with call(method, gate.url + way.path, body, headers) as answer:
        return answer.status, answer.headers, check_error(way.caller, await answer.json())


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def spoiled(way: Way) -> dict[str, bytes]:
    """Bodies that are no request, by what is wrong with them."""
    good = way.body("")
    return {
        "empty": b"",
        "half": b"{",
        "null": b"null",
        "list": b"[]",
        "text": b'"text"',
        "utf-8": json.dumps(good).encode()[:-1] + b', "x": "\xff"}',
        "model": json.dumps(good | {"model": 3}).encode(),
        "no model": json.dumps(without(good, "model")).encode(),
        "stream": json.dumps(good | {"stream": "yes"}).encode(),
        "deep": b"[" * 100_000,
    }


@pytest.mark.parametrize("way", SAME, ids=str)
@pytest.mark.parametrize("wrong", spoiled(SAME[0]))
async def test_a_body_that_is_none(gate: Gateway, key: str, way: Way, wrong: str) -> None:
    status, headers, error = await refused(gate, way, spoiled(way)[wrong], bearer(key))
    assert status == 400
    assert error["type"] == "invalid_request_error"
    row = await gate.row(headers["x-sekisho-request-id"])
    assert (row.status, row.cost_nano_usd) == ("failure", 0)


@pytest.mark.parametrize("way", SAME, ids=str)
async def test_a_model_that_nobody_serves(gate: Gateway, key: str, way: Way) -> None:
    status, headers, error = await refused(gate, way, way.body("") | {"model": "no-such-model"}, bearer(key))
    assert status in (400, 404)
    assert "no-such-model" in error["message"]
    assert (await gate.row(headers["x-sekisho-request-id"])).status == "failure"


@pytest.mark.parametrize("way", SAME, ids=str)
@pytest.mark.parametrize("presented", [{}, {"authorization": "Bearer sk-unknown"}, {"x-api-key": "not a key"}])
async def test_a_key_that_is_missing_or_wrong(gate: Gateway, way: Way, presented: dict[str, str]) -> None:
    status, headers, error = await refused(gate, way, way.body(""), presented)
    assert status == 401
    assert error["message"]
    assert (await gate.row(headers["x-sekisho-request-id"])).status == "failure"


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-goog-api-key", "x-litellm-api-key", "authorization"])
async def test_a_key_in_any_header(gate: Gateway, key: str, header: str) -> None:
    way = SAME[0]
    presented = {header: key if header != "authorization" else f"Bearer {key}"}
    async with call("POST", gate.url + way.path, way.body("", stream=False), presented) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("way", SAME, ids=str)
async def test_a_method_that_is_not_served(gate: Gateway, key: str, way: Way) -> None:
    status, headers, _ = await refused(gate, way, None, bearer(key), method="PUT")
    assert status == 405
    assert "POST" in headers["allow"]


async def test_a_path_that_is_not_served(gate: Gateway, key: str) -> None:
    async with call("POST", f"{gate.url}/v1/nowhere", {}, bearer(key)) as answer:
        assert answer.status == 404
        check_error("chat", await answer.json())


async def test_a_handshake_that_is_none_is_refused(gate: Gateway, key: str) -> None:
    async with call("GET", f"{gate.url}/v1/responses", None, bearer(key)) as answer:
        assert answer.status == 426
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "x"}
    async with call("GET", f"{gate.url}/v1/responses", None, bearer(key) | upgrade) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("way", SAME, ids=str)
async def test_a_body_over_the_limit(gate: Gateway, key: str, way: Way) -> None:
    """By its announced length at once, and by what it unpacks to."""
    status, _, _ = await refused(gate, way, b"{}", bearer(key) | {"content-length": str(33 * 1024 * 1024)})
    assert status == 413
    bomb = gzip.compress(json.dumps(way.body("", text="x" * 33 * 1024 * 1024)).encode(), 1)
    status, _, _ = await refused(gate, way, bomb, bearer(key) | {"content-encoding": "gzip"})
    assert status == 413


@pytest.mark.parametrize("way", SAME, ids=str)
async def test_a_compressed_body(gate: Gateway, key: str, way: Way) -> None:
    packed = gzip.compress(json.dumps(way.body("", stream=False)).encode())
    async with call("POST", gate.url + way.path, packed, bearer(key) | {"content-encoding": "gzip"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br", "nonsense"])
async def test_a_body_that_does_not_unpack(gate: Gateway, key: str, coding: str) -> None:
    status, _, error = await refused(gate, SAME[0], b"\x1f\x8bxx", bearer(key) | {"content-encoding": coding})
    assert status in (400, 415)
    assert error["type"] == "invalid_request_error"


async def test_headers_over_the_limit(gate: Gateway, key: str) -> None:
    """The server may close before its answer was read."""
    status = 431
    with contextlib.suppress(Cut, ConnectionError):
        async with call("POST", gate.url + SAME[0].path, {}, bearer(key) | {"x-long": "x" * 200_000}) as answer:
            status = answer.status
    assert status == 431
