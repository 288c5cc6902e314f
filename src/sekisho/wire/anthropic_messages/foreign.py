"""Takes thoughts that are not Claude's out of a request that goes to Anthropic's API unchanged otherwise.

Flows in: a body whose earlier answers may have come from another provider: their thoughts carry our seal, or no
signature, and the API refuses the whole request for either. Flows out: the body without those blocks. Must stay true:
a body without them is the same object; every other message keeps its own bytes, because prompt caches live on them.
"""

from __future__ import annotations

import re

import msgspec

from sekisho.canonical.seal import PREFIX
from sekisho.core.errors import ErrorInfo
from sekisho.wire.json_edit import JsonObject

_SEAL = PREFIX.encode()
_UNSIGNED = re.compile(rb'"signature"\s*:\s*""')


class _Thought(msgspec.Struct, frozen=True):
    type: str = ""
    signature: str = ""
    data: str = ""


_thought_decoder = msgspec.json.Decoder(_Thought)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])


def without_foreign_thoughts(body: bytes) -> bytes:
    """Raises MalformedRequest only where `body` is no JSON object, or has a key twice.

    Looking through a body costs about 0.7 µs a kB, so this is for a request that the API has refused for a signature.
    """
    if not _may_hold_any(body):
        return body
    whole = JsonObject(body)
    try:
        messages = _list_decoder.decode(whole.values.get("messages", b"[]"))
    except msgspec.DecodeError:
        return body
    kept = [message for raw in messages if (message := _message(bytes(raw))) is not None]
    return whole.edited({"messages": b"[" + b",".join(kept) + b"]"}) if "messages" in whole.values else body


def mend(body: bytes, error: ErrorInfo) -> bytes | None:
    """The request without foreign thoughts, when that is why it was refused; None when there is nothing to mend."""
    if error.status != 400 or "signature" not in error.message.lower():
        return None
    mended = without_foreign_thoughts(body)
    return None if mended is body else mended


def _may_hold_any(body: bytes) -> bool:
    return _SEAL in body or _UNSIGNED.search(body) is not None


def _message(raw: bytes) -> bytes | None:
    """The message without such blocks; None when it held nothing else."""
    if not raw.startswith(b"{") or not _may_hold_any(raw):
        return raw
    message = JsonObject(raw)
    try:
        blocks = _list_decoder.decode(message.values.get("content", b""))
    except msgspec.DecodeError:
        return raw
    kept = [bytes(block) for block in blocks if not _is_foreign(block)]
    if len(kept) == len(blocks):
        return raw
    return message.edited({"content": b"[" + b",".join(kept) + b"]"}) if kept else None


def _is_foreign(block: msgspec.Raw) -> bool:
    try:
        thought = _thought_decoder.decode(block)
    except msgspec.DecodeError:
        return False
    if thought.type == "redacted_thinking":
        return thought.data.startswith(PREFIX)
    return thought.type == "thinking" and (not thought.signature or thought.signature.startswith(PREFIX))
