"""Google's `extra_content`: the signature of a thought, on the tool call or the message that it led to.

Flows in: `extra_content` of a message, a delta or a tool call; canonical parts. Flows out: the other one. Must stay
true: a signature comes back on what it came with, as it was; other providers' signatures do not travel in it.
Source: ai.google.dev/gemini-api/docs/thought-signatures, "OpenAI compatibility".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sekisho.canonical.request import Part, Thinking, ToolCall

ORIGIN = "gemini"


def read_signature(extra: Any) -> Thinking | None:
    """The thought whose signature `extra_content` holds; None where it holds none."""
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    if not isinstance(signature, str) or not signature:
        return None
    return Thinking(text="", signature=signature, origin=ORIGIN)


def write_signature(signature: str) -> dict[str, Any]:
    """`extra_content` with a signature."""
    return {"google": {"thought_signature": signature}}


def placed(
    thoughts: Iterable[Part], said: Sequence[Part], calls: Sequence[tuple[ToolCall, Any]], extra: Any
) -> list[Part]:
    """A model's message with each signature directly before what it came with. `calls`: with their `extra_content`;
    `extra`: the message's own. A signature that a thinking block tells too is taken from the call.
    """
    signed: list[Part] = []
    for call, of_call in calls:
        thought = read_signature(of_call)
        signed += [call] if thought is None else [thought, call]
    own = read_signature(extra)
    first = [] if own is None or own in signed else [own]
    return [
        *(thought for thought in thoughts if thought not in signed and thought not in first),
        *first,
        *said,
        *signed,
    ]


def signatures(parts: Sequence[Part]) -> dict[int, str]:
    """Position of a part -> the signature that stands directly before it; that of the last may be the end."""
    found: dict[int, str] = {}
    for at, part in enumerate(parts):
        if isinstance(part, Thinking) and part.origin == ORIGIN and part.signature:
            found.pop(at, None)  # of two that stand together, the nearer counts
            found[at + 1] = part.signature
    return found
