"""Why the model stopped, in Gemini's words and back.

Flows in: `finishReason`, as a word or a number. Flows out: a StopReason, or the failure that it is; and back. Must
stay true: a reply with calls that ended by itself asks for their results; an answer that Google threw away because it
was malformed is a failure and never the end of a turn. (ai.google.dev/api/generate-content#FinishReason)
"""

from __future__ import annotations

from sekisho.canonical.events import StopReason
from sekisho.core.errors import ErrorClass, ErrorInfo

_REASONS = {
    "FINISH_REASON_UNSPECIFIED": StopReason.END_TURN,
    "STOP": StopReason.END_TURN,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    "SAFETY": StopReason.REFUSAL,
    "RECITATION": StopReason.REFUSAL,
    "LANGUAGE": StopReason.REFUSAL,
    "OTHER": StopReason.END_TURN,
    "BLOCKLIST": StopReason.REFUSAL,
    "PROHIBITED_CONTENT": StopReason.REFUSAL,
    "SPII": StopReason.REFUSAL,
    "IMAGE_SAFETY": StopReason.REFUSAL,
    "IMAGE_PROHIBITED_CONTENT": StopReason.REFUSAL,
    "IMAGE_RECITATION": StopReason.REFUSAL,
    "IMAGE_OTHER": StopReason.END_TURN,
    "NO_IMAGE": StopReason.END_TURN,
    "ESCALATION": StopReason.REFUSAL,
    "PUP_LIMITED_DISABLED": StopReason.REFUSAL,
    "MODEL_ARMOR": StopReason.REFUSAL,
    "CONTINUATION": StopReason.PAUSE,
}
#: Answers that Google could not read itself.
FAILURES = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
)
#: The numbers on which both of Google's APIs agree; 6 to 8 are filters in both.
_NUMBERS = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", *3 * ("BLOCKLIST",))
_WORDS = {
    StopReason.END_TURN: "STOP",
    StopReason.STOP_SEQUENCE: "STOP",
    StopReason.TOOL_USE: "STOP",
    StopReason.PAUSE: "STOP",
    StopReason.MAX_TOKENS: "MAX_TOKENS",
    StopReason.CONTEXT_WINDOW: "MAX_TOKENS",
    StopReason.REFUSAL: "SAFETY",
}


def read_stop(reason: str | int, *, has_calls: bool) -> StopReason | ErrorInfo:
    """The canonical reason; an unknown word is the end of the turn."""
    if isinstance(reason, int):
        reason = _NUMBERS[reason] if 0 <= reason < len(_NUMBERS) else "STOP"
    if reason in FAILURES:
        message = f"The provider discarded the model's answer: {reason}. Try again."
        return ErrorInfo(error_class=ErrorClass.UPSTREAM_ERROR, message=message, status=502, code=reason)
    stop = _REASONS.get(reason, StopReason.END_TURN)
    return StopReason.TOOL_USE if has_calls and stop is StopReason.END_TURN else stop


def write_stop(stop: StopReason) -> str:
    """The `finishReason`; this API has no word of its own for a turn that ends in calls."""
    return _WORDS[stop]
