"""Thoughts on the wires of Claude (Messages, Bedrock's Converse), also those of another provider.

Flows in: a block's opaque string, or a canonical thought. Flows out: the other one. Must stay true: Claude's own
signatures pass unchanged; another provider's travel sealed (canonical/seal.py) and are unsealed when they come back.
"""

from __future__ import annotations

from sekisho.canonical.request import RedactedThinking, Thinking
from sekisho.canonical.seal import PREFIX, Sealed, seal, unseal

ORIGIN = "anthropic"


def read_thinking(text: str, signature: str | None) -> Thinking | RedactedThinking:
    """A readable thought of a caller's history."""
    if not signature:
        return Thinking(text=text)
    if not signature.startswith(PREFIX):
        return Thinking(text=text, signature=signature, origin=ORIGIN)
    return _unsealed(text, signature)


def read_redacted(data: str) -> Thinking | RedactedThinking:
    """A thought without readable text of a caller's history."""
    return _unsealed("", data) if data.startswith(PREFIX) else RedactedThinking(data)


def _unsealed(text: str, sealed: str) -> Thinking | RedactedThinking:
    thought = unseal(sealed)
    if thought is None:  # cut or altered on its way: what can be read stays, nobody can vouch for it
        return Thinking(text=text)
    if thought.redacted:
        return RedactedThinking(thought.signature)
    return Thinking(text=text, signature=thought.signature, origin=thought.origin, item_id=thought.item_id)


def signature_for_caller(signature: str, origin: str | None, item_id: str | None) -> str:
    """What a caller of these dialects carries for a thought of `origin`, and hands back on its next turn."""
    if origin == ORIGIN:
        return signature
    return seal(Sealed(origin=origin or "unknown", signature=signature, item_id=item_id))


def is_claudes(part: Thinking | RedactedThinking) -> bool:
    """Whether Claude takes this thought back: only with its own signature."""
    return isinstance(part, RedactedThinking) or (part.signature is not None and part.origin == ORIGIN)
