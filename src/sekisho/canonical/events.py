"""A stream, as frozen events. Order: canonical/order.py; joining: canonical/fold.py.

Flows in: what a dialect's stream reader understood. Flows out: what another dialect's stream writer says.
Must stay true: every delta names a block that was started and has not ended; block indexes count 0, 1, 2 … in order
of start; several blocks may be open at once (a writer whose dialect cannot say that holds the later ones back);
`Finished` comes after every block has ended and after the last `UsageReported`; nothing follows `Finished` or `Failed`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorInfo


class StopReason(StrEnum):
    """Why the model stopped."""

    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_USE = "tool_use"
    REFUSAL = "refusal"
    CONTEXT_WINDOW = "context_window"
    PAUSE = "pause"


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """A source of a text block. `start`/`end` are character offsets in the block's text where the provider says."""

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The answer begins. `usage` is what the provider already counted (Anthropic: input tokens)."""

    id: str
    model: str
    usage: Usage | None = None
    created_seconds: int | None = None


class BlockStarted(msgspec.Struct, frozen=True, kw_only=True):
    """Block `index` begins. `call_id`, `name`, `custom`, `namespace` only for a tool_call; `item_id` and `origin` as
    in canonical.request.Thinking / ToolCall; `data` only for redacted_thinking, which has no deltas.
    """

    index: int
    kind: Literal["text", "refusal", "thinking", "redacted_thinking", "tool_call"]
    call_id: str = ""
    name: str = ""
    custom: bool = False
    namespace: str | None = None
    item_id: str | None = None
    origin: str | None = None
    data: str = ""


class TextDelta(msgspec.Struct, frozen=True):
    """More text of a text or refusal block."""

    index: int
    text: str


class ThinkingDelta(msgspec.Struct, frozen=True):
    """More readable thought."""

    index: int
    text: str


class SignatureDelta(msgspec.Struct, frozen=True):
    """The signature of a thinking block (whole; at most one a block). `origin` as in canonical.request.Thinking."""

    index: int
    signature: str
    origin: str


class ArgumentsDelta(msgspec.Struct, frozen=True):
    """More of a tool call's arguments: JSON text, or free text of a custom tool."""

    index: int
    text: str


class CitationAdded(msgspec.Struct, frozen=True):
    """A source of text block `index`."""

    index: int
    citation: Citation


class BlockEnded(msgspec.Struct, frozen=True):
    """Block `index` is complete."""

    index: int


class UsageReported(msgspec.Struct, frozen=True):
    """The provider's count so far: cumulative, replaces what was reported before."""

    usage: Usage


class Ping(msgspec.Struct, frozen=True):
    """The provider is alive and has nothing to say yet."""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """The answer is complete."""

    stop: StopReason
    stop_sequence: str | None = None


class Failed(msgspec.Struct, frozen=True):
    """The provider reported an error inside the stream, or the stream broke."""

    error: ErrorInfo


Event = (
    Started
    | BlockStarted
    | TextDelta
    | ThinkingDelta
    | SignatureDelta
    | ArgumentsDelta
    | CitationAdded
    | BlockEnded
    | UsageReported
    | Ping
    | Finished
    | Failed
)
