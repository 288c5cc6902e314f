"""The shapes of an OpenAI chat completions request, as far as this gateway reads them.

Flows in: a caller's body. Flows out: typed structs; a wrong type is a MalformedRequest that names the field.
Must stay true: every field that other vendors or LiteLLM's callers add here is optional; a null is the same as an
absent field. Source: developers.openai.com/api/reference, chat completions; LiteLLM for the fields marked so.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sekisho.core.errors import MalformedRequest

#: The dialect's name in CLI, ledger, logs and error texts.
NAME = "openai-chat"


class Mark(msgspec.Struct):
    """`cache_control` of LiteLLM's callers, or OpenAI's own `prompt_cache_breakpoint`."""

    ttl: str | None = None


class ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class FileBody(msgspec.Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class PartBody(msgspec.Struct):
    """One content part of any type; `type` says which of the other fields matters."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None
    file: FileBody | None = None
    cache_control: Mark | None = None
    prompt_cache_breakpoint: Mark | None = None


class FunctionCallBody(msgspec.Struct):
    name: str
    arguments: str | None = None


class CustomCallBody(msgspec.Struct):
    name: str
    input: str = ""


class ToolCallBody(msgspec.Struct):
    id: str
    type: str | None = None
    function: FunctionCallBody | None = None
    custom: CustomCallBody | None = None
    extra_content: Any = None


class MessageBody(msgspec.Struct):
    """One message of any role. The last five fields carry thought: DeepSeek's, OpenRouter's, LiteLLM's, Google's."""

    role: str
    content: str | list[PartBody] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallBody] | None = None
    tool_call_id: str | None = None
    cache_control: Mark | None = None
    function_call: Any = None
    audio: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None
    extra_content: Any = None


class FunctionBody(msgspec.Struct):
    """`input_schema` is what callers write who took the tool from Anthropic's dialect."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: Mark | None = None


class CustomBody(msgspec.Struct):
    name: str
    description: str | None = None
    format: dict[str, Any] | None = None


class ToolBody(msgspec.Struct):
    type: str
    function: FunctionBody | None = None
    custom: CustomBody | None = None
    cache_control: Mark | None = None


class Named(msgspec.Struct):
    name: str


class ToolRef(msgspec.Struct):
    """A tool named in a choice."""

    type: str
    function: Named | None = None
    custom: Named | None = None


class AllowedTools(msgspec.Struct):
    mode: str
    tools: list[ToolRef]


class ChoiceBody(msgspec.Struct):
    type: str
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchemaBody(msgspec.Struct):
    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class FormatBody(msgspec.Struct):
    type: str
    json_schema: JsonSchemaBody | None = None


class ReasoningBody(msgspec.Struct):
    """OpenRouter's `reasoning` object and Anthropic's `thinking` object, as LiteLLM's callers send them."""

    type: str | None = None
    enabled: bool | None = None
    effort: str | None = None
    max_tokens: int | None = None
    budget_tokens: int | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class RequestBody(msgspec.Struct):
    """The whole body. Fields of type Any are only tested for presence: they are refused by name."""

    model: str
    messages: list[MessageBody]
    tools: list[ToolBody] | None = None
    tool_choice: ChoiceBody | str | None = None
    parallel_tool_calls: bool | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n: int | None = None
    response_format: FormatBody | None = None
    reasoning_effort: str | None = None
    reasoning: ReasoningBody | None = None
    thinking: ReasoningBody | None = None
    verbosity: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    modalities: list[str] | None = None
    functions: Any = None
    function_call: Any = None
    audio: Any = None
    prediction: Any = None
    web_search_options: Any = None
    moderation: Any = None


#: Fields that would change what is asked or answered and that no other dialect can say: refused by name.
REFUSED = ("functions", "function_call", "audio", "prediction", "web_search_options", "moderation")

#: Fields that callers of LiteLLM put into the body for the gateway, not for the provider.
FOR_THE_GATEWAY = frozenset(
    {
        "allowed_openai_params",
        "api_version",
        "cache",
        "caching",
        "context_window_fallback_dict",
        "disable_fallbacks",
        "drop_params",
        "enforced_params",
        "fallbacks",
        "guardrails",
        "litellm_metadata",
        "litellm_session_id",
        "litellm_trace_id",
        "num_retries",
        "request_timeout",
        "stream_timeout",
        "tags",
        "timeout",
    }
)

_body = msgspec.json.Decoder(RequestBody)
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])
_known = frozenset(RequestBody.__struct_fields__)
_where = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)


def read_request(body: bytes) -> tuple[RequestBody, tuple[str, ...]]:
    """The typed body, and the names of fields that this dialect does not know or that only tune the answer.

    Raises MalformedRequest; `param` is the path of the field at fault, as in "messages.2.content".
    """
    try:
        typed = _body.decode(body)
        keys = _keys.decode(body)
    except msgspec.ValidationError as error:
        raise _malformed(str(error)) from None
    except RecursionError:
        raise MalformedRequest("The request body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"The request body is not JSON: {str(error)[:120]}.") from None
    return typed, tuple(key for key, value in keys.items() if _is_unsaid(key, value))


def _is_unsaid(key: str, value: msgspec.Raw) -> bool:
    return key not in _known and key not in FOR_THE_GATEWAY and bytes(value) not in (b"null", b"{}", b"[]")


def _malformed(text: str) -> MalformedRequest:
    match = _where.fullmatch(text)
    if match is None:
        return MalformedRequest(f"The request body has the wrong shape: {text}.")
    what, path = match.groups()
    param = path.replace("[", ".").replace("]", "").lstrip(".")
    return MalformedRequest(f"Wrong value for '{param}': {what}.", param=param)
