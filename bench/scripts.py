"""What the scripted provider says, in each dialect: a whole answer, and the events of a streamed one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.framing import Event, Framing, as_chunk, as_message, as_sse

ANSWER = "Hello. This is a scripted answer of a middling length, so that its body looks like one of a real model."


class Script(NamedTuple):
    """One dialect. `end` takes the whole text that was streamed and the number of its pieces."""

    answer: Event
    start: list[Event]
    piece: Callable[[str], Event]
    end: Callable[[str, int], list[Event]]
    framing: Framing = as_sse
    stream_type: str = "text/event-stream"
    closing: bytes = b""


def chat_chunk(delta: Event, finish: str | None = None) -> Event:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "bench"}
    return {**head, "choices": [choice]}


def chat_usage(count: int) -> Event:
    return {"prompt_tokens": 20, "completion_tokens": count, "total_tokens": 20 + count}


def chat_end(_text: str, count: int) -> list[Event]:
    return [chat_chunk({}, "stop"), {**chat_chunk({}), "choices": [], "usage": chat_usage(count)}]


def chat_answer() -> Event:
    message = {"role": "assistant", "content": ANSWER, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**chat_chunk({}), "object": "chat.completion", "choices": [choice], "usage": chat_usage(22)}


def message(content: list[Event], stop: str | None, count: int) -> Event:
    head = {"id": "msg_bench", "type": "message", "role": "assistant", "model": "bench", "content": content}
    return {**head, "stop_reason": stop, "stop_sequence": None, "usage": {"input_tokens": 20, "output_tokens": count}}


def messages_piece(text: str) -> Event:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def messages_end(_text: str, count: int) -> list[Event]:
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": count}},
        {"type": "message_stop"},
    ]


MESSAGES_START: list[Event] = [
    {"type": "message_start", "message": message([], None, 1)},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
]


def response(status: str, output: list[Event], count: int = 0) -> Event:
    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": count,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 20 + count,
    }
    head = {"id": "resp_bench", "object": "response", "created_at": 1_760_000_000, "model": "bench", "error": None}
    tools: Event = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "metadata": {}}
    return {**head, **tools, "status": status, "output": output, "usage": usage if status == "completed" else None}


def output_text(text: str) -> Event:
    return {"type": "output_text", "text": text, "annotations": []}


def output_message(content: list[Event], status: str) -> Event:
    return {"id": "msg_bench", "type": "message", "role": "assistant", "status": status, "content": content}


TEXT_PLACE = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}


def responses_piece(text: str) -> Event:
    return {"type": "response.output_text.delta", **TEXT_PLACE, "delta": text, "sequence_number": 3}


def responses_end(text: str, count: int) -> list[Event]:
    item = output_message([output_text(text)], "completed")
    last = 3 + count
    return [
        {"type": "response.output_text.done", **TEXT_PLACE, "text": text, "sequence_number": last},
        {"type": "response.content_part.done", **TEXT_PLACE, "part": output_text(text), "sequence_number": last + 1},
        {"type": "response.output_item.done", "output_index": 0, "item": item, "sequence_number": last + 2},
        {
            "type": "response.completed",
            "response": response("completed", [item], count),
            "sequence_number": last + 3,
        },
    ]


RESPONSES_START: list[Event] = [
    {"type": "response.created", "response": response("in_progress", []), "sequence_number": 0},
    {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": output_message([], "in_progress"),
        "sequence_number": 1,
    },
    {"type": "response.content_part.added", **TEXT_PLACE, "part": output_text(""), "sequence_number": 2},
]


def converse_end(_text: str, count: int) -> list[Event]:
    usage = {"inputTokens": 20, "outputTokens": count, "totalTokens": 20 + count}
    return [
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": usage, "metrics": {"latencyMs": 500}}},
    ]


CONVERSED: Event = {
    "output": {"message": {"role": "assistant", "content": [{"text": ANSWER}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 20, "outputTokens": 22, "totalTokens": 42},
    "metrics": {"latencyMs": 500},
}
AMAZON = "application/vnd.amazon.eventstream"
MESSAGES = Script(
    answer=message([{"type": "text", "text": ANSWER}], "end_turn", 22),
    start=MESSAGES_START,
    piece=messages_piece,
    end=messages_end,
)
CONVERSE = Script(
    answer=CONVERSED,
    start=[{"messageStart": {"role": "assistant"}}],
    piece=lambda text: {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": text}}},
    end=converse_end,
    framing=as_message,
    stream_type=AMAZON,
)

# By the end of the path that a client, or the gateway, calls.
SCRIPTS = {
    b"/chat/completions": Script(
        answer=chat_answer(),
        start=[chat_chunk({"role": "assistant", "content": ""})],
        piece=lambda text: chat_chunk({"content": text}),
        end=chat_end,
        closing=b"data: [DONE]\n\n",
    ),
    b"/messages": MESSAGES,
    b"/converse": CONVERSE,
    b"/invoke": MESSAGES._replace(framing=as_chunk, stream_type=AMAZON),
    b"/responses": Script(
        answer=response("completed", [output_message([output_text(ANSWER)], "completed")], 22),
        start=RESPONSES_START,
        piece=responses_piece,
        end=responses_end,
    ),
}
