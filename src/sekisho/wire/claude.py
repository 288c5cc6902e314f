"""What Claude can be asked beside its conversation, whichever API carries it: thinking, sampling, a form of output.

Flows in: a canonical Request and the model's profile. Flows out: values for the body. Must stay true: a field that the
caller gave is sent, even when it is zero, or its name stands in `notes`; the combinations that the model refuses
(platform.claude.com/docs/en/build-with-claude/extended-thinking) never leave here.
"""

from __future__ import annotations

from typing import Any

from sekisho.canonical.request import Image, Reasoning, Request
from sekisho.canonical.target import Profile

Json = dict[str, Any]

#: Effort -> tokens for thinking, for models that take a budget.
BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 31_999}
BUDGET_MIN = 1024
EFFORTS = ("low", "medium", "high", "xhigh", "max")
#: Keywords of JSON schema that hold schemas: under names, or directly.
_NAMED_SCHEMAS = ("properties", "$defs", "definitions")
_SCHEMAS = ("items", "prefixItems", "anyOf", "allOf", "oneOf", "additionalProperties")
_WITHOUT_EQUIVALENT = (
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "verbosity",
)


def untranslatable(request: Request) -> list[str]:
    """Names of the tuning fields that the caller gave and this API does not know."""
    notes = [*request.untranslated, *(name for name in _WITHOUT_EQUIVALENT if getattr(request, name) is not None)]
    if request.session is not None and request.session not in (request.user or ""):  # Claude Code's user holds it
        notes.append("prompt_cache_key")
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Image) and part.detail not in (None, "auto"):
                notes.append("image.detail")
                return notes
    return notes


def thinking_of(
    request: Request, profile: Profile, max_tokens: int, notes: list[str]
) -> tuple[Json | None, str | None]:
    """(`thinking`, `output_config.effort`) as this model takes them."""
    asked = request.reasoning
    if asked is None:
        return None, None
    if not asked.enabled or asked.effort == "none":
        return ({"type": "disabled"} if profile.thinking != "none" else None), None
    if profile.thinking == "adaptive":
        value = {"type": "adaptive"}
        if asked.summary is not None:
            value["display"] = "summarized"
        return value, _effort(asked)
    if profile.thinking == "budget" and max_tokens > BUDGET_MIN:
        return {"type": "enabled", "budget_tokens": _budget(asked, max_tokens)}, None
    notes.append("reasoning")
    return None, None


def _budget(asked: Reasoning, max_tokens: int) -> int:
    """The caller's own number where it fits; else at least a quarter of `max_tokens` stays for the answer."""
    wanted = asked.budget_tokens
    if wanted is None:
        wanted = BUDGETS.get(asked.effort or "medium", BUDGETS["medium"])
    elif BUDGET_MIN <= wanted < max_tokens:
        return wanted
    return max(BUDGET_MIN, min(wanted, max_tokens - max_tokens // 4))


def _effort(asked: Reasoning) -> str | None:
    if asked.effort is not None:
        return asked.effort if asked.effort in EFFORTS else "low" if asked.effort == "minimal" else None
    if asked.budget_tokens is None:
        return None
    return next((word for word in ("low", "medium") if asked.budget_tokens <= BUDGETS[word]), "high")


def sampling(request: Request, profile: Profile, notes: list[str], *, thinks: bool) -> Json:
    """`temperature`, `top_p`, `top_k`, as far as the model takes them."""
    given: dict[str, Any] = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
    given = {name: value for name, value in given.items() if value is not None}
    if thinks or not profile.sampling:
        notes += [name for name, value in given.items() if (name, value) != ("temperature", 1)]
        return {}
    if "temperature" in given and "top_p" in given:  # newer models refuse the two together
        notes.append("top_p")
        del given["top_p"]
    if given.get("temperature", 0) > 1:
        notes.append("temperature")
        given["temperature"] = 1
    return given


def closed(schema: Any) -> Any:
    """The schema with `additionalProperties: false` on every object that leaves it open: the API demands it."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    value = {key: _closed_key(key, item) for key, item in schema.items()}
    kinds = schema.get("type")
    if "object" in (kinds if isinstance(kinds, list) else [kinds]) and "additionalProperties" not in schema:
        value["additionalProperties"] = False
    return value


def _closed_key(key: str, item: Any) -> Any:
    if key in _NAMED_SCHEMAS and isinstance(item, dict):
        return {name: closed(schema) for name, schema in item.items()}
    return closed(item) if key in _SCHEMAS else item
