"""The shapes of a generateContent request body, as typed structs (ai.google.dev/api/generate-content, Vertex AI's too).

Flows in: a caller's bytes in any spelling that Google takes. Flows out: a `Body`, or MalformedRequest /
UnsupportedFeature whose `param` is the path of the field at fault (`contents.3.parts.0.text`). Must stay true: every
key of every message is known by name, so that none is ever lost unseen.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

import msgspec

from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.complaints import Complaint, complaint_of, malformed
from sekisho.wire.gemini_generate.proto import plain

NAME = "gemini-generate"
#: How a refusal names the target, which a caller's request does not know yet.
ELSEWHERE = "the API format"


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A message of the API."""


class Blob(_Wire, frozen=True, kw_only=True):
    mime_type: str = ""
    data: str = ""
    display_name: str | None = None


class FileRef(_Wire, frozen=True, kw_only=True):
    mime_type: str = ""
    file_uri: str = ""
    display_name: str | None = None


class FunctionCall(_Wire, frozen=True, kw_only=True):
    id: str = ""
    name: str = ""
    args: dict[str, Any] | None = None
    partial_args: Any = None
    will_continue: bool = False


class FunctionResponsePart(_Wire, frozen=True, kw_only=True):
    inline_data: Blob | None = None
    file_data: FileRef | None = None
    document_metadata: Any = None
    audio_metadata: Any = None
    media_processing: Any = None
    media_resolution: Any = None
    spreadsheet_metadata: Any = None
    video_metadata: Any = None


class FunctionResponse(_Wire, frozen=True, kw_only=True):
    id: str = ""
    name: str = ""
    response: dict[str, Any] | None = None
    parts: list[FunctionResponsePart] = []
    scheduling: Any = None
    will_continue: bool = False


class PartIn(_Wire, frozen=True, kw_only=True):
    """One part; of the first group exactly one field is set."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileRef | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    code_execution_result: Any = None
    executable_code: Any = None
    tool_call: Any = None
    tool_response: Any = None
    thought: bool = False
    thought_signature: str = ""
    audio_metadata: Any = None
    audio_transcription: Any = None
    document_metadata: Any = None
    media_processing: Any = None
    media_resolution: Any = None
    part_metadata: Any = None
    speech_metadata: Any = None
    spreadsheet_metadata: Any = None
    video_metadata: Any = None


#: Of a part: what Google's own tools said and did; and what only tunes how the part is read.
PART_REFUSED = ("code_execution_result", "executable_code", "tool_call", "tool_response", "audio_transcription")
PART_TUNING = (
    "audio_metadata",
    "document_metadata",
    "media_processing",
    "media_resolution",
    "part_metadata",
    "speech_metadata",
    "spreadsheet_metadata",
    "video_metadata",
)


class Content(_Wire, frozen=True, kw_only=True):
    role: str = ""
    parts: list[PartIn] = []


class FunctionDeclaration(_Wire, frozen=True, kw_only=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    parameters_json_schema: Any = None
    #: What the function answers, and whether it blocks: told to the model, where it can be told.
    response: Any = None
    response_json_schema: Any = None
    behavior: Any = None


class ToolIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The caller's functions. The other keys are tools that Google runs itself: see `HOSTED` and decode_request.py."""

    function_declarations: list[FunctionDeclaration] = []


class FunctionCallingConfig(_Wire, frozen=True, kw_only=True):
    mode: str | int = "AUTO"
    allowed_function_names: list[str] = []
    stream_function_call_arguments: bool = False


class ToolConfig(_Wire, frozen=True, kw_only=True):
    function_calling_config: FunctionCallingConfig | None = None
    include_server_side_tool_invocations: bool = False
    retrieval_config: Any = None


class ThinkingConfig(_Wire, frozen=True, kw_only=True):
    include_thoughts: bool = False
    thinking_budget: int | None = None
    thinking_level: str | None = None


class GenerationConfig(_Wire, frozen=True, kw_only=True):
    candidate_count: int | None = None
    frequency_penalty: float | None = None
    logprobs: int | None = None
    max_output_tokens: int | None = None
    presence_penalty: float | None = None
    response_json_schema: Any = None
    response_logprobs: bool | None = None
    response_mime_type: str = ""
    response_modalities: list[str] = []
    response_schema: dict[str, Any] | None = None
    seed: int | None = None
    stop_sequences: list[str] = []
    temperature: float | None = None
    thinking_config: ThinkingConfig | None = None
    top_k: float | None = None
    top_p: float | None = None
    # They only tune how this API works.
    audio_timestamp: Any = None
    audio_transcription_config: Any = None
    enable_affective_dialog: Any = None
    enable_enhanced_civic_answers: Any = None
    media_resolution: Any = None
    model_selection_config: Any = None
    routing_config: Any = None
    # They change what is answered.
    image_config: Any = None
    response_format: Any = None
    speech_config: Any = None
    translation_config: Any = None


CONFIG_TUNING = (
    "audio_timestamp",
    "audio_transcription_config",
    "enable_affective_dialog",
    "enable_enhanced_civic_answers",
    "media_resolution",
    "model_selection_config",
    "routing_config",
)
CONFIG_REFUSED = ("image_config", "response_format", "speech_config", "translation_config")


class Body(_Wire, frozen=True, kw_only=True):
    """The whole request. `model` and `store` some clients repeat here; the path says the model."""

    contents: list[Content]
    system_instruction: Content | str | None = None
    tools: list[dict[str, Any]] = []
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    service_tier: str | None = None
    model: str | None = None
    # They only tune how this API works, and are named as untranslated.
    labels: Any = None
    safety_settings: Any = None
    store: Any = None
    # They change what is answered, and are refused.
    cached_content: Any = None
    model_armor_config: Any = None


TUNING = ("labels", "safety_settings", "store")
REFUSED = ("cached_content", "model_armor_config")
#: Tools that Google runs itself and that a model can do without. Others are refused.
HOSTED = (
    "codeExecution",
    "enterpriseWebSearch",
    "exaAiSearch",
    "googleMaps",
    "googleSearch",
    "googleSearchRetrieval",
    "parallelAiSearch",
    "urlContext",
)

Message = TypeVar("Message", bound=msgspec.Struct)


def read_json(body: bytes) -> dict[str, Any]:
    """The body's fields under one spelling each. Raises MalformedRequest."""
    try:
        value = plain(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedRequest("The request body is not valid JSON in UTF-8.") from None
    except RecursionError:
        raise MalformedRequest("The request body is nested too deeply.") from None
    if not isinstance(value, dict):
        raise MalformedRequest("The request body is not a JSON object.")
    return value


def read_body(body: bytes) -> Body:
    """Raises MalformedRequest or UnsupportedFeature with `param` naming the field."""
    return convert(read_json(body), Body)


def convert(value: Any, kind: type[Message], where: str = "") -> Message:
    """One message, read as leniently as protobuf's JSON is (numbers may be strings). `where` is its path."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        _explain(complaint_of(str(error), where))
    except RecursionError:
        raise MalformedRequest("The request body is nested too deeply.") from None


def _explain(complaint: Complaint) -> NoReturn:
    if complaint.unknown is not None:
        raise UnsupportedFeature(f"{complaint.path}.{complaint.unknown}".lstrip("."), ELSEWHERE)
    if complaint.missing is None and not complaint.what.startswith("Expected"):
        complaint = Complaint("Invalid value", complaint.path)
    raise malformed(complaint)
