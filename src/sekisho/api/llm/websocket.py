"""Responses over a WebSocket: each `response.create` is a call of its own, through all stations.

Flows in: an accepted WebSocket. Flows out: one text message for each event of a turn's stream; a turn that is refused
gets one `error` event with the HTTP status it would have had. Must stay true: one turn at a time, the key looked at in
each; a client who leaves is noticed at once, also while nothing is being written; what waits counts as a body held.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import msgspec

from sekisho.api.llm.body import BodyBudget
from sekisho.api.llm.conversation import RECEIPT, Conversation, Memory, Turn
from sekisho.core.errors import BodyTooLarge, ErrorClass, MalformedRequest, Overloaded, UpstreamProtocolError
from sekisho.core.ids import new_uuid7
from sekisho.exchange.answer import Answer, Receive, Send
from sekisho.exchange.call import Call
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.run import run
from sekisho.exchange.warm_up import OPERATION as WARM_UP
from sekisho.exchange.watchdog import own_task
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.registry import dialect_of
from sekisho.wire.sse import SSE_TYPE, SseReader

DIALECT = "openai-responses"
#: From the server's protocol: the gateway is being stopped, a turn in flight may end.
STOPPING = "sekisho.stopping"
#: A connection on which nothing was asked for so long is closed; agents open another when they need it.
IDLE_SECONDS = 15 * 60.0
#: Messages that may wait while a turn is served.
WAITING_MAX = 8
#: RFC 6455, section 7.4.1, and IANA's registry of close codes.
NORMAL, POLICY_VIOLATION, SERVICE_RESTART, TRY_AGAIN_LATER = 1000, 1008, 1012, 1013
STOPPED = (SERVICE_RESTART, "The gateway is being stopped: connect again.")
#: A receipt is not longer.
_RECEIPT_BYTES = 1024
_DONE = b"[DONE]"
_FINAL = frozenset({b"response.completed", b"response.incomplete"})


class Line:
    """The connection itself: always listened to, because only then a client who leaves is noticed."""

    __slots__ = ("_budget", "_news", "_receive", "_send", "_waiting", "closing", "gone")

    def __init__(self, receive: Receive, send: Send, budget: BodyBudget) -> None:
        self._receive = receive
        self._send = send
        self._budget = budget
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.gone = asyncio.Event()
        #: (code, reason) with which the connection is to end after the present turn.
        self.closing: tuple[int, str] | None = None

    async def listen(self) -> None:
        """Take messages until the client leaves; run as a task beside the turns."""
        while not self.gone.is_set():
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.gone.set()
            elif message["type"] == STOPPING:
                self.closing = STOPPED
            elif message["type"] == "websocket.receive":
                self._take(message)
            self._news.set()

    def _take(self, message: MutableMapping[str, Any]) -> None:
        text = message.get("text")
        data: bytes = text.encode() if text is not None else message["bytes"]
        try:
            self._budget.take(len(data))
        except Overloaded as error:
            self._refuse(error.info.message)
            return
        self._waiting.append(data)
        if len(self._waiting) > WAITING_MAX:
            self._refuse("Too many messages wait: send the next one when a turn has ended.")

    def _refuse(self, reason: str) -> None:
        """The connection cannot go on, nor the present turn."""
        self.closing = (TRY_AGAIN_LATER, reason)
        self.gone.set()

    async def next(self, within_seconds: float) -> bytes | None:
        """The next message; None when there will be none, or none came in this time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                while not (self._waiting or self.gone.is_set() or self.closing):
                    self._news.clear()
                    await self._news.wait()
        if self.gone.is_set() or self.closing or not self._waiting:
            return None
        return self._waiting.popleft()

    async def hung_up(self) -> MutableMapping[str, Any]:
        """The client has left, as HTTP would say it."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def say(self, text: str) -> None:
        """One message; nothing to a client who has left."""
        if not self.gone.is_set():
            try:
                await self._send({"type": "websocket.send", "text": text})
            except OSError:  # the server's word for it
                self.gone.set()

    async def end(self) -> None:
        """Close, where somebody is there to hear it, and give back what was held."""
        self._budget.give_back(sum(map(len, self._waiting)))
        self._waiting.clear()
        code, reason = self.closing or (NORMAL, "Nothing was asked for a while: connect again.")
        if self.closing is not None or not self.gone.is_set():
            with suppress(OSError):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})


class _Item(msgspec.Struct):
    item: msgspec.Raw


class _Response(msgspec.Struct):
    id: str | None = None
    output: list[msgspec.Raw] = []


class _End(msgspec.Struct):
    response: _Response


class _Refused(msgspec.Struct):
    error: Any = None


class _Typed(msgspec.Struct):
    type: str = ""


class Told:
    """Takes the ASGI messages of an HTTP answer, says them as messages of the WebSocket, and keeps what the next turn
    needs: the answer's id and items.
    """

    __slots__ = ("_error", "_failed_status", "_head", "_line", "_sse", "items", "response_id", "turn")

    def __init__(self, line: Line, failed_status: Callable[[], int]) -> None:
        self._line = line
        self._failed_status = failed_status
        self._head: MutableMapping[str, Any] = {}
        self._sse: SseReader | None = None
        #: The body of an answer that is no stream.
        self._error = b""
        #: What is being answered, once it is understood.
        self.turn: Turn | None = None
        #: Set when the answer is complete.
        self.response_id: str | None = None
        self.items: list[bytes] = []

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start":
            self._head = message
            kind = dict(message["headers"]).get(b"content-type", b"")
            self._sse = SseReader() if kind.startswith(SSE_TYPE.encode()) else None
        elif self._sse is not None:
            await self._say_all(message["body"], last=not message["more_body"])
        else:
            self._error += message["body"]
            if not message["more_body"]:
                await self._line.say(self._refusal())

    async def _say_all(self, data: bytes, *, last: bool) -> None:
        sse = self._sse or SseReader()
        try:
            events = sse.feed(data) + (sse.close() if last else [])
        except UpstreamProtocolError:
            self._sse = SseReader()  # what is left of the event is not said; that it failed is
            raise
        for name, event in events:
            if event == _DONE:  # some servers end every stream as chats end
                continue
            await self._line.say(self._seen(name or _type_of(event), event).decode("utf-8", "replace"))

    def _seen(self, name: bytes, event: bytes) -> bytes:
        """`event` as it is to be said."""
        if name == b"error":
            return self._with_status(event)
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if name == b"response.output_item.done":
                self.items.append(bytes(msgspec.json.decode(event, type=_Item).item))
            elif name in _FINAL:
                response = msgspec.json.decode(event, type=_End).response
                self.response_id = response.id
                self.items = self.items or [bytes(item) for item in response.output]
        return event

    def _with_status(self, event: bytes) -> bytes:
        """Clients tell a refusal by its status from an event that they may pass over, and would wait for more."""
        with suppress(MalformedRequest):
            said = JsonObject(event)
            if "status" not in said.values:
                return said.edited({"status": b"%d" % self._failed_status()})
        return event

    def _refusal(self) -> str:
        """The answer to a turn that never became a stream, as an event."""
        error: Any = None
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            error = msgspec.json.decode(self._error, type=_Refused).error
        if not isinstance(error, dict):
            error = {"message": str(error or "The provider refused this and did not say why.")}
        headers = {
            name.decode(): value.decode("latin-1")
            for name, value in self._head["headers"]
            if not name.startswith(b"content-")
        }
        flat = {name: error.get(name) for name in ("code", "message", "param")}
        status = self._head["status"]
        event = {"type": "error", "status": status, **flat, "error": error, "headers": headers, "sequence_number": 0}
        return msgspec.json.encode(event).decode()


def _type_of(event: bytes) -> bytes:
    """For providers that do not name their events."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(event, type=_Typed).type.encode()
    return b""


