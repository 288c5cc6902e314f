"""Callers whom a company's own function recognises.

Flows in: a request. Flows out: a Principal, or Unauthenticated in words that tell nothing of how the function failed.
Must stay true: the function never sees the master key, and cannot become it; it is waited for so long and no longer;
its answer is kept for another call only if the function says for how long (`cache_seconds`).
"""

from __future__ import annotations

import asyncio
import hmac
import importlib
import logging
from collections.abc import Mapping
from typing import Any, Literal

from sekisho.core.clock import Clock
from sekisho.core.errors import Overloaded, Unauthenticated
from sekisho.identity.credential import KeyCallers, ReadBody, Scope, find_token
from sekisho.identity.custom.answer import MalformedAnswer, Said, said_of
from sekisho.identity.custom.bound import BoundCallers
from sekisho.identity.custom.load import Function, cache_seconds_of, place_of
from sekisho.identity.custom.thread import FunctionThread
from sekisho.identity.keys import Principal, token_hash
from sekisho.identity.lru import Lru
from sekisho.identity.sigv4 import is_signed
from sekisho.plugins.authentication import Refused

log = logging.getLogger("sekisho.identity")

Mode = Literal["on", "auto"]
#: Answers kept at once, where the function allows it.
_KEPT = 20_000
#: Kinds of failure named in the log, each once.
_NAMED_MAX = 200
#: What a refusal by the function may be answered with.
_STATUSES = frozenset({400, 401, 403, 429})
_MESSAGE_CHARS = 500


