"""What was said on one WebSocket, so that a turn may name the answer it goes on from and send only what is new.

Flows in: the messages of a client (`response.create`) and the answers to them. Flows out: bodies as POST takes them,
with the whole input, so that every upstream can serve every turn. Must stay true: what a client wrote reaches the body
byte by byte; memory is bounded for one connection and over all of them, and what was forgotten is refused by the code
upon which clients send everything again. Source: OpenAI's guide "WebSocket mode", "Responses: client events".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from sekisho.core import bounds
from sekisho.core.errors import CallerError, MalformedRequest
from sekisho.wire.json_edit import JsonObject

CREATE = "response.create"
#: A client's receipt for an answer: nothing is to be done about it.
RECEIPT = "response.processed"
#: What only a message says; a body has no place for it.
_OF_THE_MESSAGE = ("type", "previous_response_id", "generate")


class Turn(msgspec.Struct, frozen=True):
    """One `response.create`: the body to serve, and what there is to remember once it is answered.

    `warm_up`: the client wants the turn made ready, and no answer. `stem`: of the conversation so many pieces stand
    before `said`, the new items. `stored`: the provider may keep the items of the answer.
    """

    body: bytes
    warm_up: bool
    stem: int
    said: bytes
    stored: bool


class Conversation:
    """The input and the answers of one connection, in pieces of JSON items, joined by commas."""

    __slots__ = ("_ends", "_pieces", "size_bytes")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        #: The id of an answer -> how many pieces led to it, itself included.
        self._ends: dict[str, int] = {}
        self.size_bytes = 0

    def turn(self, message: bytes) -> Turn:
        """What a message asks for. Raises CallerError naming the field."""
        asked = JsonObject(message)
        kind = _text(asked, "type")
        if kind != CREATE:
            raise MalformedRequest(f"'type' must be '{CREATE}'; '{(kind or '')[:60]}' is not served.", param="type")
        for name in ("background", "stream_id"):
            if bytes(asked.values.get(name, b"null")) not in (b"null", b"false"):
                raise MalformedRequest(
                    f"'{name}' is not served over a WebSocket: one connection has one turn at a time.", param=name
                )
        previous = _text(asked, "previous_response_id")
        said = _items(asked.values.get("input"))
        changes: dict[str, bytes | None] = dict.fromkeys(_OF_THE_MESSAGE)
        changes["stream"] = b"true"
        stem = 0
        if previous is not None:
            stem = self._end_of(previous)
            changes["input"] = b"[%b]" % b",".join(filter(None, (*self._pieces[:stem], said)))
        return Turn(
            body=asked.edited(changes),
            warm_up=_flag(asked, "generate") is False,
            stem=stem,
            said=said,
            stored=_flag(asked, "store") is not False,
        )

    def remember(self, turn: Turn, response_id: str, output: Iterable[bytes]) -> None:
        """The turn was answered by these items; a later turn may go on from it. Later answers than the one it went on
        from are forgotten: a connection has one conversation.
        """
        answer = b",".join(item for item in output if turn.stored or not _means_nothing_later(item))
        del self._pieces[turn.stem :]
        self._ends = {name: end for name, end in self._ends.items() if end <= turn.stem}
        self._pieces += filter(None, (turn.said, answer))
        self._ends[response_id] = len(self._pieces)
        self.size_bytes = sum(map(len, self._pieces))

    def forget(self) -> None:
        """Nothing was said."""
        self._pieces, self._ends, self.size_bytes = [], {}, 0

    def _end_of(self, response_id: str) -> int:
        end = self._ends.get(response_id)
        if end is None:
            raise CallerError(
                f"Previous response with id '{response_id[:80]}' not found: send the whole input, without "
                "previous_response_id.",
                code="previous_response_not_found",
                param="previous_response_id",
            )
        return end


class Memory:
    """The conversations of all connections: beyond its bound, those that were quiet for longest are forgotten."""

    __slots__ = ("_kept", "_limit_bytes", "size_bytes")

    def __init__(self, limit_bytes: int = bounds.CONVERSATIONS_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[Conversation, int] = OrderedDict()
        self.size_bytes = 0

    def keep(self, conversation: Conversation) -> None:
        """It has grown, or begun anew."""
        self.let_go(conversation)
        self._kept[conversation] = conversation.size_bytes
        self.size_bytes += conversation.size_bytes
        while self.size_bytes > self._limit_bytes:
            oldest, size_bytes = self._kept.popitem(last=False)
            self.size_bytes -= size_bytes
            oldest.forget()

    def let_go(self, conversation: Conversation) -> None:
        """Its connection is over."""
        self.size_bytes -= self._kept.pop(conversation, 0)


class _Thought(msgspec.Struct):
    type: str | None = None
    encrypted_content: str | None = None


def _means_nothing_later(item: bytes) -> bool:
    """A thought of which only the provider knows what its id stands for, and was asked not to keep it."""
    thought = msgspec.json.decode(item, type=_Thought)
    return thought.type == "reasoning" and thought.encrypted_content is None


def _items(value: msgspec.Raw | None) -> bytes:
    """The items of an `input`, joined by commas: a text is one item of the user's."""
    text = bytes(value or b"").strip()
    if text.startswith(b'"'):
        return b'{"type":"message","role":"user","content":%b}' % text
    if not text or text == b"null":
        return b""
    if not text.startswith(b"["):
        raise MalformedRequest("'input' must be a string or a list of items.", param="input")
    return text[1:-1].strip()


def _text(asked: JsonObject, name: str) -> str | None:
    try:
        return msgspec.json.decode(asked.values.get(name, b"null"), type=str | None)
    except msgspec.DecodeError:
        raise MalformedRequest(f"'{name}' must be text.", param=name) from None


def _flag(asked: JsonObject, name: str) -> bool | None:
    try:
        return msgspec.json.decode(asked.values.get(name, b"null"), type=bool | None)
    except msgspec.DecodeError:
        raise MalformedRequest(f"'{name}' must be true or false.", param=name) from None
