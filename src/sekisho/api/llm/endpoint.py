"""One ASGI handler for every path that agents call.

Flows in: an ASGI request. Flows out: an answer in the dialect of its path, whatever went wrong. Must stay true: a call
that has a key and a body runs through exchange/run.py, and nothing else speaks to a provider.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from sekisho.api.llm.asked import Asked
from sekisho.api.llm.body import BodyBudget, IncomingBody
from sekisho.api.llm.conversation import Memory
from sekisho.api.llm.info import INFO
from sekisho.api.llm.routes import SURFACES, Found, Routes
from sekisho.api.llm.websocket import Connection, Line
from sekisho.core.errors import (
    ErrorInfo,
    MethodNotAllowed,
    RouteNotFound,
    SekishoError,
    Unauthenticated,
    UpgradeRequired,
)
from sekisho.core.ids import new_uuid7
from sekisho.exchange.answer import Answer, Receive, Send
from sekisho.exchange.call import NOTHING_SAID, Call, PathSays, Surface
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.run import run
from sekisho.identity.sigv4 import SignedRequest, is_signed, signer_of, verify
from sekisho.policy.admit import admit
from sekisho.wire.aws_errors import ERROR_HEADER
from sekisho.wire.dialect import Dialect
from sekisho.wire.registry import dialect_of

Scope = MutableMapping[str, Any]
#: A caller's hanging up is listened for only when a call takes so long: the task costs more than a quick call has left.
LISTEN_AFTER_SECONDS = 0.05
JSON = (b"content-type", b"application/json")


class Endpoint:
    """Serves SURFACES. `gateway` gives the Gateway of the moment; a reload changes what it gives."""

    def __init__(
        self,
        gateway: Callable[[], Gateway],
        body_limit_bytes: Callable[[], int],
        ready: Callable[[], bool],
        public_host: str | None = None,
    ) -> None:
        """`public_host`: under which name callers reach the gateway, where a proxy puts another into `Host`."""
        self._gateway = gateway
        self._body_limit_bytes = body_limit_bytes
        self._ready = ready
        self._public_host = public_host
        self._routes = Routes(SURFACES)
        self._budget = BodyBudget()
        self._memory = Memory()

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

    async def socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket. Who shows no key is refused before it is one."""
        gateway = self._gateway()
        refusal = Answer(_as_refusal(send), gateway.clock, new_uuid7())
        scope = {**scope, "method": "GET"}
        found = self._routes.find(scope["path"], _raw_path(scope))
        surface = found.methods.get("GET") if found is not None else None
        if surface is None or surface.operation != "upgrade":
            await self._misdirected(scope, None, refusal)
            return
        headers = _headers(scope)
        try:
            if is_signed(headers):
                await self._verify(scope, b"", gateway)
            caller = await gateway.callers.recognise(headers, scope)
            admit(caller, None, gateway.clock.now_us())
        except SekishoError as error:
            await _render(refusal, dialect_of(surface.dialect, "generate"), error.info)
            return
        await send({"type": "websocket.accept"})
        line = Line(receive, send, self._budget)
        connection = Connection(
            line,
            (headers, scope),
            gateway=self._gateway,
            body_limit_bytes=self._body_limit_bytes,
            budget=self._budget,
            memory=self._memory,
        )
        await connection.serve()

    async def _serve(self, call: Call, scope: Scope, receive: Receive, gateway: Gateway) -> None:
        incoming = IncomingBody(receive, call.headers, self._body_limit_bytes(), self._budget)

        body: bytes | None = None

        async def received() -> bytes:
            nonlocal body
            if body is not None:  # who calls was found out by it
                return body
            body = await incoming.read()
            if is_signed(call.headers):
                await self._verify_caller(call, scope, incoming.raw, gateway)
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
                answer.headers.append((b"upgrade", b"websocket"))
                raise UpgradeRequired("Responses are served over POST, or over a WebSocket: ask for the upgrade.")
            headers = _headers(scope)
            if is_signed(headers):
                await self._verify(scope, b"", gateway)
            query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
            status, kind, body = await INFO[surface.operation](Asked(gateway, headers, self._ready(), query, scope))
        except SekishoError as error:
            await _render(answer, dialect, error.info)
            return
        await answer.whole(status, [(b"content-type", kind)], body)

    async def _verify_caller(self, call: Call, scope: Scope, body: bytes, gateway: Gateway) -> None:
        """As `_verify`; a call whose signature is not good is nobody's, whatever name it gives."""
        try:
            await self._verify(scope, body, gateway)
        except Unauthenticated:
            call.principal = None
            raise

    async def _verify(self, scope: Scope, body: bytes, gateway: Gateway) -> None:
        """That the holder of the pair which the request names has signed it. Raises Unauthenticated."""
        signed = SignedRequest(
            method=scope["method"],
            raw_path=_raw_path(scope),
            query_string=scope["query_string"],
            headers=scope["headers"],
            body=body,
            public_host=self._public_host,
        )
        await gateway.access_keys.seek(signer_of(_headers(scope)))  # it may have been forgotten while the body came
        gateway.access_keys.used(verify(signed, gateway.access_keys.secret_of, gateway.clock.now_us()))

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
    dialect = dialect_of(name, surface.operation)
    if dialect.error_header == ERROR_HEADER:  # AWS's SDKs show this one
        answer.headers.append((b"x-amzn-requestid", answer.request_id.encode()))
    says = NOTHING_SAID if model is None and surface.stream is None else PathSays(model, surface.stream)
    return Call(
        request_id=answer.request_id,
        started_us=gateway.clock.now_us(),
        dialect=dialect,
        operation=surface.operation,
        headers=headers,
        body=b"",
        answer=answer,
        path=says,
        scope=scope,
    )


def _raw_path(scope: Scope) -> bytes:
    """The path as it was sent; ASGI leaves it to the server whether to tell it."""
    raw: bytes | None = scope.get("raw_path")
    return scope["path"].encode() if raw is None else raw


async def _render(answer: Answer, dialect: Dialect, error: ErrorInfo) -> None:
    status, body = dialect.render_error(error, answer.request_id)
    await answer.whole(status, [JSON, *dialect.error_headers(error)], body)


def _as_refusal(send: Send) -> Send:
    """An HTTP answer to the handshake of a WebSocket (ASGI's extension "websocket.http.response")."""

    async def said(message: MutableMapping[str, Any]) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return said


#: Headers that are lists. Some SDKs repeat them, with a word in each (Anthropic's for Go).
_LISTS = (b"anthropic-beta", b"openai-beta")


def _headers(scope: Scope) -> dict[str, str]:
    """Header names are lower case already; a repeated one is a list, or else the last counts."""
    sent = scope["headers"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent}
    if len(headers) < len(sent):
        for each in _LISTS:
            if values := [value.decode("latin-1") for name, value in sent if name == each]:
                headers[each.decode()] = ",".join(values)
    return headers
