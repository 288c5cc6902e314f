"""How a stream's events travel: as they are, as chunks of an AWS event stream, or as one JSON array.

Flows in: the pieces of a stream as server-sent events. Flows out: the same pieces in the framing of the path that was
asked. Must stay true: a piece stays a piece, so that a script's faults fall on the same event in every framing.
"""

from __future__ import annotations

import msgspec

from sekisho.providers.fake import converse, frames
from sekisho.providers.fake.answer import Answer, Piece
from sekisho.providers.fake.paths import Framing

_DONE = b"[DONE]"
_ARRAY_GARBAGE = b',\r\n{"half an object": \xff\xfe'
_SSE_GARBAGE = b'data: {"half an object": \xff\xfe\n\n'

CONTENT_TYPES: dict[Framing, str] = {
    "sse": "text/event-stream; charset=utf-8",
    "aws": "application/vnd.amazon.eventstream",
    "chunks": "application/vnd.amazon.eventstream",
    "array": "application/json; charset=UTF-8",
}
#: A broken event of each.
GARBAGE: dict[Framing, bytes] = {
    "sse": _SSE_GARBAGE,
    "aws": frames.CORRUPT,
    "chunks": frames.CORRUPT,
    "array": _ARRAY_GARBAGE,
}


def framed(pieces: list[Piece], framing: Framing, answer: Answer) -> list[Piece]:
    """The pieces of a stream in `framing`."""
    if framing == "chunks":
        return _chunks(pieces, answer)
    if framing == "array":
        return _array(pieces)
    return pieces


def framed_error(data: bytes, framing: Framing, after: int) -> bytes:
    """The event that fails a stream after so many pieces. `data` is what the template says."""
    if framing != "array":
        return data
    return (b",\r\n" if after else b"[") + _data_of(data) + b"\r\n]"


def _chunks(pieces: list[Piece], answer: Answer) -> list[Piece]:
    """Bedrock sends no signs of life and no `[DONE]`; the last event has what it counted."""
    datas = [(_data_of(piece.data), piece.spoken) for piece in pieces if not _is_ping(piece.data)]
    datas = [(data, spoken) for data, spoken in datas if data != _DONE]
    if answer.tells_usage:
        last, spoken = datas.pop()
        counted = msgspec.json.decode(last) | {"amazon-bedrock-invocationMetrics": converse.metrics(answer)}
        datas.append((msgspec.json.encode(counted), spoken))
    return [Piece(frames.chunk(data), spoken) for data, spoken in datas]


def _array(pieces: list[Piece]) -> list[Piece]:
    out = [
        Piece((b",\r\n" if number else b"[") + _data_of(piece.data), piece.spoken)
        for number, piece in enumerate(pieces)
    ]
    return [*out[:-1], Piece(out[-1].data + b"\r\n]", out[-1].spoken)]


def _is_ping(event: bytes) -> bool:
    return event.startswith(b"event: ping")


def _data_of(event: bytes) -> bytes:
    return event.partition(b"data: ")[2].strip()
