"""Request bodies as agents send them: a question, and a long conversation full of tool results, in each dialect."""

from __future__ import annotations

import json
import random
from typing import Any

AGENT_BYTES = 235_000
STREAMED_AGENT_BYTES = 150_000
TOOL_NAMES = ("Bash", "Read", "Edit", "Write", "Grep", "Glob", "Task", "WebFetch", "TodoWrite")
SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string"}, "description": {"type": "string"}},
    "required": ["command"],
}
# Code as it stands in a tool result: short words, quotes and line ends to escape, a little Japanese.
WORDS = (
    "def",
    "return",
    "self",
    "for",
    "in",
    "import",
    "=",
    "None",
    "(request)",
    "->",
    "str:",
    '"text"',
    "# 行",
    "\n   ",
)


Json = dict[str, Any]


def small(path: str, model: str) -> bytes:
    """One short question."""
    return json.dumps({"model": model, **_opening(path), **_messages(path, [])}).encode()


def agent(path: str, model: str, size_bytes: int = AGENT_BYTES) -> bytes:
    """A conversation of about this size: calls of a shell tool and their results, nine tools on offer."""
    chance = random.Random(1)  # noqa: S311 - the same body each time
    outputs: list[str] = []
    length = 0
    while length < size_bytes * 0.95:
        output = " ".join(chance.choices(WORDS, k=chance.randrange(100, 800)))
        outputs.append(output)
        length += len(json.dumps(output)) + 250
    return json.dumps({"model": model, **_opening(path), **_messages(path, outputs), "tools": _tools(path)}).encode()


def streamed(body: bytes) -> bytes:
    return json.dumps({**json.loads(body), "stream": True}).encode()


def _opening(path: str) -> Json:
    return {"max_output_tokens": 8_192} if path.endswith("/responses") else {"max_tokens": 8_192}


def _messages(path: str, outputs: list[str]) -> Json:
    if path.endswith("/messages"):
        return _anthropic(outputs)
    return _responses(outputs) if path.endswith("/responses") else _chat(outputs)


def _call_id(number: int) -> str:
    return f"call_{number:024d}"


def _arguments(number: int) -> Json:
    return {"command": f"sed -n '1,200p' file{number}.py", "description": "read file"}


def _anthropic(outputs: list[str]) -> Json:
    cached = {"cache_control": {"type": "ephemeral"}}
    messages: list[Json] = [
        {"role": "user", "content": [{"type": "text", "text": "Please refactor the module.", **cached}]}
    ]
    for number, output in enumerate(outputs):
        use = {"type": "tool_use", "id": _call_id(number), "name": "Bash", "input": _arguments(number)}
        text = {"type": "text", "text": "I'll look at the file."}
        result = {"type": "tool_result", "tool_use_id": _call_id(number), "content": output}
        messages += [{"role": "assistant", "content": [text, use]}, {"role": "user", "content": [result]}]
    system = [{"type": "text", "text": "You are a careful engineer.", **cached}]
    return {"system": system, "messages": messages}


def _chat(outputs: list[str]) -> Json:
    messages: list[Json] = [
        {"role": "system", "content": "You are a careful engineer."},
        {"role": "user", "content": "Please refactor the module."},
    ]
    for number, output in enumerate(outputs):
        function = {"name": "Bash", "arguments": json.dumps(_arguments(number))}
        call = {"id": _call_id(number), "type": "function", "function": function}
        messages += [
            {"role": "assistant", "content": "I'll look at the file.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": _call_id(number), "content": output},
        ]
    return {"messages": messages}


def _responses(outputs: list[str]) -> Json:
    items: list[Json] = [{"role": "user", "content": [{"type": "input_text", "text": "Please refactor the module."}]}]
    for number, output in enumerate(outputs):
        call = {"call_id": _call_id(number), "name": "Bash", "arguments": json.dumps(_arguments(number))}
        items += [
            {"type": "function_call", **call},
            {"type": "function_call_output", "call_id": _call_id(number), "output": output},
        ]
    return {"instructions": "You are a careful engineer.", "input": items, "store": False}


def _tools(path: str) -> list[Json]:
    described = [{"name": name, "description": "d" * 400} for name in TOOL_NAMES]
    if path.endswith("/messages"):
        return [{**tool, "input_schema": SCHEMA} for tool in described]
    if path.endswith("/responses"):
        return [{"type": "function", **tool, "parameters": SCHEMA, "strict": False} for tool in described]
    return [{"type": "function", "function": {**tool, "parameters": SCHEMA}} for tool in described]
