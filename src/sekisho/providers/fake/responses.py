"""OpenAI's Responses API as templates (OpenAI API reference: Responses, Streaming events).

Flows in: an Answer and its Ask. Flows out: a Response, or the full sequence of its stream events: created, in_progress,
then added, part, deltas and done of each item, and completed or incomplete. There is no `[DONE]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sekisho.providers.fake.answer import Answer, Piece
from sekisho.providers.fake.ask import Ask
from sekisho.providers.fake.errors import kind_of
from sekisho.wire.sse import sse_event

_INCOMPLETE = ("max_output_tokens", "content_filter")
#: Request fields that a Response repeats, with what stands there when the request is silent.
_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_Draft = tuple[str, dict[str, Any], bool]


def reply(answer: Answer, ask: Ask) -> dict[str, Any]:
    """A whole Response."""
    status = "incomplete" if answer.stop in _INCOMPLETE else "completed"
    details = {"reason": answer.stop} if status == "incomplete" else None
    return _response(answer, ask) | {
        "status": status,
        "completed_at": answer.created_seconds if status == "completed" else None,
        "incomplete_details": details,
        "output": [item for item, _ in _items(answer)],
        "usage": _usage(answer) if answer.tells_usage else None,
    }


def count_tokens(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """The reply of /v1/responses/input_tokens."""
    return {"object": "response.input_tokens", "input_tokens": answer.usage.prompt_tokens}


def stream(answer: Answer, ask: Ask, _pings: int) -> Iterator[Piece]:
    """The stream, events numbered from 0."""
    for number, (kind, fields, spoken) in enumerate(_drafts(answer, ask)):
        data = {"type": kind, "sequence_number": number} | fields
        yield Piece(sse_event(msgspec.json.encode(data), kind), spoken)


def stream_error(answer: Answer, error: str) -> bytes:
    """An error inside a stream: `error`, the way a request fails that was already accepted."""
    kind = kind_of(error, 500)
    error_fields = {"type": kind.openai, "code": kind.code, "message": kind.message, "param": None}
    failed = {
        "id": answer.made_id("resp_"),
        "object": "response",
        "created_at": answer.created_seconds,
        "model": answer.model,
        "status": "failed",
        "error": {"code": kind.code or kind.openai, "message": kind.message},
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }
    first = {"type": "error", "sequence_number": 0, "error": error_fields} | error_fields | {"type": "error"}
    last = {"type": "response.failed", "sequence_number": 1, "response": failed}
    return sse_event(msgspec.json.encode(first), "error") + sse_event(msgspec.json.encode(last), "response.failed")


def _drafts(answer: Answer, ask: Ask) -> Iterator[_Draft]:
    started = _response(answer, ask)
    yield "response.created", {"response": started}, False
    yield "response.in_progress", {"response": started}, False
    for index, (item, deltas) in enumerate(_items(answer)):
        at = {"output_index": index, "item_id": item["id"]}
        yield "response.output_item.added", {"output_index": index, "item": _opening(item)}, False
        if item["type"] == "reasoning":
            yield from _reasoning(at | {"summary_index": 0}, item["summary"][0], deltas)
        elif item["type"] == "message":
            yield from _message(at | {"content_index": 0}, item["content"][0], deltas)
        else:
            yield from _call(at, item, deltas)
        yield "response.output_item.done", {"output_index": index, "item": item}, False
    final = reply(answer, ask)
    yield f"response.{final['status']}", {"response": final}, False


def _reasoning(at: dict[str, Any], part: dict[str, Any], deltas: tuple[str, ...]) -> Iterator[_Draft]:
    yield "response.reasoning_summary_part.added", at | {"part": part | {"text": ""}}, False
    for text in deltas:
        yield "response.reasoning_summary_text.delta", at | {"delta": text}, True
    yield "response.reasoning_summary_text.done", at | {"text": part["text"]}, False
    yield "response.reasoning_summary_part.done", at | {"part": part}, False


def _message(at: dict[str, Any], part: dict[str, Any], deltas: tuple[str, ...]) -> Iterator[_Draft]:
    yield "response.content_part.added", at | {"part": part | {"text": ""}}, False
    for text in deltas:
        yield "response.output_text.delta", at | {"delta": text, "logprobs": []}, True
    yield "response.output_text.done", at | {"text": part["text"], "logprobs": []}, False
    yield "response.content_part.done", at | {"part": part}, False


def _call(at: dict[str, Any], item: dict[str, Any], deltas: tuple[str, ...]) -> Iterator[_Draft]:
    custom = item["type"] == "custom_tool_call"
    kind = "response.custom_tool_call_input" if custom else "response.function_call_arguments"
    for text in deltas:
        yield f"{kind}.delta", at | {"delta": text}, True
    done = {"input": item["input"]} if custom else {"arguments": item["arguments"], "name": item["name"]}
    yield f"{kind}.done", at | done, False


def _items(answer: Answer) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Each output item whole, with the deltas that make it."""
    if answer.thoughts:
        summary = [{"type": "summary_text", "text": answer.thought}]
        item = {"id": answer.made_id("rs_"), "type": "reasoning", "summary": summary}
        yield item | {"encrypted_content": answer.signature()}, answer.thoughts
    if answer.pieces:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
        head = {"id": answer.made_id("msg_"), "type": "message", "status": "completed", "role": "assistant"}
        yield head | {"content": [part]}, answer.pieces
    if answer.tool is not None:
        arguments, half = answer.tool.arguments, len(answer.tool.arguments) // 2
        call = {"call_id": answer.made_id("call_"), "name": answer.tool.name, "status": "completed"}
        if answer.tool.custom:
            item = {"id": answer.made_id("ctc_"), "type": "custom_tool_call", "input": arguments}
        else:
            item = {"id": answer.made_id("fc_"), "type": "function_call", "arguments": arguments}
        yield item | call, (arguments[:half], arguments[half:])


def _opening(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it stands before its first delta."""
    empty = {"content": [], "summary": [], "arguments": "", "input": "", "status": "in_progress"}
    return {name: empty.get(name, value) for name, value in item.items()}


def _response(answer: Answer, ask: Ask) -> dict[str, Any]:
    echoed = {name: ask.body.get(name, silent) for name, silent in _ECHOED.items()}
    return echoed | {
        "id": answer.made_id("resp_"),
        "object": "response",
        "created_at": answer.created_seconds,
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": answer.model,
        "output": [],
        "usage": None,
    }


def _usage(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
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
