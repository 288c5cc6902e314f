"""What a script needs to know about a request, read leniently from any of the dialects.

Flows in: a route and a body. Flows out: an Ask, or AskError for what the real provider would refuse as well.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import msgspec

from sekisho.providers.fake.paths import Api, Route

Json = dict[str, Any]

_REQUIRED: dict[Api, tuple[tuple[str, type | tuple[type, ...]], ...]] = {
    "messages": (("messages", list), ("max_tokens", int)),
    "count_tokens": (("messages", list),),
    "chat": (("messages", list),),
    "responses": (("input", (str, list)),),
    "count_responses": (),
    "completions": (("prompt", (str, list)),),
    "embeddings": (("input", (str, list)),),
    "converse": (("messages", list),),
    "nova": (("messages", list),),
    "count_invoke": (("input", dict),),
    "generate": (("contents", (list, dict)),),
    "count_generate": (),
    "embed": (("content", dict),),
    "embed_batch": (("requests", list),),
    "predict": (("instances", list),),
}


class AskError(ValueError):
    """`field` is missing or has the wrong type."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Tool(msgspec.Struct, frozen=True):
    """A tool on offer; `custom` ones take free text instead of JSON."""

    name: str
    schema: Json
    custom: bool = False


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `user_text` is the last user message that has text; `prompt_chars` the length of its JSON."""

    api: Api
    body: Json
    model: str
    stream: bool
    user_text: str
    tools: tuple[Tool, ...]
    has_tool_result: bool
    prompt_chars: int


def read_ask(route: Route, raw: bytes) -> Ask:
    """A request body -> Ask. Raises AskError as the real provider would answer 400."""
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise AskError("body", "The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise AskError("body", "The body must be a JSON object.")
    api = _api_of(route.api, body, route.model or "")
    required = _REQUIRED[api] if route.model is not None else (("model", str), *_REQUIRED[api])
    for field, kind in required:
        if field not in body:
            raise AskError(field, f"{field}: field required")
        if not isinstance(body[field], kind):
            raise AskError(field, f"{field}: wrong type")
    shape, said = _counted(api, body)
    try:
        return Ask(
            api=api,
            body=body,
            model=route.model if route.model is not None else body["model"],
            stream=route.stream if route.stream is not None else body.get("stream") is True,
            user_text=_last_user_text(shape, said),
            tools=tuple(_tools(shape, said)),
            has_tool_result=_has_tool_result(shape, said),
            prompt_chars=len(raw),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise AskError("body", "Something in the body is missing or of the wrong type.") from error


def _api_of(api: Api, body: Json, model: str = "") -> Api:
    """Whose body InvokeModel was given, for a model whose name may tell."""
    if api != "invoke":
        return api
    if "anthropic_version" in body:
        return "messages"
    turns = body.get("messages")
    contents = [turn.get("content") for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    parts = [part for content in contents if isinstance(content, list) for part in content]
    untyped = any(isinstance(part, dict) and "type" not in part for part in parts)
    return "nova" if "nova" in model or "schemaVersion" in body or untyped else "chat"


def _counted(api: Api, body: Json) -> tuple[Api, Json]:
    """The request that is asked about, where its tokens are to be counted."""
    if api == "count_tokens":
        return "messages", body
    if api == "count_responses":
        return "responses", body
    if api == "count_generate":
        return "generate", body.get("generateContentRequest", body)
    if api != "count_invoke":
        return api, body
    asked = body["input"]
    if isinstance(asked.get("converse"), dict):
        return "converse", asked["converse"]
    try:
        inner = msgspec.json.decode(base64.b64decode(asked["invokeModel"]["body"]))
        return _api_of("invoke", inner), inner
    except (KeyError, TypeError, AttributeError, binascii.Error, msgspec.DecodeError) as error:
        raise AskError("input", "input: exactly one of converse and invokeModel is required") from error


def _turns(api: Api, body: Json) -> list[Json]:
    named = {"generate": "contents", "responses": "input"}.get(api, "messages")
    turns = body.get(named)
    turns = [turns] if isinstance(turns, dict) else turns
    return [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []


def _last_user_text(api: Api, body: Json) -> str:
    plain = body.get("prompt") if api == "completions" else body.get("input")
    if isinstance(plain, str):
        return plain
    if isinstance(plain, list) and all(isinstance(part, str) for part in plain):
        return "\n".join(plain)
    if api in ("embed", "embed_batch", "predict"):
        return "\n".join(embedded_texts(api, body))
    for turn in reversed(_turns(api, body)):
        if turn.get("role", "user") == "user" and (text := _text(turn.get("content", turn.get("parts")))):
            return text
    return ""


def embedded_texts(api: Api, body: Json) -> list[str]:
    """The texts that Google is asked to embed."""
    if api == "predict":
        return [str(instance.get("content", "")) for instance in body["instances"] if isinstance(instance, dict)]
    contents = [body["content"]] if api == "embed" else [request.get("content", {}) for request in body["requests"]]
    return [_text(content.get("parts")) for content in contents]


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _tools(api: Api, body: Json) -> Iterator[Tool]:
    if api in ("converse", "nova"):
        for tool in (body.get("toolConfig") or {}).get("tools") or []:
            if spec := tool.get("toolSpec"):
                yield Tool(spec["name"], spec["inputSchema"].get("json") or {})
        return
    for tool in body.get("tools") or []:
        if api == "messages" and isinstance(tool.get("input_schema"), dict):
            yield Tool(tool["name"], tool["input_schema"])
        elif api == "chat" and tool.get("type") == "function":
            yield Tool(tool["function"]["name"], tool["function"].get("parameters") or {})
        elif api == "responses" and tool.get("type") in ("function", "custom"):
            yield Tool(tool["name"], tool.get("parameters") or {}, custom=tool["type"] == "custom")
        elif api == "generate":
            yield from _functions(tool)


def _functions(tool: Json) -> Iterator[Tool]:
    """Google takes both spellings of a key, and schemas of two kinds; the older one writes its types in capitals."""
    for function in tool.get("functionDeclarations") or tool.get("function_declarations") or []:
        schema = function.get("parametersJsonSchema") or function.get("parameters") or {}
        yield Tool(function["name"], _in_small_letters(schema))


def _in_small_letters(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: value.lower() if key == "type" and isinstance(value, str) else _in_small_letters(value)
            for key, value in schema.items()
        }
    return schema


def _has_tool_result(api: Api, body: Json) -> bool:
    turns = _turns(api, body)
    if api == "chat":
        return any(turn.get("role") == "tool" for turn in turns)
    if api == "responses":
        return any(str(turn.get("type", "")).endswith("_call_output") for turn in turns)
    contents = [turn.get("content", turn.get("parts")) for turn in turns]
    parts = [part for content in contents if isinstance(content, list) for part in content if isinstance(part, dict)]
    results = ("toolResult", "functionResponse", "function_response")
    return any(part.get("type") == "tool_result" or any(key in part for key in results) for part in parts)
