"""Thinking in a dialect that has no word for it: four vendor forms in, two out.

Flows in: `reasoning_content` (DeepSeek), `reasoning` and `reasoning_details` (OpenRouter), `thinking_blocks`
(LiteLLM) of a message. Flows out: Thinking and RedactedThinking parts; and back as `reasoning_content` for people and
`thinking_blocks` for the next turn.
Must stay true: a signature goes out as it came in; one that is not Anthropic's travels sealed (canonical/seal.py), so
that `read(write(parts)) == parts` for every signed thought.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sekisho.canonical.request import Part, RedactedThinking, Thinking
from sekisho.canonical.seal import Sealed, seal, unseal

#: LiteLLM's thinking blocks carry Anthropic's signatures as they are.
NATIVE_ORIGIN = "anthropic"

Thought = Thinking | RedactedThinking


def reasoning_text(content: Any, reasoning: Any, details: Any) -> str:
    """The readable thought of a message or delta, from whichever field the vendor uses."""
    for value in (content, reasoning):
        if isinstance(value, str) and value:
            return value
    if not isinstance(details, list):
        return ""
    texts = (entry.get("text") or entry.get("summary") for entry in details if isinstance(entry, dict))
    return "".join(text for text in texts if isinstance(text, str))


def read_thoughts(text: str, blocks: Any) -> list[Thought]:
    """The thoughts of a whole message: its `thinking_blocks`, or its readable text where no block has any."""
    read = [thought for block in _dicts(blocks) if (thought := read_block(block)) is not None]
    if text and not any(isinstance(thought, Thinking) and thought.text for thought in read):
        return [Thinking(text=text), *read]
    return read


def read_block(block: dict[str, Any]) -> Thought | None:
    """One thinking block; None when it holds nothing."""
    if block.get("type") == "redacted_thinking":
        data = block.get("data")
        return _unsealed("", data, redacted=True) if isinstance(data, str) and data else None
    text, signature = block.get("thinking"), block.get("signature")
    text = text if isinstance(text, str) else ""
    if isinstance(signature, str) and signature:
        return _unsealed(text, signature, redacted=False)
    return Thinking(text=text) if text else None


def _unsealed(text: str, signature: str, *, redacted: bool) -> Thought:
    sealed = unseal(signature)
    if sealed is None:
        sealed = Sealed(origin=NATIVE_ORIGIN, signature=signature, redacted=redacted)
    if sealed.redacted:
        return RedactedThinking(sealed.signature)
    return Thinking(text=text, signature=sealed.signature, origin=sealed.origin, item_id=sealed.item_id)


def write_blocks(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """`thinking_blocks` for the thoughts that a provider wants back: the signed and the redacted ones."""
    blocks: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, RedactedThinking):
            blocks.append(redacted_block(part.data))
        elif isinstance(part, Thinking) and part.signature:
            blocks.append(signed_block(part.text, part.signature, part.origin, part.item_id))
    return blocks


def signed_block(text: str, signature: str, origin: str | None, item_id: str | None) -> dict[str, Any]:
    """One thinking block; a foreign origin's signature is sealed."""
    if origin not in (None, "", NATIVE_ORIGIN):
        signature = seal(Sealed(origin=origin or "", signature=signature, item_id=item_id))
    return {"type": "thinking", "thinking": text, "signature": signature}


def redacted_block(data: str) -> dict[str, Any]:
    """One redacted thinking block: Anthropic's own form."""
    return {"type": "redacted_thinking", "data": data}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
