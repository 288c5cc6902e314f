"""Small requests, events and streams that the tests of this dialect share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from sekisho.canonical.events import Event
from sekisho.canonical.request import Message, Part, Request, Text
from sekisho.canonical.target import Encoded, Profile, Target
from sekisho.core.errors import SekishoError
from sekisho.wire.gemini_generate import DIALECT
from sekisho.wire.sse import SseReader

BUDGET = Profile(thinking_budgets=(128, 32_768), prefill=False)
LEVELS = Profile(thinking_levels=("low", "medium", "high"), prefill=False, files_in_results=True, always_thinks=True)
PLAIN = Profile()
HI = [{"role": "user", "parts": [{"text": "Hi"}]}]


def wire_body(**keys: Any) -> bytes:
    """A minimal valid body with `keys` set."""
    return msgspec.json.encode({"contents": HI, **keys})


def decoded(**keys: Any) -> Request:
    return DIALECT.decode_request(wire_body(**keys))


def parts_of(role: str, *parts: dict[str, Any]) -> tuple[Part, ...]:
    """What one content says."""
    return decoded(contents=[{"role": role, "parts": list(parts)}]).messages[0].parts


def asked(*messages: Message, **fields: Any) -> Request:
    """A canonical request; without messages a user who says Hi."""
    return Request(model="asked", messages=messages or (said("user", "Hi"),), **fields)


def said(role: Any, *parts: Part | str) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def encoded(request: Request, profile: Profile = PLAIN) -> Encoded:
    return DIALECT.encode_request(request, Target(model="gemini-x", profile=profile))


def sent(request: Request, profile: Profile = PLAIN) -> dict[str, Any]:
    """The body as the API gets it."""
    body: dict[str, Any] = msgspec.json.decode(encoded(request, profile).body)
    return body


def dropped(request: Request, profile: Profile = PLAIN) -> tuple[str, ...]:
    return encoded(request, profile).dropped


def chunk(*parts: dict[str, Any], finish: Any = None, **keys: Any) -> dict[str, Any]:
    """One chunk of a stream, or a whole reply."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    counts = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    names = {"modelVersion": "gemini-x", "responseId": "r1"}
    return {"candidates": [candidate], "usageMetadata": counts, **names, **keys}


def stream_of(*chunks: dict[str, Any]) -> bytes:
    """Chunks as Google sends them."""
    return b"".join(b"data: " + msgspec.json.encode(one) + b"\r\n\r\n" for one in chunks)


def read(*chunks: bytes) -> list[Event]:
    reader = DIALECT.stream_reader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()


def written(events: Iterable[Event], request: Request | None = None) -> list[dict[str, Any]]:
    """The chunks that a caller reads of `events`."""
    writer = DIALECT.stream_writer(request or asked())
    out = SseReader().feed(b"".join(writer.write(event) for event in events))
    return [msgspec.json.decode(data) for _, data in out]


def status_of(work: Callable[[], object]) -> int:
    """200, or the status of the error that `work` raises; any other exception is a failure of the test."""
    try:
        work()
    except SekishoError as error:
        return error.info.status
    return 200
