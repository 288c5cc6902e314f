"""AWS's event stream as bytes (Smithy: Amazon Event Stream Specification), written apart from the gateway's own codec.

Flows in: the name of an event and its JSON. Flows out: one message with both its checksums.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import msgspec

_TEXT_HEADER = 7
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message."""
    head = bytearray()
    for name, value in headers.items():
        head += len(name).to_bytes(1, "big") + name.encode() + bytes([_TEXT_HEADER])
        head += len(value).to_bytes(2, "big") + value.encode()
    prelude = (16 + len(head) + len(payload)).to_bytes(4, "big") + len(head).to_bytes(4, "big")
    message = prelude + zlib.crc32(prelude).to_bytes(4, "big") + head + payload
    return message + zlib.crc32(message).to_bytes(4, "big")


def event(name: str, payload: dict[str, Any]) -> bytes:
    """An event, with the padding `p` by which Bedrock hides how long an answer's pieces are."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    data = msgspec.json.encode(payload)
    padded = payload | {"p": _PADDING[: len(data) * 7 % len(_PADDING)]}
    return frame(headers, msgspec.json.encode(padded))


def chunk(data: bytes) -> bytes:
    """A vendor's event in InvokeModelWithResponseStream."""
    return event("chunk", {"bytes": base64.b64encode(data).decode()})


def exception(name: str, message: str) -> bytes:
    """An error inside a stream; `name` as outside of one."""
    kind = name[:1].lower() + name[1:]
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, msgspec.json.encode({"message": message}))


#: A message whose payload is not what its checksum says.
CORRUPT = frame({":event-type": "chunk", ":message-type": "event"}, b'{"bytes":"e30="}')[:-1] + b"\xff"
