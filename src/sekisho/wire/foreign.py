"""Takes blocks out of the messages of a request that goes to its provider unchanged otherwise.

Flows in: a body with `messages[].content[]`, and which blocks have to go. Flows out: the body without those blocks, and
without the messages that held nothing else. Must stay true: a body without any is the same object; every other message
keeps its own bytes, because prompt caches live on them.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sekisho.wire.json_edit import JsonObject

_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])


class Unwanted(msgspec.Struct, frozen=True):
    """Blocks that have to go. `may_hold` is quick and may be wrong; `is_one` looks at a block and is right."""

    may_hold: Callable[[bytes], bool]
    is_one: Callable[[msgspec.Raw], bool]


def without_blocks(body: bytes, unwanted: Unwanted) -> bytes:
    """Raises MalformedRequest only where `body` is no JSON object, or has a key twice.

    Looking through a body costs about 0.7 µs a kB, so this is for a request that its provider has refused.
    """
    if not unwanted.may_hold(body):
        return body
    whole = JsonObject(body)
    try:
        messages = [bytes(raw) for raw in _list_decoder.decode(whole.values.get("messages", b"[]"))]
    except msgspec.DecodeError:
        return body
    kept = [message for raw in messages if (message := _message(raw, unwanted)) is not None]
    return body if kept == messages else whole.edited({"messages": b"[" + b",".join(kept) + b"]"})


def _message(raw: bytes, unwanted: Unwanted) -> bytes | None:
    """The message without such blocks; None when it held nothing else."""
    if not raw.startswith(b"{") or not unwanted.may_hold(raw):
        return raw
    message = JsonObject(raw)
    try:
        blocks = _list_decoder.decode(message.values.get("content", b""))
    except msgspec.DecodeError:
        return raw
    kept = [bytes(block) for block in blocks if not unwanted.is_one(block)]
    if len(kept) == len(blocks):
        return raw
    return message.edited({"content": b"[" + b",".join(kept) + b"]"}) if kept else None
