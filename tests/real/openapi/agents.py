"""An OpenAPI document of what agents call: every path of `api/llm/routes.py`, with bodies of each dialect's words.

Flows in: the table of paths. Flows out: the document, loose on purpose: a fuzzer finds in it the fields that the
codecs read, each of the right type or of any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sekisho.api.llm.routes import SURFACES, both
from sekisho.exchange.call import Surface

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "maxLength": 40}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": -1, "maximum": 100_000}
ANY: Schema = {}
URLS = ["data:image/png;base64,iVBORw0KGgo=", "data:text/plain,x", "http://127.0.0.1:1/x", "file:///etc/passwd", "x://"]
PICTURE: Schema = {"type": "string", "enum": URLS}


def one_of(*values: Any) -> Schema:
    return {"enum": list(values)}


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def many(schema: Schema) -> Schema:
    return {"type": "array", "items": schema, "maxItems": 4}


def fields(required: Sequence[str] = (), /, **properties: Schema) -> Schema:
    """An object; fields beyond these may stand in it too."""
    return {"type": "object", "properties": properties, "required": list(required)}


FUNCTION = fields(["name"], name=either(one_of("look", "bash"), TEXT), description=TEXT, parameters=ANY, strict=ANY)
_CALLED = fields(["id"], id=TEXT, type=one_of("function"), function=fields(name=TEXT, arguments=either(TEXT, ANY)))
_CHAT_PARTS = many(
    either(
        fields(["type"], type=one_of("text"), text=TEXT),
        fields(["type"], type=one_of("image_url"), image_url=fields(url=PICTURE, detail=TEXT)),
        fields(["type"], type=one_of("file"), file=fields(file_data=PICTURE, filename=TEXT)),
        fields(["type"], type=one_of("input_audio", "refusal", "thinking"), input_audio=ANY, refusal=TEXT),
    )
)
CHAT_MESSAGE = fields(
    ["role"],
    role=one_of("system", "developer", "user", "assistant", "tool"),
    content=either(TEXT, _CHAT_PARTS, {"type": "null"}),
    tool_calls=many(_CALLED),
    tool_call_id=TEXT,
    reasoning_content=TEXT,
)
CHAT = fields(
    ["model", "messages"],
    messages=many(CHAT_MESSAGE),
    tools=many(fields(["type"], type=one_of("function", "custom"), function=FUNCTION)),
    tool_choice=either(one_of("auto", "none", "required"), ANY),
    stream={"type": "boolean"},
    stream_options=ANY,
    max_tokens=COUNT,
    max_completion_tokens=COUNT,
    temperature=NUMBER,
    n=COUNT,
    stop=either(TEXT, many(TEXT)),
    response_format=fields(type=one_of("text", "json_object", "json_schema"), json_schema=ANY),
    reasoning_effort=either(one_of("none", "low", "high"), TEXT),
    metadata=fields(tags=either(many(TEXT), ANY), session_id=TEXT),
    user=TEXT,
)
_MARK = fields(type=one_of("ephemeral"), ttl=one_of("5m", "1h", "x"))
_SOURCE = fields(["type"], type=one_of("base64", "url", "text"), media_type=TEXT, data=TEXT, url=PICTURE)
_BLOCKS = many(
    either(
        fields(["type"], type=one_of("text"), text=TEXT, cache_control=_MARK, citations=ANY),
        fields(["type"], type=one_of("image", "document"), source=_SOURCE, title=TEXT),
        fields(["type"], type=one_of("tool_use"), id=TEXT, name=TEXT, input=ANY),
        fields(["type"], type=one_of("tool_result"), tool_use_id=TEXT, content=either(TEXT, ANY), is_error=ANY),
        fields(["type"], type=one_of("thinking", "redacted_thinking"), thinking=TEXT, signature=TEXT, data=TEXT),
    )
)
MESSAGES = fields(
    ["model", "messages", "max_tokens"],
    messages=many(fields(["role"], role=one_of("user", "assistant"), content=either(TEXT, _BLOCKS))),
    system=either(TEXT, _BLOCKS),
    max_tokens=COUNT,
    tools=many(fields(["name"], name=TEXT, description=TEXT, input_schema=ANY, type=TEXT, cache_control=_MARK)),
    tool_choice=fields(type=one_of("auto", "any", "tool", "none"), name=TEXT),
    thinking=fields(type=one_of("enabled", "disabled", "adaptive"), budget_tokens=COUNT),
    stream={"type": "boolean"},
    temperature=NUMBER,
    stop_sequences=many(TEXT),
    metadata=fields(user_id=TEXT),
    output_config=ANY,
)
_ITEM = either(
    fields(["role"], type=one_of("message"), role=one_of("user", "system", "assistant"), content=either(TEXT, ANY)),
    fields(["type"], type=one_of("function_call"), call_id=TEXT, name=TEXT, arguments=TEXT),
    fields(["type"], type=one_of("function_call_output"), call_id=TEXT, output=either(TEXT, ANY)),
    fields(["type"], type=one_of("reasoning"), id=TEXT, summary=ANY, encrypted_content=TEXT),
    fields(["type"], type=TEXT),
)
RESPONSES = fields(
    ["model", "input"],
    input=either(TEXT, many(_ITEM)),
    instructions=TEXT,
    tools=many(
        fields(["type"], type=one_of("function", "custom", "web_search"), name=TEXT, parameters=ANY, format=ANY)
    ),
    tool_choice=either(one_of("auto", "none", "required"), ANY),
    stream={"type": "boolean"},
    max_output_tokens=COUNT,
    reasoning=fields(effort=TEXT, summary=TEXT),
    text=ANY,
    include=many(TEXT),
    previous_response_id=TEXT,
    background=ANY,
    store=ANY,
)
_GEMINI_PART = fields(
    text=TEXT,
    inlineData=fields(mimeType=TEXT, data=TEXT),
    fileData=fields(fileUri=PICTURE, mimeType=TEXT),
    functionCall=fields(name=TEXT, args=ANY),
    functionResponse=fields(name=TEXT, response=ANY),
    thought={"type": "boolean"},
    thoughtSignature=TEXT,
)
_CONTENT = fields(role=one_of("user", "model", "function"), parts=many(_GEMINI_PART))
GEMINI = fields(
    ["contents"],
    contents=many(_CONTENT),
    systemInstruction=_CONTENT,
    tools=many(fields(functionDeclarations=many(FUNCTION), googleSearch=ANY)),
    toolConfig=ANY,
    generationConfig=fields(maxOutputTokens=COUNT, temperature=NUMBER, thinkingConfig=ANY, responseSchema=ANY),
    content=_CONTENT,
    requests=many(fields(content=_CONTENT, model=TEXT)),
)
_CONVERSE_BLOCK = either(
    fields(["text"], text=TEXT),
    fields(["image"], image=fields(format=one_of("png", "x"), source=fields(bytes=TEXT))),
    fields(["document"], document=fields(format=TEXT, name=TEXT, source=fields(bytes=TEXT, text=TEXT))),
    fields(["toolUse"], toolUse=fields(toolUseId=TEXT, name=TEXT, input=ANY)),
    fields(["toolResult"], toolResult=fields(toolUseId=TEXT, content=ANY, status=TEXT)),
    fields(["cachePoint"], cachePoint=fields(type=TEXT)),
    fields(["reasoningContent"], reasoningContent=ANY),
)
CONVERSE = fields(
    ["messages"],
    messages=many(fields(["role"], role=one_of("user", "assistant"), content=many(_CONVERSE_BLOCK))),
    system=many(_CONVERSE_BLOCK),
    inferenceConfig=fields(maxTokens=COUNT, temperature=NUMBER, topP=NUMBER, stopSequences=many(TEXT)),
    toolConfig=fields(tools=many(fields(toolSpec=ANY)), toolChoice=ANY),
    additionalModelRequestFields=ANY,
    input=ANY,
)
PLAIN = fields(["model"], prompt=either(TEXT, ANY), input=either(TEXT, many(TEXT), ANY), stream={"type": "boolean"})
COUNTED = fields(["model"], messages=many(CHAT_MESSAGE), prompt=TEXT, contents=ANY)
_BODIES = {
    "anthropic-messages": MESSAGES,
    "openai-chat": CHAT,
    "openai-responses": RESPONSES,
    "gemini-generate": GEMINI,
    "bedrock-converse": CONVERSE,
}
_OTHER = {"completions": PLAIN, "embeddings": PLAIN, "token_counter": COUNTED}
_HEADERS = (
    "x-litellm-tags",
    "x-litellm-spend-logs-metadata",
    "anthropic-beta",
    "x-session-id",
    "user-agent",
    "traceparent",
)


def document(models: Sequence[str]) -> dict[str, Any]:
    """The paths, with and without their `/v1`; where a model is named, it is one of these or any."""
    paths: dict[str, dict[str, Any]] = {}
    for surface in SURFACES:
        for path in both(surface.path):
            paths.setdefault(path, {})[surface.method.lower()] = _operation(surface, path, models)
    return {"openapi": "3.1.0", "info": {"title": "agents", "version": "1"}, "paths": paths}


def _operation(surface: Surface, path: str, models: Sequence[str]) -> dict[str, Any]:
    model = either(one_of(*models), TEXT)
    named = [name for name in ("model", "project", "location") if f"{{{name}}}" in path]
    parameters: list[Any] = [
        {"name": name, "in": "path", "required": True, "schema": model if name == "model" else one_of("p")}
        for name in named
    ]
    parameters += [{"name": name, "in": "header", "schema": TEXT} for name in _HEADERS]
    told: dict[str, Any] = {"parameters": parameters, "responses": {"default": {"description": "an answer"}}}
    if surface.method == "POST":
        body = _OTHER.get(surface.operation) or _BODIES[surface.dialect.split("@")[0]]
        body = body | {"properties": body["properties"] | {"model": model}}
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return told
