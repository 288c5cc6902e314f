"""Where each dialect keeps the system prompt, the conversation and the tools: one row a dialect.

Flows in: a request body as raw top-level values. Flows out: texts with the key they stand under, and names of tools.
Must stay true: any body gives an answer, a malformed one gives none; of a long conversation only the beginning, up to
the first turn of the user, is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

#: What decoding a caller's bytes may raise; the dialect's own codec tells the caller, here it is "no evidence".
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
#: Agents put at most a handful of turns before the user's first.
_OPENING_TURNS = 12


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The top-level keys of one dialect. `roles`: turns that are system prompt too."""

    system: tuple[str, ...]
    turns: str
    tools: str
    roles: frozenset[str] = frozenset()


PLACES: dict[str, Places] = {
    "anthropic-messages": Places(system=("system",), turns="messages", tools="tools"),
    "openai-chat": Places(system=(), turns="messages", tools="tools", roles=frozenset({"system", "developer"})),
    "openai-responses": Places(
        system=("instructions",), turns="input", tools="tools", roles=frozenset({"system", "developer"})
    ),
    "bedrock-converse": Places(system=("system",), turns="messages", tools="toolConfig"),
    "gemini-generate": Places(system=("systemInstruction", "system_instruction"), turns="contents", tools="tools"),
}


class _Part(msgspec.Struct):
    text: Any = None


class _Named(msgspec.Struct):
    name: Any = None


class _Tool(msgspec.Struct):
    """A tool in any dialect: flat, `function`, `custom`, a namespace of tools, `functionDeclarations`, `toolSpec`."""

    name: Any = None
    function: _Named | None = None
    custom: _Named | None = None
    tools: list[_Tool] | None = None
    declarations: list[_Named] | None = msgspec.field(default=None, name="functionDeclarations")
    spec: _Named | None = msgspec.field(default=None, name="toolSpec")


class _Turn(msgspec.Struct):
    role: Any = None
    content: str | list[_Part] | None = None
    parts: list[_Part] | None = None
    tools: list[_Tool] | None = None


_decode_prompt = msgspec.json.Decoder(str | list[_Part] | _Turn)
_decode_turns = msgspec.json.Decoder(str | list[msgspec.Raw])
_decode_turn = msgspec.json.Decoder(_Turn)
_decode_tools = msgspec.json.Decoder(list[_Tool] | _Tool)


class Opening(msgspec.Struct):
    """The beginning of a request: (key, text) of the system prompt and of the user's first turn, and tool names."""

    system: list[tuple[str, str]] = msgspec.field(default_factory=list)
    user: list[str] = msgspec.field(default_factory=list)
    tool_names: set[str] = msgspec.field(default_factory=set)


def read_opening(values: Mapping[str, msgspec.Raw], places: Places, *, with_turns: bool) -> Opening:
    """The opening of a request. Where the system prompt has a key of its own, turns are read only `with_turns`."""
    opening = Opening()
    for key in places.system:
        raw = values.get(key)
        if raw is not None:
            opening.system += [(key, text) for text in _prompt_texts(raw)]
    if with_turns or places.roles:
        for turn in _opening_turns(values.get(places.turns)):
            opening.tool_names.update(_names(turn.tools or []))
            if isinstance(turn.role, str) and turn.role in places.roles:
                opening.system += [(places.turns, text) for text in _texts(turn)]
            elif turn.role == "user":
                opening.user = list(_texts(turn))
                break
    return opening


def read_tool_names(values: Mapping[str, msgspec.Raw], places: Places) -> set[str]:
    """The names of the functions offered under the tools' key."""
    raw = values.get(places.tools)
    if raw is None:
        return set()
    try:
        tools = _decode_tools.decode(raw)
    except UNREADABLE:
        return set()
    return set(_names([tools] if isinstance(tools, _Tool) else tools))


def _prompt_texts(raw: msgspec.Raw) -> list[str]:
    try:
        prompt = _decode_prompt.decode(raw)
    except UNREADABLE:
        return []
    if isinstance(prompt, list):
        prompt = _Turn(content=prompt)
    return [prompt] if isinstance(prompt, str) else list(_texts(prompt))


def _opening_turns(raw: msgspec.Raw | None) -> Iterator[_Turn]:
    try:
        turns = _decode_turns.decode(raw) if raw is not None else []
        if isinstance(turns, str):
            yield _Turn(role="user", content=turns)
            return
        for turn in turns[:_OPENING_TURNS]:
            yield _decode_turn.decode(turn)
    except UNREADABLE:
        return


def _texts(turn: _Turn) -> Iterator[str]:
    if isinstance(turn.content, str):
        yield turn.content
        return
    for part in turn.content or turn.parts or []:
        if isinstance(part.text, str):
            yield part.text


def _names(tools: list[_Tool]) -> Iterator[str]:
    for tool in tools:
        if tool.tools is not None:
            yield from _names(tool.tools)
            continue
        for named in (tool.function, tool.custom, tool.spec, *(tool.declarations or ()), tool):
            if named is not None and isinstance(named.name, str):
                yield named.name
