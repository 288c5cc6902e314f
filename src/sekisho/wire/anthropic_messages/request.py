"""A caller's Messages request -> canonical.

Flows in: the body's bytes. Flows out: a Request in the caller's own order. Must stay true: text, tool arguments and
cache marks are taken over exactly; what only this API can do is refused by name, or, when it merely tunes, noted in
`untranslated`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    OutputSchema,
    Part,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.anthropic_messages import schema as wire
from sekisho.wire.raw_text import callers_text
from sekisho.wire.thoughts import read_redacted, read_thinking

#: Tools that Anthropic runs itself and that a model can do without, by the start of their type.
_HOSTED = ("web_search", "web_fetch", "tool_search")
#: Keys of a caller's own tool that tune how it is presented.
_TOOL_TUNING = ("defer_loading", "eager_input_streaming", "input_examples", "allowed_callers")
_INTERLEAVED = "interleaved-thinking-"
_SESSION = re.compile(r"_session_([0-9a-fA-F-]{8,64})$")


def decode_request(body: bytes) -> Request:
    """Raises MalformedRequest (not this dialect) or UnsupportedFeature (only this API can do it)."""
    asked = wire.read_body(body)
    for name in wire.REFUSED:
        if getattr(asked, name):
            raise UnsupportedFeature(name, wire.ELSEWHERE)
    notes = [name for name in wire.TUNING if getattr(asked, name)]
    tools = tuple(_tools(asked, notes))
    choice = asked.tool_choice if tools else None
    user = asked.metadata.user_id if asked.metadata is not None else None
    reasoning = _reasoning(asked)
    return Request(
        model=asked.model,
        messages=tuple(_messages(asked, notes)),
        tools=tools,
        tool_choice=_choice(choice),
        parallel_tool_calls=None if choice is None else _parallel(choice),
        max_tokens=asked.max_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=asked.top_k,
        stop=tuple(asked.stop_sequences or ()),
        reasoning=reasoning,
        output_schema=_output_schema(asked, notes),
        user=user,
        session=_session(user),
        service_tier={"standard_only": "default"}.get(asked.service_tier or "", asked.service_tier),
        stream=bool(asked.stream),
        # This API always reports usage and always signs its thoughts: its callers count on both.
        include_usage=True,
        include_encrypted_reasoning=reasoning is not None and reasoning.enabled,
        untranslated=tuple(dict.fromkeys(notes)),
    )


def _messages(asked: wire.Body, notes: list[str]) -> Iterator[Message]:
    if isinstance(asked.system, str):
        if asked.system:
            yield Message("system", (Text(asked.system),))
    elif asked.system:
        yield Message("system", tuple(Text(block.text, _mark(block.cache_control)) for block in asked.system))
    for at, message in enumerate(asked.messages):
        if isinstance(message.content, str):
            yield Message(message.role, (Text(message.content),))
        else:
            parts = (_part(block, f"messages.{at}.content.{i}", notes) for i, block in enumerate(message.content))
            yield Message(message.role, tuple(parts))


def _part(block: wire.ContentBlock, path: str, notes: list[str]) -> Part:
    if isinstance(block, wire.ThinkingBlock):
        return read_thinking(block.thinking, block.signature)
    if isinstance(block, wire.RedactedThinkingBlock):
        return read_redacted(block.data)
    if isinstance(block, wire.ToolUseBlock):
        return _tool_call(block, path)
    if isinstance(block, wire.ToolResultBlock):
        return _tool_result(block, notes)
    return _content(block, notes)


def _content(
    block: wire.TextBlock | wire.ImageBlock | wire.DocumentBlock | wire.ToolReferenceBlock, notes: list[str]
) -> Text | Image | Document:
    if isinstance(block, wire.TextBlock):
        if block.citations:
            notes.append("messages.content.citations")
        return Text(block.text, _mark(block.cache_control))
    if isinstance(block, wire.ImageBlock):
        return _image(block)
    if isinstance(block, wire.DocumentBlock):
        return _document(block)
    # Elsewhere every tool is offered from the start, so the reference is only news to the model.
    notes.append("messages.content.tool_reference")
    return Text(f"The tool '{block.tool_name}' is available.")


def _image(block: wire.ImageBlock) -> Image:
    source, cache = block.source, _mark(block.cache_control)
    if isinstance(source, wire.UrlSource):
        return Image(url=source.url, cache=cache)
    return Image(media_type=source.media_type, data=source.data, cache=cache)


def _document(block: wire.DocumentBlock) -> Document:
    source = block.source
    base = Document(
        name=block.title,
        context=block.context,
        citations=block.citations is not None and bool(block.citations.enabled),
        cache=_mark(block.cache_control),
    )
    if isinstance(source, wire.Base64Source):
        return msgspec.structs.replace(base, media_type=source.media_type, data=source.data)
    if isinstance(source, wire.UrlSource):
        return msgspec.structs.replace(base, url=source.url)
    if isinstance(source, wire.TextSource):
        return msgspec.structs.replace(base, media_type="text/plain", text=source.data)
    content = source.content
    text = content if isinstance(content, str) else "\n\n".join(part.text for part in content)
    return msgspec.structs.replace(base, media_type="text/plain", text=text)


def _tool_call(block: wire.ToolUseBlock, path: str) -> ToolCall:
    arguments = callers_text(block.input, f"{path}.input")
    if not arguments.startswith("{"):
        raise MalformedRequest(f"{path}.input: Expected `object`.", param=f"{path}.input")
    return ToolCall(id=block.id, name=block.name, arguments=arguments, cache=_mark(block.cache_control))


def _tool_result(block: wire.ToolResultBlock, notes: list[str]) -> ToolResult:
    content = block.content
    parts: tuple[Text | Image | Document, ...]
    if isinstance(content, str):
        parts = (Text(content),) if content else ()
    else:
        parts = tuple(_content(part, notes) for part in content or ())
    return ToolResult(
        call_id=block.tool_use_id, parts=parts, is_error=bool(block.is_error), cache=_mark(block.cache_control)
    )


def _mark(control: wire.CacheControl | None) -> CacheMark | None:
    return None if control is None else CacheMark(control.ttl)


def _tools(asked: wire.Body, notes: list[str]) -> Iterator[Tool]:
    tools = asked.tools or []
    own = [tool for tool in tools if tool.type in (None, "custom")]
    for at, tool in enumerate(tools):
        if tool.type in (None, "custom"):
            notes += [f"tools.{key}" for key in _TOOL_TUNING if getattr(tool, key)]
            yield _tool(tool, at)
        elif not str(tool.type).startswith(_HOSTED) or _forced(asked.tool_choice, tool, own):
            raise UnsupportedFeature(f"tools.{tool.type}", wire.ELSEWHERE)
        else:
            notes.append(f"tools.{tool.type}")


def _forced(choice: wire.ToolChoiceIn | None, hosted: wire.ToolIn, own: list[wire.ToolIn]) -> bool:
    """Whether the answer must come from this hosted tool, or from a hosted tool at all."""
    if choice is None:
        return False
    return (choice.type == "tool" and choice.name == hosted.name) or (choice.type == "any" and not own)


def _tool(tool: wire.ToolIn, at: int) -> Tool:
    if tool.name is None:
        raise MalformedRequest(f"tools.{at}.name: Field required.", param=f"tools.{at}.name")
    if tool.input_schema is None:
        raise MalformedRequest(f"tools.{at}.input_schema: Field required.", param=f"tools.{at}.input_schema")
    return Tool(
        name=tool.name,
        description=tool.description,
        parameters=tool.input_schema,
        strict=tool.strict,
        cache=_mark(tool.cache_control),
    )


def _choice(choice: wire.ToolChoiceIn | None) -> ToolChoice | None:
    if choice is None:
        return None
    if choice.type == "tool" and choice.name is None:
        raise MalformedRequest("tool_choice.name: Field required.", param="tool_choice.name")
    return ToolChoice(choice.type, choice.name if choice.type == "tool" else None)


def _parallel(choice: wire.ToolChoiceIn) -> bool | None:
    return None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use


def _reasoning(asked: wire.Body) -> Reasoning | None:
    thinking, config = asked.thinking, asked.output_config
    effort = config.effort if config is not None else None
    if thinking is None:
        return None if effort is None else Reasoning(effort=effort)
    if isinstance(thinking, wire.ThinkingDisabled):
        return Reasoning(enabled=False, effort=effort)
    summary = None if thinking.display == "omitted" else "auto"
    if isinstance(thinking, wire.ThinkingAdaptive):
        return Reasoning(adaptive=True, effort=effort, summary=summary)
    budget = thinking.budget_tokens
    return Reasoning(budget_tokens=budget, effort=effort, summary=summary, interleaved=_interleaved(asked))


def _interleaved(asked: wire.Body) -> bool:
    """Whether a beta in the body, where Bedrock's InvokeModel wants it, asks for thoughts between tool calls."""
    betas = asked.anthropic_beta if isinstance(asked.anthropic_beta, list) else []
    return any(isinstance(beta, str) and beta.startswith(_INTERLEAVED) for beta in betas)


def _output_schema(asked: wire.Body, notes: list[str]) -> OutputSchema | None:
    config = asked.output_config
    if config is not None and config.task_budget is not None:
        notes.append("output_config.task_budget")
    form = (config.format if config is not None else None) or asked.output_format
    return None if form is None else OutputSchema(schema=form.schema, strict=True)


def _session(user: str | None) -> str | None:
    """Claude Code puts its session into `user_id`: as JSON, in older versions as the end of a name."""
    if user is None:
        return None
    if user.startswith("{"):
        try:
            return msgspec.json.decode(user, type=_UserId).session_id or None
        except msgspec.DecodeError:
            return None
    match = _SESSION.search(user)
    return match[1] if match else None


class _UserId(msgspec.Struct, frozen=True):
    session_id: str | None = None
