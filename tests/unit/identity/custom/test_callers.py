from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.envelope import Envelope
from sekisho.core.errors import BodyTooLarge, Overloaded, Unauthenticated
from sekisho.core.secret import Secret
from sekisho.identity.access_keys import AccessKeyRing
from sekisho.identity.credential import KeyCallers
from sekisho.identity.custom.bound import BoundCallers
from sekisho.identity.custom.callers import CustomCallers, Mode
from sekisho.identity.keys import KeyRing, Principal, token_hash
from sekisho.limits.periods import check_duration
from sekisho.plugins import Refused, UserAPIKeyAuth
from tests.support.ledger import add_key, open_database

MASTER = "sk-master-0123456789"
VIRTUAL = "sk-virtual"
SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/v1/messages",
    "query_string": b"a=1",
    "headers": [(b"x-badge", b"42")],
    "client": ("10.0.0.1", 5),
    "scheme": "http",
    "server": ("gateway", 80),
}


class HTTPException(Exception):
    """As FastAPI's is made."""

    def __init__(self, status_code: int, detail: object) -> None:
        self.status_code, self.detail = status_code, detail


class World:
    """A key ring with one virtual key, and callers by whatever function."""

    def __init__(self, folder: Path) -> None:
        self.db = open_database(folder)
        self.clock = FakeClock()
        keys = KeyRing(self.db, self.clock, Secret(MASTER))
        self.by_keys = KeyCallers(keys, AccessKeyRing(self.db, keys, Envelope(None), self.clock), None)
        self.bound = BoundCallers(self.db, check_duration)
        self.made: list[CustomCallers] = []
        add_key(self.db, token_hash(VIRTUAL))

    def callers(self, function: Callable[..., Any], mode: Mode = "on", seconds: float = 30) -> CustomCallers:
        callers = CustomCallers(function, self.by_keys, self.bound, self.clock, mode=mode, seconds=seconds)
        self.made.append(callers)
        return callers

    async def ask(self, function: Callable[..., Any], key: str = "badge", mode: Mode = "on") -> Principal:
        return await self.callers(function, mode).recognise({"authorization": f"Bearer {key}"}, SCOPE)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for callers in made.made:
        callers.close()
    made.db.close()


def raising(error: Exception) -> Callable[..., Any]:
    def function(_request: object, _key: str) -> None:
        raise error

    return function


def saying(answer: object) -> Callable[..., Any]:
    async def function(_request: object, _key: str) -> object:
        return answer

    return function


async def test_the_function_sees_the_request_and_the_key(world: World) -> None:
    seen: list[Any] = []

    async def function(request: Any, key: str) -> UserAPIKeyAuth:
        place = request.method, request.url.path, dict(request.query_params), request.client.host
        seen.extend([key, place, request.headers["x-badge"], await request.body(), await request.json()])
        return UserAPIKeyAuth(user_id="alice")

    async def body() -> bytes:
        return b'{"model": "m"}'

    callers = world.callers(function)
    principal = await callers.recognise({"x-api-key": "badge"}, SCOPE, body)
    assert (principal.user_id, principal.is_vouched) == ("alice", True)
    place = ("POST", "/v1/messages", {"a": "1"}, "10.0.0.1")
    assert seen == ["badge", place, "42", b'{"model": "m"}', {"model": "m"}]


async def test_where_there_is_no_body_it_is_empty_and_without_a_key_the_text_is(world: World) -> None:
    async def function(request: Any, key: str) -> UserAPIKeyAuth:
        return UserAPIKeyAuth(user_id=f"{key}|{(await request.body()).decode()}|{request.url.path}")

    assert (await world.callers(function).by_key({})).user_id == "||/"


async def test_a_body_that_cannot_be_read_is_told_as_that(world: World) -> None:
    async def function(request: Any, _key: str) -> UserAPIKeyAuth:
        await request.body()
        return UserAPIKeyAuth(user_id="alice")

    async def body() -> bytes:
        raise BodyTooLarge("too large")

    with pytest.raises(BodyTooLarge):
        await world.callers(function, "auto").recognise({"x-api-key": VIRTUAL}, SCOPE, body)


async def test_what_was_begun_to_be_read_is_read_to_its_end(world: World) -> None:
    begun, may_come, reading = threading.Event(), asyncio.Event(), set[asyncio.Task[bytes]]()

    async def body() -> bytes:
        begun.set()
        await may_come.wait()
        return b"{}"

    async def function(request: Any, _key: str) -> None:
        reading.add(asyncio.create_task(request.body()))
        await asyncio.to_thread(begun.wait, 30)
        raise ValueError("CANARY")

    callers = world.callers(function, "auto")
    asked = asyncio.create_task(callers.recognise({"x-api-key": VIRTUAL}, SCOPE, body))
    await asyncio.to_thread(begun.wait, 30)
    assert not asked.done()
    may_come.set()
    assert (await asked).key_hash == token_hash(VIRTUAL)


