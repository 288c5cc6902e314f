"""How a thought travels through a caller of another dialect and comes back whole.

A provider's signature means something only to that provider, but its callers must hand it back on the next turn. A
caller of another dialect carries it in its own opaque field (Anthropic `signature` or redacted `data`, Responses
`encrypted_content`, chat `thinking_blocks[].signature`), sealed: a prefix that no provider uses, then base64 of JSON.
Must stay true: `unseal(seal(x)) == x`; what does not carry the prefix is nobody's seal; a seal is not secret and is
not trusted (it only ever goes back to the provider it claims, which checks its own signature).
"""

from __future__ import annotations

import base64

import msgspec

PREFIX = "sekisho.v1."


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's opaque thought. `origin` as in canonical.request.Thinking; `redacted`: Anthropic's own kind."""

    origin: str
    signature: str
    item_id: str | None = None
    redacted: bool = False


_decoder = msgspec.json.Decoder(Sealed)


def seal(thought: Sealed) -> str:
    """A string that any dialect can carry in its opaque field."""
    return PREFIX + base64.b64encode(msgspec.json.encode(thought)).decode("ascii")


def unseal(text: str) -> Sealed | None:
    """The thought inside, or None when `text` is not one of our seals."""
    if not text.startswith(PREFIX):
        return None
    try:
        return _decoder.decode(base64.b64decode(text[len(PREFIX) :], validate=True))
    except (ValueError, msgspec.DecodeError):  # binascii.Error is a ValueError, and so is non-ASCII text
        return None
