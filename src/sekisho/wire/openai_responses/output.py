"""What a caller gets: output items, and the response object around them.

Flows in: the caller's request, canonical parts and usage. Flows out: JSON values that satisfy the newest openai SDK and
Open Responses. Must stay true: fields that may be null are there and null; ids are minted once, from the provider's id;
calls come back under the caller's own tool names, kinds and namespaces.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sekisho.canonical.events import BlockStarted, Citation, StopReason
from sekisho.canonical.request import Request
from sekisho.canonical.seal import Sealed, seal
from sekisho.canonical.tools import custom_input, wire_names
from sekisho.canonical.usage import Usage
from sekisho.wire.openai_responses.schema import ORIGIN

Item = dict[str, Any]

#: Whose thoughts come redacted, without an origin of their own.
REDACTING = "anthropic"
#: Prefix of an item's id by its type.
_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}
#: How other dialects begin the ids of their answers.
_ANSWER_ID = re.compile(r"^(resp_|msg_|chatcmpl-)")
_ID_CHARS = 40

#: Every field of a response that repeats the request, as it stands when the caller said nothing.
_DEFAULTS: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "tool_choice": "auto",
    "tools": [],
    "truncation": "disabled",
    "reasoning": {"effort": None, "summary": None},
    "text": {"format": {"type": "text"}},
    "service_tier": "default",
    "metadata": {},
    "user": None,
    "safety_identifier": None,
    "prompt_cache_key": None,
    "previous_response_id": None,
    "background": False,
    "store": False,
}
_FUNCTION = {"description": None, "parameters": None, "strict": None}


class Face:
    """How one answer shows itself to one caller: its ids, its tools, the fields it repeats."""

    def __init__(self, request: Request) -> None:
        self._names = wire_names(request.tools)
        #: The repeated fields as JSON members, without braces: written once, sent up to three times.
        self._echo = msgspec.json.encode(_echo(request.echo))[1:-1]
        self._suffix = "0"
        self.head: dict[str, Any] = {}

    def begin(self, answer_id: str, model: str, created_seconds: int | None) -> None:
        """The provider has begun to answer. `created_seconds` is a Unix time; 0 where nobody told it."""
        self._suffix = re.sub(r"[^a-zA-Z0-9]", "", _ANSWER_ID.sub("", answer_id))[-_ID_CHARS:] or "0"
        self.head = {
            "id": answer_id if answer_id.startswith("resp_") else f"resp_{self._suffix}",
            "object": "response",
            "created_at": created_seconds or 0,
            "model": model,
        }

    def item_id(self, kind: str, output_index: int) -> str:
        """The id of the item at `output_index`."""
        return f"{_PREFIXES[kind]}_{self._suffix}_{output_index}"

    def response(
        self,
        status: str,
        output: list[Item],
        usage: Usage | None,
        *,
        reason: str | None = None,
        error: Item | None = None,
    ) -> msgspec.Raw:
        """The response object in a given state, as JSON."""
        changing = {
            **self.head,
            "status": status,
            "completed_at": self.head["created_at"] if status == "completed" else None,
            "error": error,
            "incomplete_details": {"reason": reason} if reason is not None else None,
            "output": output,
            "usage": _usage(usage) if usage is not None else None,
        }
        return msgspec.Raw(b"%b,%b}" % (msgspec.json.encode(changing)[:-1], self._echo))

    def call(self, start: BlockStarted, output_index: int) -> Item:
        """A call's item as it begins, under the caller's own name for the tool."""
        tool = self._names.get(start.name) if start.namespace is None else None
        custom = start.custom or (tool is not None and tool.custom)
        kind = "custom_tool_call" if custom else "function_call"
        namespace = tool.namespace if tool is not None else start.namespace
        item: Item = {
            "type": kind,
            "id": start.item_id or self.item_id(kind, output_index),
            "status": "in_progress",
            "call_id": start.call_id,
            "name": tool.name if tool is not None else start.name,
        }
        if namespace is not None:
            item["namespace"] = namespace
        return {**item, "input": ""} if custom else {**item, "arguments": ""}


def free_text(start: BlockStarted, text: str) -> str:
    """A custom tool's input: as the model wrote it, or out of the function that stood for the tool elsewhere."""
    if start.custom:
        return text
    try:
        arguments = msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError):
        return text
    return custom_input(arguments) or text


def sealed_content(signature: str, origin: str, item_id: str | None = None, *, redacted: bool = False) -> str:
    """`encrypted_content` of a thought: OpenAI's own as it is, another provider's under seal."""
    if origin == ORIGIN:
        return signature
    return seal(Sealed(origin=origin, signature=signature, item_id=item_id, redacted=redacted))


def annotation(citation: Citation, text_chars: int) -> Item:
    """A source of a text of `text_chars` characters; the whole text where the provider gave no range."""
    start = citation.start if citation.start is not None else 0
    end = citation.end if citation.end is not None else text_chars
    if citation.url is None:
        return {"type": "file_citation", "file_id": "", "filename": citation.title or "", "index": end}
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": start,
        "end_index": end,
    }


def status_of(stop: StopReason, *, refused: bool) -> tuple[str, str | None]:
    """(`status`, reason of `incomplete_details`). A refusal that is written out is a completed answer here."""
    if stop in {StopReason.MAX_TOKENS, StopReason.CONTEXT_WINDOW}:
        return "incomplete", "max_output_tokens"
    if stop is StopReason.REFUSAL and not refused:
        return "incomplete", "content_filter"
    return "completed", None


def _usage(usage: Usage) -> Item:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def _echo(given: dict[str, Any]) -> dict[str, Any]:
    echo = {**_DEFAULTS, **given}
    echo["tools"] = [{**_FUNCTION, **tool} if tool["type"] == "function" else tool for tool in echo["tools"]]
    echo["reasoning"] = {**_DEFAULTS["reasoning"], **echo["reasoning"]}
    echo["text"] = {**_DEFAULTS["text"], **echo["text"]}
    return echo
