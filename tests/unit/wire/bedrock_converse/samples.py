"""Small requests, events and streams that the tests of this dialect share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from sekisho.canonical.events import Event
from sekisho.canonical.request import Message, Part, Request, Text
from sekisho.canonical.target import Encoded, Profile, Target
from sekisho.core.errors import SekishoError
from sekisho.wire.bedrock_converse import DIALECT
from sekisho.wire.eventstream import EventStreamReader, encode_message

CLAUDE = Profile(thinking="budget", own_fields="claude", interleaved_beta=True)
ADAPTIVE = Profile(thinking="adaptive", sampling=False, prefill=False, own_fields="claude")
NOVA = Profile(own_fields="nova", cache_points="text", output_schema=False)
OTHER = Profile(cache_points="nothing")


def wire_body(**keys: Any) -> bytes:
    """A minimal valid body with `keys` set; a key given as ... is left out."""
    body = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], **keys}
    return msgspec.json.encode({key: value for key, value in body.items() if value is not ...})


def user_blocks(*blocks: dict[str, Any]) -> bytes:
    return wire_body(messages=[{"role": "user", "content": list(blocks)}])


def parts_of(*blocks: dict[str, Any]) -> tuple[Part, ...]:
    """What a user message of `blocks` means."""
    return DIALECT.decode_request(user_blocks(*blocks)).messages[0].parts


def asked(*messages: Message, **fields: Any) -> Request:
    """A canonical request; without messages a user who says Hi."""
    return Request(model="asked", messages=messages or (said("user", "Hi"),), **fields)


def said(role: Any, *parts: Part | str) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def encoded(request: Request, profile: Profile = CLAUDE) -> Encoded:
    return DIALECT.encode_request(request, Target(model="m", profile=profile))


def sent(request: Request, profile: Profile = CLAUDE) -> dict[str, Any]:
    """The body as the API gets it."""
    body: dict[str, Any] = msgspec.json.decode(encoded(request, profile).body)
    return body


def dropped(request: Request, profile: Profile = CLAUDE) -> tuple[str, ...]:
    return encoded(request, profile).dropped


def event(kind: str, **payload: Any) -> bytes:
    """One event as Bedrock sends it, its padding included."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encode_message(headers, msgspec.json.encode({**payload, "p": "abcdefg"}))


def delta(index: int, **payload: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=payload)


def block(index: int, *deltas: dict[str, Any], start: dict[str, Any] | None = None) -> bytes:
    begin = b"" if start is None else event("contentBlockStart", contentBlockIndex=index, start=start)
    return (
        begin + b"".join(delta(index, **piece) for piece in deltas) + event("contentBlockStop", contentBlockIndex=index)
    )


def tail(stop: str = "end_turn", **usage: Any) -> bytes:
    counts = {"inputTokens": 3, "outputTokens": 9, "totalTokens": 12, **usage}
    return event("messageStop", stopReason=stop) + event("metadata", usage=counts, metrics={"latencyMs": 7})


HEAD = event("messageStart", role="assistant")


def exception(kind: str, message: str) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return encode_message(headers, msgspec.json.encode({"message": message}))


def read(*chunks: bytes) -> list[Event]:
    reader = DIALECT.stream_reader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()


def written(events: Iterable[Event], request: Request | None = None) -> list[tuple[str, dict[str, Any]]]:
    """What a caller reads of `events`: (kind, payload) of each message."""
    writer = DIALECT.stream_writer(request or asked())
    messages = EventStreamReader().feed(b"".join(writer.write(event) for event in events))
    return [
        (message.header(":event-type") or message.header(":exception-type"), msgspec.json.decode(message.payload))
        for message in messages
    ]


def status_of(work: Callable[[], object]) -> int:
    """200, or the status of the error that `work` raises; any other exception is a failure of the test."""
    try:
        work()
    except SekishoError as error:
        return error.info.status
    return 200
