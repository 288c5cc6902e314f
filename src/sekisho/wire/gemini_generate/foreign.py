"""Takes other providers' thoughts out of a request that goes to Gemini unchanged otherwise.

Flows in: a body whose earlier answers may have come from another provider: their thoughts travel as our seal in
`thoughtSignature`, and Gemini refuses the whole request for it. Flows out: the body with Google's word for "no
signature" in their place. Must stay true: every other byte is the caller's own.
"""

from __future__ import annotations

import re

from sekisho.core.errors import ErrorInfo
from sekisho.wire.gemini_generate.signatures import CARRIED_PREFIX, SENTINEL

#: Inside a JSON string the quotes would be escaped, so only the field itself matches.
_CARRIED = re.compile(
    rb'("(?:thoughtSignature|thought_signature)"\s*:\s*)"' + CARRIED_PREFIX.encode() + rb'[A-Za-z0-9+/_=-]*"'
)
_REPLACED = rb'\1"' + SENTINEL.encode() + b'"'


def mend(body: bytes, error: ErrorInfo) -> bytes | None:
    """The request without foreign thoughts, when that is why it was refused; None when there is nothing to mend."""
    if error.status != 400 or "signature" not in error.message.lower():
        return None
    mended, count = _CARRIED.subn(_REPLACED, body)
    return mended if count else None