class CustomCallers:
    """One a configuration. In mode "auto" whom the function does not know may show a virtual key."""

    def __init__(
        self, function: Function, by_keys: KeyCallers, bound: BoundCallers, clock: Clock, *, mode: Mode, seconds: float
    ) -> None:
        self._thread = FunctionThread(function)
        self._by_keys = by_keys
        self._bound = bound
        self._clock = clock
        self._mode = mode
        self._seconds = seconds
        self._keep_us = round(cache_seconds_of(function) * 1_000_000)
        #: Hash of what was shown -> (until, answer).
        self._kept = Lru[str, tuple[int, Said]](_KEPT)
        self._named: set[str] = set()

    async def by_key(self, headers: Mapping[str, str], scope: Scope | None = None) -> Principal:
        """See Callers. The function sees no body."""
        if is_signed(headers):
            raise _unsigned()
        return await self._recognise(headers, scope, None)

    async def recognise(
        self, headers: Mapping[str, str], scope: Scope | None = None, body: ReadBody | None = None
    ) -> Principal:
        """See Callers. Access-key pairs stand for virtual keys, and are good where those are."""
        if not is_signed(headers):
            return await self._recognise(headers, scope, body)
        if self._mode == "on":
            raise _unsigned()
        return await self._by_keys.recognise(headers)

    def close(self) -> None:
        """Another configuration has taken its place; what is being asked is still answered."""
        self._thread.close()

    async def _recognise(self, headers: Mapping[str, str], scope: Scope | None, body: ReadBody | None) -> Principal:
        token = find_token(headers, self._by_keys.key_header) or ""
        shown = token_hash(token)
        if hmac.compare_digest(shown, self._by_keys.keys.master.key_hash):
            return self._by_keys.keys.master
        reading = _Body(body)
        try:
            return await self._whose(token, shown, _request_of(scope or {}, reading))
        finally:
            await reading.end()

    async def _whose(self, token: str, shown: str, request: Any) -> Principal:
        try:
            answer = await self._answer(token, shown, request)
            return await self._principal(answer, shown)
        except (Unauthenticated, Overloaded):
            principal = await self._by_keys.keys.seek(token) if self._mode == "auto" and token else None
            if principal is None:
                raise
            return principal

    async def _answer(self, token: str, shown: str, request: Any) -> Said | str:
        """What the function says. Raises Unauthenticated, or Overloaded where it says nothing in time."""
        now_us = self._clock.monotonic_us()
        until_us, kept = self._kept.get(shown) or (0, None)
        if kept is not None and until_us > now_us:
            return kept
        try:
            answer = await self._thread.call(self._seconds, request, token)
        except TimeoutError:
            self._name(f"no answer within {self._seconds:g} s")
            raise Overloaded("Who calls cannot be known now. Try again shortly.", retry_after_seconds=1) from None
        except Overloaded:
            raise
        except Exception as error:
            raise self._refusal(error) from None
        if isinstance(answer, str) and answer:
            return answer
        if answer is None or isinstance(answer, (bool, str)):
            raise _unknown()
        try:
            said = said_of(answer)
        except MalformedAnswer as error:
            raise self._not_taken(error) from None
        if self._keep_us and token:
            self._kept.put(shown, (now_us + self._keep_us, said))
        return said

    async def _principal(self, answer: Said | str, shown: str) -> Principal:
        """Of a text, whose virtual key it is. Raises Unauthenticated."""
        if isinstance(answer, Said):
            try:
                return await self._bound.principal(answer, shown)
            except MalformedAnswer as error:
                raise self._not_taken(error) from None
        principal = await self._by_keys.keys.seek(answer)
        if principal is None or principal.is_master:
            raise self._not_taken(MalformedAnswer("it names no virtual key of this gateway"))
        return principal

    def _not_taken(self, error: MalformedAnswer) -> Unauthenticated:
        self._name(f"its answer was not taken: {error}")
        return _unknown()

    def _refusal(self, error: Exception) -> Unauthenticated:
        """What the caller hears: the words that were meant for them, else that they are not known."""
        names = {kind.__name__ for kind in type(error).__mro__}
        message: Any = None
        status: Any = 401
        if isinstance(error, Refused):
            message, status = error.message, error.status
        elif "ProxyException" in names:  # LiteLLM's
            message, status = getattr(error, "message", None), getattr(error, "code", None)
        elif "HTTPException" in names:  # FastAPI's
            message, status = getattr(error, "detail", None), getattr(error, "status_code", None)
        else:
            self._name(place_of(error))
        if not isinstance(message, str) or not message:
            return _unknown()
        number = int(status) if str(status).isdigit() else 401
        status = number if number in _STATUSES else 401
        return Unauthenticated(message[:_MESSAGE_CHARS], code="custom_auth", status=status)

    def _name(self, what: str) -> None:
        """A line in the log, once for each kind: strangers must not fill it."""
        if what not in self._named and len(self._named) < _NAMED_MAX:
            self._named.add(what)
            log.warning("custom_auth refused a caller: %s (not said again)", what)


class _Body:
    """The body of a request, read when the function asks for it, on the gateway's own event loop."""

    def __init__(self, read: ReadBody | None) -> None:
        self._read = read
        self._home = asyncio.get_running_loop()
        self._reading: asyncio.Future[bytes] | None = None

    async def receive(self) -> dict[str, Any]:
        """ASGI's, on the function's event loop."""
        body = b""
        if self._read is not None:
            body = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._once(), self._home))
        return {"type": "http.request", "body": body, "more_body": False}

    async def end(self) -> None:
        """What was begun to be read is read to its end, whatever became of the function: it cannot be read again."""
        if self._reading is not None:
            await self._reading

    async def _once(self) -> bytes:
        if self._reading is None and self._read is not None:
            self._reading = asyncio.ensure_future(self._read())
        return await asyncio.shield(self._reading) if self._reading is not None else b""


def _request_of(scope: Scope, body: _Body) -> Any:
    """The request as FastAPI gives it to LiteLLM's functions: Starlette's own, imported by who uses it."""
    shown = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []} | dict(scope)
    shown |= {"type": "http", "state": {}}
    return importlib.import_module("starlette.requests").Request(shown, body.receive)


def _unsigned() -> Unauthenticated:
    return Unauthenticated("Signed requests are not taken here: send a key.", code="invalid_api_key")


def _unknown() -> Unauthenticated:
    return Unauthenticated("Authentication Error, this caller is not known to the gateway.", code="invalid_api_key")
