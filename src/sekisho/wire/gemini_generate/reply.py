"""A whole generateContent reply: provider's bytes -> canonical, canonical -> a caller's bytes.

Flows in and out: one JSON object. Must stay true: a whole reply says what a stream of the same contents says; what
goes out is read by Google's own SDK; thoughts of another provider go out sealed, so that they survive the next turn.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.events import Event, Failed, StopReason
from sekisho.canonical.fold import fold, unfold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Request
from sekisho.core.errors import ErrorInfo, UpstreamProtocolError
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.gemini_generate.chunk_reader import ChunkReader, arguments_text
from sekisho.wire.gemini_generate.encode_parts import Json
from sekisho.wire.gemini_generate.errors import read_error
from sekisho.wire.gemini_generate.part_writer import PartWriter
from sekisho.wire.gemini_generate.reply_schema import UNREADABLE, ChunkOut, decode_chunk
from sekisho.wire.gemini_generate.stops import write_stop
from sekisho.wire.gemini_generate.usage import read_usage, write_usage


class _Unreadable(UpstreamProtocolError):
    """Not the bytes of a reply, or one of a shape that is not known yet."""


def _read(body: bytes) -> ChunkOut:
    """The typed reply. Raises UpstreamProtocolError, also for an error that came with status 200."""
    try:
        chunk = decode_chunk(body)
    except UNREADABLE:
        raise _Unreadable("The provider's answer is not a Gemini reply.") from None
    if chunk.error is not None:
        raise _failure(read_error({"error": chunk.error}, 200))
    if not chunk.says_something():
        raise _Unreadable("The provider's answer is not a Gemini reply.")
    return chunk


def _failure(info: ErrorInfo) -> UpstreamProtocolError:
    return UpstreamProtocolError(
        info.message,
        code=info.code,
        status=info.status,
        error_class=info.error_class,
        retry_after_seconds=info.retry_after_seconds,
    )


def decode_reply(body: bytes) -> Reply:
    """The first candidate of a reply. Raises UpstreamProtocolError for other bytes, and for a discarded answer."""
    chunk = _read(body)
    reader, events = ChunkReader(), list[Event]()
    reader.see(chunk, events)
    if not reader.close(events):
        raise UpstreamProtocolError("The provider's answer has no end: it names no finishReason.")
    if isinstance(last := events[-1], Failed):
        raise _failure(last.error)
    return fold(events)


def encode_reply(reply: Reply, request: Request) -> bytes:
    """The reply for the caller who sent `request`."""
    writer = PartWriter(request)
    parts = [part for event in unfold(reply) for part in writer.parts(event)]
    last = writer.last_part()
    content = {"parts": [*parts, last] if last is not None else parts, "role": "model"}
    usage = {} if reply.usage is None else {"usageMetadata": write_usage(reply.usage)}
    candidate = {"content": content, **candidate_end(reply.stop, writer.sources())}
    return msgspec.json.encode({"candidates": [candidate], **usage, **reply_names(reply.model, reply.id)})


def candidate_end(stop: StopReason, sources: Json) -> Json:
    """What stands behind the last part of a candidate."""
    return {"finishReason": write_stop(stop), **sources, "index": 0}


def reply_names(model: str, reply_id: str) -> Json:
    """Who answered, and the answer's id."""
    return {"modelVersion": model, "responseId": reply_id}


def read_facts(body: bytes) -> ReplyFacts:
    """What the ledger wants of a reply that passes unchanged; nothing where it cannot be read.

    Raises UpstreamProtocolError for an error that came with status 200.
    """
    try:
        chunk = _read(body)
    except _Unreadable:
        return ReplyFacts()
    return ReplyFacts(
        usage=read_usage(chunk.usage_metadata),
        served_model=chunk.model_version or None,
        text_bytes=text_bytes(chunk),
    )


def text_bytes(chunk: ChunkOut) -> int:
    """Answer, thought and arguments of all candidates, in bytes of UTF-8."""
    size = 0
    for candidate in chunk.candidates or ():
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            if part.text:
                size += len(part.text) if part.text.isascii() else len(part.text.encode())
            elif part.function_call is not None:
                size += len(arguments_text(part.function_call).encode())
    return size