@pytest.mark.parametrize("mode", ["on", "auto"])
async def test_the_master_key_is_never_the_functions(world: World, mode: Mode) -> None:
    assert (await world.ask(raising(AssertionError("asked")), MASTER, mode)).is_master
    with pytest.raises(Unauthenticated):
        await world.ask(saying(MASTER), mode=mode)


async def test_virtual_keys_by_mode(world: World) -> None:
    assert (await world.ask(saying(VIRTUAL))).key_hash == token_hash(VIRTUAL), "the function may name one"
    nobody = raising(ValueError("CANARY"))
    assert (await world.ask(nobody, VIRTUAL, "auto")).key_hash == token_hash(VIRTUAL)
    with pytest.raises(Unauthenticated):
        await world.ask(nobody, VIRTUAL, "on")
    with pytest.raises(Unauthenticated):
        await world.ask(nobody, "sk-unknown", "auto")
    assert (await world.ask(saying({"user_id": "alice"}), VIRTUAL, "auto")).user_id == "alice", "it is asked first"


@pytest.mark.parametrize("answer", [None, False, True, "", 7, "sk-unknown", {"max_budget": "CANARY"}, {"models": 3}])
async def test_no_answer_lets_nobody_in(world: World, answer: object, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unauthenticated, match="this caller is not known") as refused:
        await world.ask(saying(answer))
    assert (refused.value.info.status, refused.value.info.code) == (401, "invalid_api_key")
    assert refused.value.__cause__ is None
    assert "CANARY" not in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Refused("Ask us."), 401, "Ask us."),
        (Refused("Too fast.", 429), 429, "Too fast."),
        (Refused("x" * 9_999, 500), 401, "x" * 500),
        (HTTPException(403, "Not here."), 403, "Not here."),
        (HTTPException(403, {"CANARY": 1}), 401, "Authentication Error, this caller is not known to the gateway."),
        (ValueError("CANARY"), 401, "Authentication Error, this caller is not known to the gateway."),
    ],
)
async def test_only_words_for_the_caller_reach_them(world: World, error: Exception, status: int, message: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await world.ask(raising(error))
    assert (refused.value.info.status, refused.value.info.message) == (status, message)


async def test_failures_are_named_in_the_log_once_a_kind(world: World, caplog: pytest.LogCaptureFixture) -> None:
    callers = world.callers(raising(ValueError("CANARY")))
    with caplog.at_level(logging.WARNING):
        for key in ("a", "b"):
            with pytest.raises(Unauthenticated):
                await callers.recognise({"x-api-key": key}, SCOPE)
    assert caplog.text.count("ValueError in test_callers.py") == 1
    assert "CANARY" not in caplog.text


async def test_who_is_not_known_in_time_may_try_again(world: World) -> None:
    async def hangs(_request: object, _key: str) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Overloaded) as late:
        await world.callers(hangs, seconds=0.01).recognise({"x-api-key": "badge"}, SCOPE)
    assert (late.value.info.status, late.value.info.retry_after_seconds) == (503, 1)
    virtual = await world.callers(hangs, "auto", seconds=0.01).recognise({"x-api-key": VIRTUAL}, SCOPE)
    assert virtual.key_hash == token_hash(VIRTUAL)


async def test_an_answer_is_kept_for_as_long_as_the_function_says(world: World) -> None:
    asked: list[str] = []

    async def function(_request: object, key: str) -> UserAPIKeyAuth | None:
        asked.append(key)
        return UserAPIKeyAuth(user_id=key) if key != "bad" else None

    callers = world.callers(function)
    for _ in range(2):
        await callers.recognise({"x-api-key": "a"}, SCOPE)
    assert asked == ["a", "a"], "it has not said that it may be kept"
    function.cache_seconds = 60  # type: ignore[attr-defined]
    callers = world.callers(function)
    for _ in range(2):
        assert (await callers.recognise({"x-api-key": "a"}, SCOPE)).user_id == "a"
        assert (await callers.recognise({"x-api-key": "b"}, SCOPE)).user_id == "b"
        for key in ("bad", ""):
            with pytest.raises(Unauthenticated):
                await callers.recognise({"x-api-key": key or "bad"}, SCOPE)
    assert asked[2:].count("a") == asked[2:].count("b") == 1
    assert asked[2:].count("bad") == 4, "only who is known is kept"
    world.clock.advance(61)
    await callers.recognise({"x-api-key": "a"}, SCOPE)
    assert asked.count("a") == 4


async def test_signed_requests_are_virtual_keys(world: World) -> None:
    signed = {
        "authorization": "AWS4-HMAC-SHA256 Credential=SKSH0000000000000000/20260101/us-east-1/bedrock/aws4_request"
    }

    async def body() -> bytes:
        return b""

    for mode, told in (("on", "not taken here"), ("auto", "AWS4-HMAC-SHA256")):
        with pytest.raises(Unauthenticated, match=told):
            await world.callers(saying({"user_id": "a"}), mode).recognise(signed, SCOPE, body)  # type: ignore[arg-type]
    with pytest.raises(Unauthenticated, match="not taken here"):
        await world.callers(saying({"user_id": "a"}), "auto").by_key(signed, SCOPE)
