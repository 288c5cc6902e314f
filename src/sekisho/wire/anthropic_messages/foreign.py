"""Takes thoughts that are not Claude's out of a request that Anthropic's API has refused for them.

Flows in: a body whose earlier answers may have come from another provider: their thoughts carry our seal, or no
signature, and the API refuses the whole request for either. Flows out: the body without those blocks. Must stay true:
a body without them is the same object; what is no such thought stays (wire/foreign.py).
"""

from __future__ import annotations

import re

import msgspec

from sekisho.canonical.seal import PREFIX
from sekisho.core.errors import ErrorInfo
from sekisho.wire.foreign import Unwanted, without_blocks

_SEAL = PREFIX.encode()
_UNSIGNED = re.compile(rb'"signature"\s*:\s*""')


class _Thought(msgspec.Struct, frozen=True):
    type: str = ""
    signature: str = ""
    data: str = ""


_thought_decoder = msgspec.json.Decoder(_Thought)


def without_foreign_thoughts(body: bytes) -> bytes:
    """Raises MalformedRequest only where `body` is no JSON object, or has a key twice."""
    return without_blocks(body, _FOREIGN)


def mend(body: bytes, error: ErrorInfo) -> bytes | None:
    """The request without foreign thoughts, when that is why it was refused; None when there is nothing to mend."""
    if error.status != 400 or "signature" not in error.message.lower():
        return None
    mended = without_foreign_thoughts(body)
    return None if mended is body else mended


def _may_hold_any(body: bytes) -> bool:
    return _SEAL in body or _UNSIGNED.search(body) is not None


def _is_foreign(block: msgspec.Raw) -> bool:
    try:
        thought = _thought_decoder.decode(block)
    except msgspec.DecodeError:
        return False
    if thought.type == "redacted_thinking":
        return thought.data.startswith(PREFIX)
    return thought.type == "thinking" and (not thought.signature or thought.signature.startswith(PREFIX))


_FOREIGN = Unwanted(_may_hold_any, _is_foreign)
