"""One ASGI handler for every path that agents call.

Flows in: an ASGI request. Flows out: an answer in the dialect of its path, whatever went wrong. Must stay true: a call
that has a key and a body runs through exchange/run.py, and nothing else speaks to a provider.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from sekisho.api.llm.body import BodyBudget, IncomingBody
from sekisho.api.llm.info import INFO, Asked
from sekisho.api.llm.routes import SURFACES, Found, Routes
from sekisho.core.errors import ErrorInfo, MethodNotAllowed, RouteNotFound, SekishoError, UpgradeRequired
from sekisho.core.ids import new_uuid7
from sekisho.exchange.answer import Answer, Receive, Send
from sekisho.exchange.call import NOTHING_SAID, Call, PathSays, Surface
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.run import run
from sekisho.identity.sigv4 import SignedRequest, is_signed, verify
from sekisho.wire.dialect import Dialect
from sekisho.wire.registry import dialect_of

Scope = MutableMapping[str, Any]
#: A caller's hanging up is listened for only when a call takes so long: the task costs more than a quick call has left.
LISTEN_AFTER_SECONDS = 0.05
JSON = (b"content-type", b"application/json")


class Endpoint:
    """Serves SURFACES. `gateway` gives the Gateway of the moment; a reload changes what it gives."""

    def __init__(
        self, gateway: Callable[[], Gateway], body_limit_bytes: Callable[[], int], ready: Callable[[], bool]
    ) -> None:
        self._gateway = gateway
        self._body_limit_bytes = body_limit_bytes
        self._ready = ready
        self._routes = Routes(SURFACES)
        self._budget = BodyBudget()

    async def calls_over(self, within_seconds: float) -> None:
        """Wait until no call is in flight: each books what was seen of it when the server has cut it off."""
        if self._budget.held_bytes:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._budget.empty.wait(), within_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        gateway = self._gateway()
        answer = Answer(send, gateway.clock, new_uuid7())
        found = self._routes.find(scope["path"], _raw_path(scope))
        surface = found.methods.get(scope["method"]) if found is not None else None
        if found is None or surface is None:
            await self._misdirected(scope, found, answer)
        elif surface.operation in INFO or surface.operation == "upgrade":
            await self._inform(surface, scope, answer, gateway)
        else:
            call = _call(surface, found.model, scope, answer, gateway)
            await self._serve(call, scope, receive, gateway)

    async def _serve(self, call: Call, scope: Scope, receive: Receive, gateway: Gateway) -> None:
        incoming = IncomingBody(receive, call.headers, self._body_limit_bytes(), self._budget)

        async def received() -> bytes:
            body = await incoming.read()
            if is_signed(call.headers):
                _verify(scope, incoming.raw, gateway)
            call.answer.listen_after(LISTEN_AFTER_SECONDS, receive)
            return body

        try:
            await run(call, gateway, received)
        finally:
            call.answer.end_background()
            incoming.release()

    async def _inform(self, surface: Surface, scope: Scope, answer: Answer, gateway: Gateway) -> None:
        dialect = dialect_of(surface.dialect, "generate")
        try:
            if surface.operation == "upgrade":
                raise UpgradeRequired("Responses are served over POST /v1/responses; WebSocket is not offered.")
            headers = _headers(scope)
            if is_signed(headers):
                _verify(scope, b"", gateway)
            status, kind, body = INFO[surface.operation](Asked(gateway, headers, self._ready()))
        except SekishoError as error:
            await _render(answer, dialect, error.info)
            return
        await answer.whole(status, [(b"content-type", kind)], body)

    async def _misdirected(self, scope: Scope, found: Found | None, answer: Answer) -> None:
        """No such path, or not by this method: said in the dialect that the path suggests."""
        path, method = scope["path"], scope["method"]
        if found is not None:
            dialect = dialect_of(next(iter(found.methods.values())).dialect, "generate")
            allowed = ", ".join(found.methods)
            error: SekishoError = MethodNotAllowed(f"{method} is not served at {path[:200]}; use {allowed}.")
            answer.headers.append((b"allow", allowed.encode()))
        else:
            dialect = dialect_of(next((name for part, name in _SUGGESTS if part in path), "openai-chat"), "generate")
            error = RouteNotFound(f"Nothing is served at {method} {path[:200]}.", code="not_found")
        await _render(answer, dialect, error.info)


#: What a part of a path that is not served suggests of its caller.
_SUGGESTS = (
    ("/messages", "anthropic-messages"),
    ("/model/", "bedrock-converse"),
    ("/v1beta", "gemini-generate"),
    ("/publishers/", "gemini-generate"),
)


def _call(surface: Surface, model: str | None, scope: Scope, answer: Answer, gateway: Gateway) -> Call:
    headers, name = _headers(scope), surface.dialect
    if surface.dialect.startswith("gemini-generate") and scope["query_string"]:
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        headers = {"x-goog-api-key": asked["key"][-1]} | headers if asked.get("key") else headers
        name = "gemini-generate" if asked.get("alt") == ["sse"] else name
    says = NOTHING_SAID if model is None and surface.stream is None else PathSays(model, surface.stream)
    return Call(
        request_id=answer.request_id,
        started_us=gateway.clock.now_us(),
        dialect=dialect_of(name, surface.operation),
        operation=surface.operation,
        headers=headers,
        body=b"",
        answer=answer,
        path=says,
    )


def _raw_path(scope: Scope) -> bytes:
    """The path as it was sent; ASGI leaves it to the server whether to tell it."""
    raw: bytes | None = scope.get("raw_path")
    return scope["path"].encode() if raw is None else raw


def _verify(scope: Scope, body: bytes, gateway: Gateway) -> None:
    """That the holder of the pair which the request names has signed it. Raises Unauthenticated."""
    signed = SignedRequest(
        method=scope["method"],
        raw_path=_raw_path(scope),
        query_string=scope["query_string"],
        headers=scope["headers"],
        body=body,
    )
    gateway.access_keys.used(verify(signed, gateway.access_keys.secret_of, gateway.clock.now_us()))


async def _render(answer: Answer, dialect: Dialect, error: ErrorInfo) -> None:
    status, body = dialect.render_error(error, answer.request_id)
    await answer.whole(status, [JSON, *dialect.error_headers(error)], body)


def _headers(scope: Scope) -> dict[str, str]:
    """Header names are lower case already; of a repeated one the last counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
