"""What a script needs to know about a request, read leniently from any of the dialects.

Flows in: path and body. Flows out: an Ask, or AskError for what the real provider would refuse as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

Api = Literal["messages", "count_tokens", "chat", "responses", "completions", "embeddings"]

#: Path without `/v1` -> API.
PATHS: dict[str, Api] = {
    "/messages": "messages",
    "/messages/count_tokens": "count_tokens",
    "/chat/completions": "chat",
    "/responses": "responses",
    "/completions": "completions",
    "/embeddings": "embeddings",
}
_REQUIRED: dict[Api, tuple[tuple[str, type | tuple[type, ...]], ...]] = {
    "messages": (("messages", list), ("max_tokens", int)),
    "count_tokens": (("messages", list),),
    "chat": (("messages", list),),
    "responses": (("input", (str, list)),),
    "completions": (("prompt", (str, list)),),
    "embeddings": (("input", (str, list)),),
}


class AskError(ValueError):
    """`field` is missing or has the wrong type."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Tool(msgspec.Struct, frozen=True):
    """A tool on offer; `custom` ones take free text instead of JSON."""

    name: str
    schema: dict[str, Any]
    custom: bool = False


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `user_text` is the last user message that has text; `prompt_chars` the length of its JSON."""

    api: Api
    body: dict[str, Any]
    model: str
    stream: bool
    user_text: str
    tools: tuple[Tool, ...]
    has_tool_result: bool
    prompt_chars: int


def read_ask(api: Api, raw: bytes) -> Ask:
    """A request body -> Ask. Raises AskError as the real provider would answer 400."""
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise AskError("body", "The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise AskError("body", "The body must be a JSON object.")
    for field, kind in (("model", str), *_REQUIRED[api]):
        if field not in body:
            raise AskError(field, f"{field}: field required")
        if not isinstance(body[field], kind):
            raise AskError(field, f"{field}: wrong type")
    return Ask(
        api=api,
        body=body,
        model=body["model"],
        stream=body.get("stream") is True,
        user_text=_last_user_text(api, body),
        tools=tuple(_tools(api, body)),
        has_tool_result=_has_tool_result(api, body),
        prompt_chars=len(raw),
    )


def _turns(api: Api, body: dict[str, Any]) -> list[dict[str, Any]]:
    turns = body.get("messages") if api in ("messages", "count_tokens", "chat") else body.get("input")
    return [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []


def _last_user_text(api: Api, body: dict[str, Any]) -> str:
    plain = body.get("prompt") if api == "completions" else body.get("input")
    if isinstance(plain, str):
        return plain
    if isinstance(plain, list) and all(isinstance(part, str) for part in plain):
        return "\n".join(plain)
    for turn in reversed(_turns(api, body)):
        if turn.get("role") == "user" and (text := _text(turn.get("content"))):
            return text
    return ""


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _tools(api: Api, body: dict[str, Any]) -> Iterator[Tool]:
    for tool in body.get("tools") or []:
        if api == "messages" and isinstance(tool.get("input_schema"), dict):
            yield Tool(tool["name"], tool["input_schema"])
        elif api == "chat" and tool.get("type") == "function":
            yield Tool(tool["function"]["name"], tool["function"].get("parameters") or {})
        elif api == "responses" and tool.get("type") in ("function", "custom"):
            yield Tool(tool["name"], tool.get("parameters") or {}, custom=tool["type"] == "custom")


def _has_tool_result(api: Api, body: dict[str, Any]) -> bool:
    turns = _turns(api, body)
    if api == "chat":
        return any(turn.get("role") == "tool" for turn in turns)
    if api == "responses":
        return any(str(turn.get("type", "")).endswith("_call_output") for turn in turns)
    contents = [turn["content"] for turn in turns if isinstance(turn.get("content"), list)]
    return any(isinstance(p, dict) and p.get("type") == "tool_result" for parts in contents for p in parts)