class Connection:
    """One accepted WebSocket, turn by turn."""

    def __init__(
        self,
        line: Line,
        asked: tuple[dict[str, str], Mapping[str, Any]],
        *,
        gateway: Callable[[], Gateway],
        body_limit_bytes: Callable[[], int],
        budget: BodyBudget,
        memory: Memory,
    ) -> None:
        self._line = line
        self._headers, self._scope = asked
        self._gateway = gateway
        self._body_limit_bytes = body_limit_bytes
        self._budget = budget
        self._memory = memory
        self._conversation = Conversation()

    async def serve(self) -> None:
        """Until the client leaves, says nothing for long, or may not go on."""
        listening = asyncio.get_running_loop().create_task(self._line.listen())
        try:
            while (message := await self._line.next(IDLE_SECONDS)) is not None:
                try:
                    if not _is_receipt(message) and not await self._turn(message):
                        return
                finally:
                    self._budget.give_back(len(message))
        finally:
            self._memory.let_go(self._conversation)
            await self._line.end()
            listening.cancel()

    async def _turn(self, message: bytes) -> bool:
        """Serve one turn; whether there may be another."""
        gateway = self._gateway()
        told = Told(self._line, lambda: _status(call))
        answer = Answer(told.send, gateway.clock, new_uuid7())
        call = Call(
            request_id=answer.request_id,
            started_us=gateway.clock.now_us(),
            dialect=dialect_of(DIALECT, "generate"),
            operation="generate",
            headers=self._headers,
            body=b"",
            answer=answer,
            scope=self._scope,
        )

        async def received() -> bytes:
            if told.turn is not None:  # who calls was found out by it
                return told.turn.body
            turn = told.turn = self._read(message)
            if turn.warm_up:
                call.operation = WARM_UP
            answer.in_background(answer.listen(self._line.hung_up))
            return turn.body

        try:
            await run(call, gateway, received)
        finally:
            answer.end_background()
            if told.turn is not None:
                self._budget.give_back(len(told.turn.body))
        if told.turn is not None and told.response_id is not None:
            self._conversation.remember(told.turn, told.response_id, told.items)
            self._memory.keep(self._conversation)
        return self._may_go_on(call)

    def _read(self, message: bytes) -> Turn:
        """The turn, its body held. Raises CallerError or Overloaded."""
        turn = self._conversation.turn(message)
        limit_bytes = self._body_limit_bytes()
        if len(turn.body) > limit_bytes:
            raise BodyTooLarge(
                f"The conversation is larger than {limit_bytes:,} bytes. Begin anew with less, or raise "
                "sekisho.body_limit_mb."
            )
        self._budget.take(len(turn.body))
        return turn

    def _may_go_on(self, call: Call) -> bool:
        if call.error is not None and call.error.error_class is ErrorClass.AUTHENTICATION:
            self._line.closing = (POLICY_VIOLATION, "The key is not valid any more.")
        elif self._line.closing is None and own_task().cancelling():  # which a call takes for its own end only
            self._line.closing = STOPPED
        return call.answer.finished and self._line.closing is None and not self._line.gone.is_set()


def _status(call: Call) -> int:
    """The status that an error inside a stream would have had before it."""
    failed = call.error or (call.passage.failed if call.passage is not None else None)
    return failed.status if failed is not None else 500


def _is_receipt(message: bytes) -> bool:
    return len(message) <= _RECEIPT_BYTES and _type_of(message) == RECEIPT.encode()
