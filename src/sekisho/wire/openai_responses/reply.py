"""A whole answer of the Responses API, read and written.

Flows in: a provider's body, or a canonical Reply with the caller's own request. Flows out: the other of the two. Must
stay true: a body reads as the stream of the same answer folds; a written body is what the stream writer ends with.
"""

from __future__ import annotations

from sekisho.canonical.events import Citation
from sekisho.canonical.fold import unfold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Part, Refusal, Request, ToolCall
from sekisho.core.errors import UpstreamProtocolError, UpstreamRefused
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.openai_responses.errors import error_info
from sekisho.wire.openai_responses.schema import (
    CallItem,
    MessageItem,
    WireError,
    WireResponse,
    decode,
    decode_item,
    parts_of,
)
from sekisho.wire.openai_responses.writer import StreamWriter

#: States of a response that will come to no answer.
_OVER = frozenset({"failed", "cancelled"})
_WAITING = frozenset({"queued", "in_progress"})


def decode_reply(body: bytes) -> Reply:
    """A provider's body -> Reply. Raises UpstreamRefused for a failed response, UpstreamProtocolError."""
    response = decode(body, WireResponse)
    if response.status in _OVER or response.error is not None:
        raise UpstreamRefused(error_info(response.error or WireError(message=f"The response was {response.status}.")))
    if response.status in _WAITING or response.output is None:
        raise UpstreamProtocolError("The provider sent no finished response.")
    parts: list[Part] = []
    citations: list[tuple[int, Citation]] = []
    for raw in response.output:
        item = decode_item(raw)
        for part, notes in parts_of(item) if item is not None else ():
            citations += [(len(parts), note.citation()) for note in notes]
            parts.append(part)
    return Reply(
        id=response.id or "",
        model=response.model or "",
        parts=tuple(parts),
        stop=response.stop(
            called=any(isinstance(part, ToolCall) for part in parts),
            refused=any(isinstance(part, Refusal) for part in parts),
        ),
        usage=response.counted,
        created_seconds=response.created_seconds,
        citations=tuple(citations),
    )


def encode_reply(reply: Reply, request: Request) -> bytes:
    """A Reply -> the response object for the caller of `request`."""
    writer = StreamWriter(request)
    for event in unfold(reply):
        writer.write(event)
    return bytes(writer.final)


def read_facts(body: bytes) -> ReplyFacts:
    """What the ledger wants of a body that passes unchanged; empty facts for what is no response."""
    try:
        response = decode(body, WireResponse)
        items = [decode_item(raw) for raw in response.output or []]
    except UpstreamProtocolError:
        return ReplyFacts()
    return ReplyFacts(
        usage=response.counted,
        served_model=response.model,
        text_bytes=sum(_text_bytes(item) for item in items if isinstance(item, (MessageItem, CallItem))),
    )


def _text_bytes(item: MessageItem | CallItem) -> int:
    if isinstance(item, CallItem):
        return len(item.text().encode())
    return sum(len((piece.text or piece.refusal or "").encode()) for piece in item.content or [])
