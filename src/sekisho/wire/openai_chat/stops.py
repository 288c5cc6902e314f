"""Why the model stopped, in this dialect's words and back.

Flows in: `finish_reason`, and whether tools were called or the model declined. Flows out: a StopReason; and back.
Must stay true: a reply with tool calls that ended by itself asks for their results, whatever the vendor calls it.
"""

from __future__ import annotations

from sekisho.canonical.events import StopReason

#: OpenAI's words, then those of vendors who imitate it.
_REASONS = {
    "stop": StopReason.END_TURN,
    "length": StopReason.MAX_TOKENS,
    "tool_calls": StopReason.TOOL_USE,
    "function_call": StopReason.TOOL_USE,
    "content_filter": StopReason.REFUSAL,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_length": StopReason.MAX_TOKENS,
    "tool_use": StopReason.TOOL_USE,
    "refusal": StopReason.REFUSAL,
    "safety": StopReason.REFUSAL,
}
_WORDS = {
    StopReason.END_TURN: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.PAUSE: "stop",
    StopReason.MAX_TOKENS: "length",
    StopReason.CONTEXT_WINDOW: "length",
    StopReason.TOOL_USE: "tool_calls",
    StopReason.REFUSAL: "content_filter",
}


def read_stop(reason: str | None, *, has_calls: bool, has_refusal: bool) -> StopReason:
    """The canonical reason; an unknown word is the end of the turn."""
    stop = _REASONS.get((reason or "stop").lower(), StopReason.END_TURN)
    if stop is not StopReason.END_TURN:
        return stop
    if has_calls:
        return StopReason.TOOL_USE
    return StopReason.REFUSAL if has_refusal else stop


def write_stop(stop: StopReason, *, has_calls: bool, has_refusal: bool) -> str:
    """The `finish_reason`. A model that declines in OpenAI's way (`refusal` text) has ended its turn."""
    word = _WORDS[stop]
    if word == "stop" and has_calls:
        return "tool_calls"
    return "stop" if stop is StopReason.REFUSAL and has_refusal else word
