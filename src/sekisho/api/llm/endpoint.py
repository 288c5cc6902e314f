"""One ASGI handler for every path that agents call.

Flows in: an ASGI request. Flows out: an answer in the dialect of its path, whatever went wrong. Must stay true: a call
that has a key and a body runs through exchange/run.py, and nothing else speaks to a provider.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, MutableMapping
from typing import Any

from sekisho.api.llm.body import BodyBudget, IncomingBody
from sekisho.api.llm.info import INFO, Asked
from sekisho.api.llm.routes import SURFACES, index
from sekisho.core.errors import ErrorInfo, MethodNotAllowed, RouteNotFound, SekishoError, UpgradeRequired
from sekisho.core.ids import new_uuid7
from sekisho.exchange.answer import Answer, Receive, Send
from sekisho.exchange.call import Call, Surface
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.run import run
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
        self._table = index(SURFACES)
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
        methods = self._table.get(scope["path"])
        surface = methods.get(scope["method"]) if methods else None
        if surface is None:
            await self._misdirected(scope, methods, answer)
        elif surface.operation in INFO or surface.operation == "upgrade":
            await self._inform(surface, scope, answer, gateway)
        else:
            await self._serve(surface, scope, receive, answer, gateway)

    async def _serve(self, surface: Surface, scope: Scope, receive: Receive, answer: Answer, gateway: Gateway) -> None:
        headers = _headers(scope)
        call = Call(
            request_id=answer.request_id,
            started_us=gateway.clock.now_us(),
            dialect=dialect_of(surface.dialect, surface.operation),
            operation=surface.operation,
            headers=headers,
            body=b"",
            answer=answer,
        )
        incoming = IncomingBody(receive, headers, self._body_limit_bytes(), self._budget)

        async def received() -> bytes:
            body = await incoming.read()
            answer.listen_after(LISTEN_AFTER_SECONDS, receive)
            return body

        try:
            await run(call, gateway, received)
        finally:
            answer.end_background()
            incoming.release()

    async def _inform(self, surface: Surface, scope: Scope, answer: Answer, gateway: Gateway) -> None:
        dialect = dialect_of(surface.dialect, "generate")
        try:
            if surface.operation == "upgrade":
                raise UpgradeRequired("Responses are served over POST /v1/responses; WebSocket is not offered.")
            status, kind, body = INFO[surface.operation](Asked(gateway, _headers(scope), self._ready()))
        except SekishoError as error:
            await _render(answer, dialect, error.info)
            return
        await answer.whole(status, [(b"content-type", kind)], body)

    async def _misdirected(self, scope: Scope, methods: dict[str, Surface] | None, answer: Answer) -> None:
        """No such path, or not by this method: said in the dialect that the path suggests."""
        path, method = scope["path"], scope["method"]
        if methods:
            dialect = dialect_of(next(iter(methods.values())).dialect, "generate")
            allowed = ", ".join(methods)
            error: SekishoError = MethodNotAllowed(f"{method} is not served at {path[:200]}; use {allowed}.")
            answer.headers.append((b"allow", allowed.encode()))
        else:
            dialect = dialect_of("anthropic-messages" if "/messages" in path else "openai-chat", "generate")
            error = RouteNotFound(f"Nothing is served at {method} {path[:200]}.", code="not_found")
        await _render(answer, dialect, error.info)


async def _render(answer: Answer, dialect: Dialect, error: ErrorInfo) -> None:
    status, body = dialect.render_error(error, answer.request_id)
    await answer.whole(status, [JSON], body)


def _headers(scope: Scope) -> dict[str, str]:
    """Header names are lower case already; of a repeated one the last counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
