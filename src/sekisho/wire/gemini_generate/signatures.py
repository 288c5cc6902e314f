"""`thoughtSignature`: Gemini's own, and the thoughts of other providers that a caller of this dialect carries.

Flows in: the field of a part, or canonical thoughts. Flows out: the other one. Must stay true: Gemini's signatures
pass unchanged (but for the alphabet of their base64); the field is base64 of bytes, so another provider's thought
travels in it as base64 of its seal (canonical/seal.py) and of its text, because callers keep the signatures of calls
but throw readable thoughts away. (ai.google.dev/gemini-api/docs/thought-signatures)
"""

from __future__ import annotations

import base64
import binascii

from sekisho.canonical.request import RedactedThinking, Thinking
from sekisho.canonical.seal import PREFIX, Sealed, seal, unseal
from sekisho.wire.gemini_generate.proto import standard_base64

ORIGIN = "gemini"
_WORD = "skip_thought_signature_validator"
#: What Gemini 3 takes in place of the signature of a call that another model made.
SENTINEL = base64.b64encode(_WORD.encode()).decode()
_NO_SIGNATURES = frozenset({_WORD, standard_base64(_WORD), SENTINEL})
#: How every carried seal begins, as far as base64 shows whole characters of the prefix.
CARRIED_PREFIX = base64.b64encode(PREFIX.encode())[: len(PREFIX) * 4 // 3].decode()

Thought = Thinking | RedactedThinking


def read_signature(written: str) -> Thought | None:
    """The thought that a part's signature stands for; None where it stands for none."""
    signature = standard_base64(written)
    if not written or written in _NO_SIGNATURES or signature in _NO_SIGNATURES:
        return None
    if not signature.startswith(CARRIED_PREFIX):
        return Thinking(text="", signature=signature, origin=ORIGIN)
    return _carried(signature)


def _carried(signature: str) -> Thought | None:
    """Another provider's thought; None when it was cut or altered on its way: nobody can vouch for it then."""
    try:
        sealed, _, text = base64.b64decode(signature, validate=True).decode().partition("\n")
    except (binascii.Error, UnicodeDecodeError):
        return None
    thought = unseal(sealed)
    if thought is None:
        return None
    if thought.redacted:
        return RedactedThinking(thought.signature)
    return Thinking(text=text, signature=thought.signature, origin=thought.origin, item_id=thought.item_id)


def signature_for_caller(thought: Thought) -> str:
    """The `thoughtSignature` that carries a signed or redacted thought."""
    if isinstance(thought, RedactedThinking):
        return _carry(Sealed(origin="anthropic", signature=thought.data, redacted=True), "")
    signature = thought.signature or ""
    if thought.origin == ORIGIN:
        return signature
    sealed = Sealed(origin=thought.origin or "unknown", signature=signature, item_id=thought.item_id)
    return _carry(sealed, thought.text)


def _carry(sealed: Sealed, text: str) -> str:
    return base64.b64encode(f"{seal(sealed)}\n{text}".encode()).decode()
