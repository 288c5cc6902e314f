"""Script and Ask -> the Answer: what is said, in which pieces, and what it costs. No dialect yet.

Must stay true: the same script, request and serial number give the same answer, byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.providers.fake.ask import Ask, Tool
from sekisho.providers.fake.script import Script

_DEFAULT_TEXT = "This is a scripted answer. No model was asked, and nothing was spent."
#: What it thinks, when it thinks.
THOUGHTS = ("The user asks for something. ", "I shall answer ", "as the script says.")
_CHARS_PER_TOKEN = 4


class ToolUse(msgspec.Struct, frozen=True):
    """A call of a tool; `arguments` is JSON text, or free text of a custom tool."""

    name: str
    arguments: str
    custom: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a dialect's template needs. `usage` is what is billed; `tells_usage` whether the caller is told.
    `stop` is a stop reason in the dialect's own word, or "" for the natural one.
    """

    serial: int
    created_seconds: int
    model: str
    thoughts: tuple[str, ...]
    pieces: tuple[str, ...]
    tool: ToolUse | None
    usage: Usage
    tells_usage: bool
    stop: str

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)

    @property
    def thought(self) -> str:
        """The whole thought."""
        return "".join(self.thoughts)

    def made_id(self, prefix: str) -> str:
        """A provider's id: `prefix` and 24 characters that depend on the serial number only."""
        return prefix + hashlib.sha256(f"{prefix}{self.serial}".encode()).hexdigest()[:24]

    def signature(self) -> str:
        """What stands for a provider's signature of the thought."""
        return base64.b64encode(hashlib.sha512(self.thought.encode()).digest()).decode()


class Piece(msgspec.Struct, frozen=True):
    """One event of a stream, ready to send. `spoken` marks those that carry output, which are billed when sent."""

    data: bytes
    spoken: bool = False


def make_answer(script: Script, ask: Ask, serial: int, created_seconds: int) -> Answer:
    """What the scripted provider says to `ask`."""
    tool = _tool_use(script, ask)
    pieces = _pieces(script, bare=tool is not None)
    thoughts = THOUGHTS if script.thinking else ()
    spoken = len(pieces) + len(thoughts) + (2 if tool else 0)
    usage = Usage(
        input_tokens=ask.prompt_chars // _CHARS_PER_TOKEN if script.input_tokens is None else script.input_tokens,
        cache_read_tokens=script.cache_read_tokens,
        cache_write_tokens=script.cache_write_tokens,
        cache_write_1h_tokens=script.cache_write_1h_tokens,
        output_tokens=spoken if script.output_tokens is None else script.output_tokens,
        reasoning_tokens=script.reasoning_tokens or len(thoughts),
    )
    return Answer(
        serial=serial,
        created_seconds=created_seconds,
        model=ask.model,
        thoughts=thoughts,
        pieces=pieces,
        tool=tool,
        usage=usage,
        tells_usage=not script.no_usage,
        stop=script.stop,
    )


def _pieces(script: Script, *, bare: bool) -> tuple[str, ...]:
    if not script.text and script.chunks:
        return tuple(f"word{number} ".ljust(script.chunk_bytes, "x") for number in range(1, script.chunks + 1))
    if not script.text and bare:
        return ()
    text = script.text or _DEFAULT_TEXT
    if not script.chunks:
        return tuple(_words(text))
    ends = [len(text) * number // script.chunks for number in range(script.chunks + 1)]
    return tuple(text[start:end] for start, end in pairwise(ends))


def _words(text: str) -> Iterator[str]:
    first, *others = text.split(" ")
    yield first
    for word in others:
        yield f" {word}"


def _tool_use(script: Script, ask: Ask) -> ToolUse | None:
    if not script.tool or ask.has_tool_result:
        return None
    for tool in ask.tools:
        if script.tool in ("*", tool.name):
            return ToolUse(tool.name, script.args or _arguments(tool), tool.custom)
    return None


def _arguments(tool: Tool) -> str:
    return "scripted" if tool.custom else msgspec.json.encode(_instance(tool.schema)).decode()


def _instance(schema: dict[str, Any]) -> Any:
    """The smallest value that fits a tool's schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        wanted = schema.get("properties", {})
        return {name: _instance(wanted.get(name, {"type": "string"})) for name in schema.get("required", ())}
    return {"array": [], "integer": 1, "number": 1, "boolean": True, "null": None}.get(kind, "scripted")
