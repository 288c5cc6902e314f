"""One small answer for each thing that models say, and where in an answer it stands.

Flows out: REPLIES, in canonical words; `handed_back`, what a caller makes of an answer on its next turn. Must stay
true: an answer holds one such thing beside plain text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from scripts.translation.features import ASKED, WEATHER
from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import (
    Part,
    RedactedThinking,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
)
from sekisho.canonical.tools import CUSTOM_ARGUMENT
from sekisho.canonical.usage import Usage
from sekisho.wire.dialect import Dialect

Probe = Callable[[Reply], Any]
RUN = Tool(name="run", description="Runs.", custom=True)
MAPS = msgspec.structs.replace(WEATHER, name="get_map", namespace="maps")
CALLER = Request(model="m", messages=(ASKED,), tools=(WEATHER, RUN, MAPS), include_encrypted_reasoning=True)
CALL = ToolCall(id="call_1", name="get_weather", arguments='{"city":"Kyoto"}')
ANSWER = Text("Kyoto is large.")
COUNTED = Usage(input_tokens=50, output_tokens=30)


class Said(msgspec.Struct, frozen=True):
    """One row of the page. `next_turn`: it counts what comes back with the caller's next request. `way`: other words
    for it, and the probe that finds them.
    """

    name: str
    reply: Reply
    probe: Probe
    next_turn: bool = False
    way: tuple[str, Probe] | None = None


def answer(*parts: Part, **fields: Any) -> Reply:
    """An answer, plain text where nothing else is said."""
    known: dict[str, Any] = {"id": "r1", "model": "m", "stop": StopReason.END_TURN, "usage": COUNTED}
    return Reply(parts=parts or (ANSWER,), created_seconds=1, **(known | fields))


def calling(*calls: ToolCall) -> Reply:
    """An answer that calls tools."""
    return answer(*calls, stop=StopReason.TOOL_USE)


def counted(**tokens: int) -> Reply:
    """An answer with more counts."""
    return answer(usage=msgspec.structs.replace(COUNTED, **tokens))


def every(kind: type[Any], *fields: str) -> Probe:
    """All parts of a kind, or these fields of each."""
    return lambda reply: tuple(
        tuple(getattr(part, field) for field in fields) if fields else part
        for part in reply.parts
        if isinstance(part, kind)
    )


def thoughts(reply: Reply) -> Any:
    """What signs each thought, and whose it is."""
    return tuple(
        ("anthropic", part.data) if isinstance(part, RedactedThinking) else (part.origin, part.signature)
        for part in reply.parts
        if isinstance(part, Thinking | RedactedThinking) and (isinstance(part, RedactedThinking) or part.signature)
    )


def cited(*fields: str) -> Probe:
    """These fields of each citation."""
    return lambda reply: tuple(tuple(getattr(citation, field) for field in fields) for _, citation in reply.citations)


def tokens(name: str) -> Probe:
    """A count."""
    return lambda reply: getattr(reply.usage, name)


def one_string(reply: Reply) -> Any:
    """The input of a free-text tool that was called as a function."""
    return tuple(
        msgspec.json.decode(part.arguments)[CUSTOM_ARGUMENT] for part in reply.parts if isinstance(part, ToolCall)
    )


def stopping(reason: StopReason) -> Said:
    """A row for a stop reason."""
    parts = (Refusal("No."),) if reason is StopReason.REFUSAL else (CALL,) if reason is StopReason.TOOL_USE else ()
    fired = "END" if reason is StopReason.STOP_SEQUENCE else None
    return Said(f"stop: {reason}", answer(*parts, stop=reason, stop_sequence=fired), lambda reply: str(reply.stop))


def signed(name: str, thought: Thinking | RedactedThinking) -> Said:
    """A row for a thought that its provider wants back."""
    return Said(name, answer(thought, CALL, stop=StopReason.TOOL_USE), thoughts, next_turn=True)


REPLIES: tuple[Said, ...] = (
    Said("text", answer(), every(Text)),
    Said("call of a tool", calling(CALL), every(ToolCall, "id", "name", "arguments")),
    Said(
        "calls in parallel",
        calling(CALL, msgspec.structs.replace(CALL, id="call_2")),
        every(ToolCall, "id", "name", "arguments"),
    ),
    Said(
        "call of a free-text tool",
        calling(ToolCall(id="call_1", name="run", arguments="ls -l", custom=True)),
        every(ToolCall, "arguments", "custom"),
        way=("as a function of one string", lambda reply: one_string(reply) == ("ls -l",)),
    ),
    Said(
        "call of a tool in a namespace",
        calling(ToolCall(id="call_1", name="get_map", arguments="{}", namespace="maps")),
        every(ToolCall, "name", "namespace"),
        way=("by a flat name", lambda reply: every(ToolCall, "name")(reply) == (("get_map",),)),
    ),
    Said("thought, to read", answer(Thinking(text="Hm."), ANSWER), every(Thinking, "text")),
    signed("Claude's signature, on the next turn", Thinking(text="Hm.", signature="c2ln", origin="anthropic")),
    signed("Claude's redacted thought, on the next turn", RedactedThinking("ZGF0YQ==")),
    signed(
        "OpenAI's encrypted reasoning, on the next turn",
        Thinking(text="Hm.", signature="c2ln", origin="openai", item_id="rs_1"),
    ),
    signed("Gemini's signature, on the next turn", Thinking(text="", signature="c2ln", origin="gemini")),
    Said(
        "refusal",
        answer(Refusal("No."), stop=StopReason.REFUSAL),
        every(Refusal),
        way=("as text", lambda reply: every(Text, "text")(reply) == (("No.",),)),
    ),
    Said(
        "citation of a page",
        answer(citations=((0, Citation(url="https://example.com", title="E")),)),
        cited("url", "title"),
    ),
    Said(
        "its place in the text",
        answer(citations=((0, Citation(url="https://example.com", start=0, end=5)),)),
        cited("start", "end"),
    ),
    Said(
        "citation of a document, quoted",
        answer(citations=((0, Citation(title="E", cited_text="large")),)),
        cited("title", "cited_text"),
    ),
    *(stopping(reason) for reason in StopReason),
    Said(
        "which stop sequence",
        answer(stop=StopReason.STOP_SEQUENCE, stop_sequence="END"),
        lambda reply: reply.stop_sequence,
    ),
    Said("tokens in and out", answer(), lambda reply: (tokens("prompt_tokens")(reply), tokens("output_tokens")(reply))),
    Said("tokens read from a cache", counted(cache_read_tokens=7), tokens("cache_read_tokens")),
    Said("tokens written to a cache", counted(cache_write_tokens=7), tokens("cache_write_tokens")),
    Said(
        "of these, for an hour", counted(cache_write_tokens=7, cache_write_1h_tokens=4), tokens("cache_write_1h_tokens")
    ),
    Said("of the output, for thinking", counted(reasoning_tokens=7), tokens("reasoning_tokens")),
)


def handed_back(dialect: Dialect, reply: Reply) -> Reply:
    """What a caller of `dialect` hands back on its next turn, as a reply again: its SDK puts the answer into the
    history, unread.
    """
    said = msgspec.json.decode(dialect.encode_reply(reply, CALLER))
    body: dict[str, Any] = {"model": "m"}
    if dialect.name == "anthropic-messages":
        body |= {
            "max_tokens": 9,
            "messages": [_user("content", "Hi"), {"role": "assistant", "content": said["content"]}],
        }
    elif dialect.name == "openai-chat":
        body |= {"messages": [_user("content", "Hi"), said["choices"][0]["message"]]}
    elif dialect.name == "openai-responses":
        body |= {"input": [_user("content", "Hi"), *said["output"]]}
    elif dialect.name == "bedrock-converse":
        body = {"messages": [_user("content", [{"text": "Hi"}]), said["output"]["message"]]}
    else:
        body = {"contents": [_user("parts", [{"text": "Hi"}]), said["candidates"][0]["content"]]}
    history = dialect.decode_request(msgspec.json.encode(body)).messages
    parts = tuple(part for message in history if message.role == "assistant" for part in message.parts)
    return msgspec.structs.replace(reply, parts=parts)


def _user(key: str, content: Any) -> dict[str, Any]:
    return {"role": "user", key: content}
