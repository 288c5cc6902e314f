"""Takes thoughts that are not Claude's out of a Converse request that Bedrock has refused for them.

Flows in: a body whose earlier answers may have come from another provider: their thoughts carry our seal, or no
signature, and Claude refuses the whole request for either. Flows out: the body without those blocks. Must stay true:
a body without them is the same object; what is no such thought stays (wire/foreign.py).
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.request import RedactedThinking
from sekisho.canonical.seal import PREFIX
from sekisho.core.errors import ErrorInfo
from sekisho.wire.bedrock_converse.media import read_redacted_content
from sekisho.wire.bedrock_converse.schema import ReasoningIn
from sekisho.wire.foreign import Unwanted, without_blocks


class _Block(msgspec.Struct, frozen=True, rename="camel"):
    reasoning_content: ReasoningIn | None = None


_block_decoder = msgspec.json.Decoder(_Block)


def mend(body: bytes, error: ErrorInfo) -> bytes | None:
    """The request without foreign thoughts, when that is why it was refused; None when there is nothing to mend."""
    if error.status != 400 or "signature" not in error.message.lower():
        return None
    mended = without_blocks(body, _FOREIGN)
    return None if mended is body else mended


def _may_hold_any(body: bytes) -> bool:
    return b'"reasoningContent"' in body


def _is_foreign(block: msgspec.Raw) -> bool:
    try:
        thought = _block_decoder.decode(block).reasoning_content
    except msgspec.DecodeError:
        return False
    if thought is None:
        return False
    if thought.reasoning_text is not None:
        signature = thought.reasoning_text.signature
        return not signature or signature.startswith(PREFIX)
    redacted = thought.redacted_content
    return redacted is not None and read_redacted_content(redacted) != RedactedThinking(redacted)


_FOREIGN = Unwanted(_may_hold_any, _is_foreign)
