"""How the events of a stream are put into bytes: server-sent events, and the two framings of Amazon Bedrock.

In: events. Out: their bytes. What stands around a timestamp is made once, so that a piece costs the provider little.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from sekisho.wire.eventstream import encode_message

Event = dict[str, Any]
#: An event as bytes.
Framing = Callable[[Event], bytes]


def as_sse(event: Event) -> bytes:
    """One server-sent event; the dialects whose events have a type repeat it as the event's name."""
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {_text(event)}\n\n".encode()


def as_message(event: Event) -> bytes:
    """One message of ConverseStream: the event's name is a header."""
    [(name, content)] = event.items()
    return encode_message(_headers(name), _text(content).encode())


def as_chunk(event: Event) -> bytes:
    """One message of InvokeModelWithResponseStream: the model's own event within."""
    inner = base64.b64encode(_text(event).encode()).decode()
    return encode_message(_headers("chunk"), _text({"bytes": inner}).encode())


def timed(framing: Framing, piece: Callable[[str], Event]) -> Callable[[bytes], bytes]:
    """Nanoseconds as text -> the piece that says `t=NANOSECONDS;`."""
    if framing is not as_sse:  # a checksum, or base64, is of the whole
        return lambda now: framing(piece(f"t={now.decode()};"))
    before, after = framing(piece("t=?;")).split(b"?")
    return lambda now: before + now + after


def _headers(name: str) -> dict[str, str]:
    return {":event-type": name, ":content-type": "application/json", ":message-type": "event"}


def _text(event: Event) -> str:
    return json.dumps(event, separators=(",", ":"))
