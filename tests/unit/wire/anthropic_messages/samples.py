"""Small requests, events and streams that the tests of this dialect share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from sekisho.canonical.events import Event
from sekisho.canonical.request import Message, Part, Request, Text
from sekisho.canonical.target import Encoded, Profile, Target
from sekisho.core.errors import SekishoError
from sekisho.wire.anthropic_messages import DIALECT
from sekisho.wire.sse import SseReader, sse_event

BUDGET = Profile(thinking="budget")
ADAPTIVE = Profile(thinking="adaptive", sampling=False, prefill=False)
PLAIN = Profile()


def wire_body(**keys: Any) -> bytes:
    """A minimal valid body with `keys` set; a key given as ... is left out."""
    body = {"model": "claude-x", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}], **keys}
    return msgspec.json.encode({key: value for key, value in body.items() if value is not ...})


def user_blocks(*blocks: dict[str, Any]) -> bytes:
    return wire_body(messages=[{"role": "user", "content": list(blocks)}])


def asked(*messages: Message, **fields: Any) -> Request:
    """A canonical request; without messages a user who says Hi."""
    return Request(model="asked", messages=messages or (said("user", "Hi"),), **fields)


def said(role: Any, *parts: Part | str) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def encoded(request: Request, profile: Profile = PLAIN) -> Encoded:
    return DIALECT.encode_request(request, Target(model="claude-x", profile=profile))


def sent(request: Request, profile: Profile = PLAIN) -> dict[str, Any]:
    """The body as the API gets it."""
    body: dict[str, Any] = msgspec.json.decode(encoded(request, profile).body)
    return body


def dropped(request: Request, profile: Profile = PLAIN) -> tuple[str, ...]:
    return encoded(request, profile).dropped


def stream_of(*events: dict[str, Any]) -> bytes:
    """Events as the API sends them."""
    return b"".join(sse_event(msgspec.json.encode(event), event["type"]) for event in events)


def head(**usage: Any) -> dict[str, Any]:
    counts = {"input_tokens": 3, "output_tokens": 1, **usage}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
    return {"type": "message_start", "message": {**message, "stop_reason": None, "usage": counts}}


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text_block(index: int, *texts: str) -> list[dict[str, Any]]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": text} for text in texts))


def tail(stop: str = "end_turn", **usage: Any) -> list[dict[str, Any]]:
    delta = {"stop_reason": stop, "stop_sequence": None}
    return [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9, **usage}},
        {"type": "message_stop"},
    ]


def status_of(work: Callable[[], object]) -> int:
    """200, or the status of the error that `work` raises; any other exception is a failure of the test."""
    try:
        work()
    except SekishoError as error:
        return error.info.status
    return 200


def read(*chunks: bytes) -> list[Event]:
    reader = DIALECT.stream_reader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()


def written(events: Iterable[Event], request: Request | None = None) -> list[dict[str, Any]]:
    """What a caller reads of `events`; each event's name is its type."""
    writer = DIALECT.stream_writer(request or asked())
    out: Sequence[tuple[bytes, bytes]] = SseReader().feed(b"".join(writer.write(event) for event in events))
    decoded: list[dict[str, Any]] = [msgspec.json.decode(data) for _, data in out]
    assert [name.decode() for name, _ in out] == [event["type"] for event in decoded]
    return decoded
