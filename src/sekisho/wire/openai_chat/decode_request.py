"""A caller's chat completions request -> canonical request.

Flows in: the body's bytes. Flows out: a Request, or an error that names the field.
Must stay true: presence is tested, never truth (temperature 0 survives); a field that only tunes the answer and that
no other dialect knows is named in `untranslated`; a field that changes what is asked is refused.
"""

from __future__ import annotations

from msgspec.structs import replace

from sekisho.canonical.request import OutputSchema, Reasoning, Request, Tool, ToolChoice
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.openai_chat.decode_messages import ELSEWHERE, cache_mark, read_messages
from sekisho.wire.openai_chat.schema import (
    REFUSED,
    ChoiceBody,
    RequestBody,
    ToolBody,
    ToolRef,
    read_request,
)


def decode_request(body: bytes) -> Request:
    """The request. Raises MalformedRequest and UnsupportedFeature, nothing else."""
    typed, unsaid = read_request(body)
    _refuse(typed)
    tools = tuple(_tool(tool, f"tools.{at}") for at, tool in enumerate(typed.tools or ()))
    names = ("messages.name",) if any(message.name for message in typed.messages) else ()
    return Request(
        model=typed.model,
        messages=read_messages(typed.messages),
        tools=tools,
        tool_choice=_choice(typed.tool_choice),
        parallel_tool_calls=typed.parallel_tool_calls,
        max_tokens=typed.max_tokens if typed.max_completion_tokens is None else typed.max_completion_tokens,
        temperature=typed.temperature,
        top_p=typed.top_p,
        top_k=typed.top_k,
        stop=_stop(typed),
        seed=typed.seed,
        presence_penalty=typed.presence_penalty,
        frequency_penalty=typed.frequency_penalty,
        logprobs=typed.logprobs,
        top_logprobs=typed.top_logprobs,
        verbosity=typed.verbosity,
        reasoning=_reasoning(typed),
        output_schema=_output_schema(typed),
        user=typed.user if typed.safety_identifier is None else typed.safety_identifier,
        session=typed.prompt_cache_key,
        service_tier=typed.service_tier,
        stream=typed.stream is True,
        include_usage=typed.stream_options is not None and typed.stream_options.include_usage is True,
        untranslated=(*unsaid, *names),
    )


def _refuse(typed: RequestBody) -> None:
    if not typed.messages:
        raise MalformedRequest("'messages' is empty; it needs at least one message.", param="messages")
    for name in REFUSED:
        if getattr(typed, name) is not None:
            advice = "Use 'tools' instead." if name in ("functions", "function_call") else ""
            raise UnsupportedFeature(name, ELSEWHERE, advice)
    if typed.n is not None and typed.n < 1:
        raise MalformedRequest("'n' must be at least 1.", param="n")
    if typed.n is not None and typed.n > 1:
        raise UnsupportedFeature("n", ELSEWHERE, "Ask for one choice, several times.")
    if any(modality != "text" for modality in typed.modalities or ()):
        raise UnsupportedFeature("modalities", ELSEWHERE, "Only text is translated.")


def _tool(body: ToolBody, path: str) -> Tool:
    if body.type == "function" and body.function is not None:
        function = body.function
        schema = function.input_schema if function.parameters is None else function.parameters
        return Tool(
            name=function.name,
            description=function.description,
            parameters=schema,
            strict=function.strict,
            cache=cache_mark(body.cache_control or function.cache_control),
        )
    if body.type == "custom" and body.custom is not None:
        return Tool(
            name=body.custom.name,
            description=body.custom.description,
            custom=True,
            format=_flat_format(body),
            cache=cache_mark(body.cache_control),
        )
    if body.type in ("function", "custom"):
        raise MalformedRequest(f"'{path}.{body.type}' is missing.", param=f"{path}.{body.type}")
    raise UnsupportedFeature(path, ELSEWHERE, f"It is a tool of type '{body.type[:40]}', which the provider runs.")


def _flat_format(body: ToolBody) -> dict[str, object] | None:
    """The grammar as Responses writes it (one level), which is the canonical form."""
    form = body.custom.format if body.custom is not None else None
    if form is not None and isinstance(form.get("grammar"), dict):
        return {"type": "grammar", **form["grammar"]}
    return form


def _choice(body: ChoiceBody | str | None) -> ToolChoice | None:
    if body is None:
        return None
    if isinstance(body, str):
        return _mode(body, "tool_choice")
    if body.type == "allowed_tools" and body.allowed_tools is not None:
        choice = _mode(body.allowed_tools.mode, "tool_choice.allowed_tools.mode")
        return replace(choice, allowed=tuple(_name(tool) for tool in body.allowed_tools.tools))
    return ToolChoice("tool", _name(body))


def _mode(word: str, path: str) -> ToolChoice:
    if word == "auto":
        return ToolChoice("auto")
    if word == "none":
        return ToolChoice("none")
    if word in ("required", "any"):
        return ToolChoice("any")
    raise MalformedRequest(f"'{path}' must be auto, none, required, or an object that names a tool.", param=path)


def _name(ref: ToolRef | ChoiceBody) -> str:
    named = ref.function if ref.type == "function" else ref.custom if ref.type == "custom" else None
    if named is None:
        raise MalformedRequest("'tool_choice' names no function or custom tool.", param="tool_choice")
    return named.name


def _stop(typed: RequestBody) -> tuple[str, ...]:
    if typed.stop is None:
        return ()
    return (typed.stop,) if isinstance(typed.stop, str) else tuple(typed.stop)


def _reasoning(typed: RequestBody) -> Reasoning | None:
    """OpenAI's effort, else Anthropic's `thinking` (LiteLLM's callers), else OpenRouter's `reasoning`."""
    if typed.reasoning_effort is not None:
        return Reasoning(enabled=typed.reasoning_effort != "none", effort=typed.reasoning_effort)
    body = typed.thinking or typed.reasoning
    if body is None:
        return None
    off = body.type == "disabled" or body.enabled is False or body.effort == "none"
    return Reasoning(
        enabled=not off,
        effort=body.effort,
        budget_tokens=body.max_tokens if body.budget_tokens is None else body.budget_tokens,
        adaptive=body.type == "adaptive",
    )


def _output_schema(typed: RequestBody) -> OutputSchema | None:
    body = typed.response_format
    if body is None or body.type == "text":
        return None
    if body.type == "json_object":
        return OutputSchema()
    if body.type != "json_schema":
        raise UnsupportedFeature("response_format", ELSEWHERE, "It may be text, json_object or json_schema.")
    schema = body.json_schema
    if schema is None or schema.schema is None:
        param = "response_format.json_schema.schema"
        raise MalformedRequest(f"'{param}' is missing.", param=param)
    return OutputSchema(name=schema.name, description=schema.description, schema=schema.schema, strict=schema.strict)
