"""How many input tokens a request takes, from above, where no provider counts it.

Flows in: a request body of any dialect, the model's name. Flows out: tokens. Must stay true: it is not low (agents cut
their context by it): each kind of character counts what the worst tokenizer of the model's family needs for it, each
image and page its largest size; a file behind an id is one page, what a hosted tool will fetch cannot count, and
`unseen` names what makes any estimate low.
The figures: measured against the providers' own counts and against the published vocabularies, rounded up.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


class Weights(msgspec.Struct, frozen=True):
    """Thousandths of a token for a byte of each kind; `run` is text without a gap (base64, hashes), `sealed` an
    encrypted thought.
    """

    lower: int
    upper: int
    digit: int
    sign: int
    space: int
    line: int
    other: int
    astral: int = 750
    run: int = 750
    sealed: int = 250

    def times(self, percent: int) -> Weights:
        """Every weight by so many hundredths."""
        return Weights(*(weight * percent // 100 for weight in msgspec.structs.astuple(self)))


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that a family of models adds: to every request, where there are tools, for each tool that the provider
    runs or knows itself, for a JSON schema of the answer, for citing; and of an image and a page of a PDF at their
    largest.
    """

    weights: Weights
    request: int
    tools: int
    hosted: int
    schema: int
    citing: int = 0
    image: int
    page: int


_BYTE_PAIRS = Weights(240, 550, 660, 800, 200, 800, 600)
_CLAUDE = Weights(250, 600, 660, 950, 250, 800, 650)
#: One digit a token, as in the sentence pieces of Google and Meta.
_PIECES = Weights(250, 600, 1000, 950, 250, 1000, 650)

#: (pattern of the model's name, family); the first that fits counts, the last fits all.
FAMILIES: tuple[tuple[re.Pattern[str], Family], ...] = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (
            # Newer tokenizers take up to a third more, newer models larger images.
            r"claude-((opus|sonnet|haiku)-(4[-.][7-9]|[5-9])|fable|mythos)",
            Family(
                weights=_CLAUDE.times(140),
                request=60,
                tools=1_000,
                hosted=4_000,
                schema=300,
                citing=1_000,
                image=5_000,
                page=7_000,
            ),
        ),
        (
            r"claude",
            Family(
                weights=_CLAUDE, request=60, tools=600, hosted=4_000, schema=200, citing=700, image=1_700, page=4_700
            ),
        ),
        (
            r"4o-mini",
            Family(weights=_BYTE_PAIRS, request=20, tools=60, hosted=600, schema=60, image=48_200, page=50_000),
        ),
        (
            r"gpt-oss",
            Family(weights=_BYTE_PAIRS, request=100, tools=160, hosted=600, schema=60, image=4_000, page=5_000),
        ),
        (
            r"gpt|(^|[./])o[1-9]|codex|davinci",
            Family(weights=_BYTE_PAIRS, request=20, tools=60, hosted=600, schema=60, image=4_000, page=5_000),
        ),
        (
            r"gemini|gemma",
            Family(weights=_PIECES, request=10, tools=60, hosted=600, schema=60, image=2_600, page=2_600),
        ),
        (
            r"grok",
            Family(weights=_BYTE_PAIRS, request=180, tools=500, hosted=600, schema=100, image=2_000, page=5_000),
        ),
        (
            r"nova",
            Family(weights=_PIECES, request=100, tools=900, hosted=600, schema=100, image=3_200, page=4_000),
        ),
        (
            r"",
            Family(
                weights=_PIECES.times(110), request=200, tools=1_000, hosted=2_000, schema=300, image=5_000, page=7_000
            ),
        ),
    )
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Keys of the dialects themselves: their words are no part of the prompt.
_FRAME = _words(
    "role content type text parts messages contents system systemInstruction system_instruction instructions input "
    "tools toolConfig toolSpec function functionDeclarations inputSchema input_schema json parameters source data "
    "media_type mimeType mime_type inlineData inline_data image_url url bytes image document cache_control cachePoint "
    "tool_use_id toolUseId tool_call_id call_id id toolUse toolResult tool_calls functionCall functionResponse "
    "signature thoughtSignature encrypted_content reasoningContent reasoningText summary"
)
#: Top-level keys that say how to answer, not what is asked.
_KNOBS = _words(
    "model stream stream_options max_tokens max_completion_tokens max_output_tokens temperature top_p top_k stop "
    "stop_sequences metadata user store service_tier serviceTier n seed include anthropic_version anthropic_beta "
    "parallel_tool_calls inferenceConfig performanceConfig safetySettings prompt_cache_key "
    "prompt_cache_retention safety_identifier cachedContent cache_control logprobs top_logprobs truncation"
)
_SEALS = frozenset({"signature", "thoughtSignature", "thought_signature", "encrypted_content", "redactedContent"})
#: A file that stands elsewhere: at least a page, or a picture.
_AWAY = frozenset({"file_id", "fileId", "file_url", "fileUri", "file_uri", "uri"})
#: A conversation, or its beginning, that stands at the provider.
STORED = ("previous_response_id", "conversation", "cachedContent", "cached_content")
_NULL = msgspec.Raw(b"null")
_MEDIA = frozenset({"data", "bytes", "url", "image_url", "file_data"})
#: Names under which a JSON schema of the answer stands.
_SCHEMAS = re.compile(
    rb'"(json_schema|output_format|output_config|outputConfig|response_?[sS]chema|responseJsonSchema)"'
)
_CITED = re.compile(rb'"(citations|search_result|searchResult)"')
#: Types of tools that the caller runs itself.
OWN_TOOLS = frozenset({"function", "custom", "namespace"})
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{256,}={0,2}\s*")
_DATA_URL = re.compile(r"data:[^,]{0,100},")
_PDF_PAGE = re.compile(rb"/Type\s*/Page[^s]")
#: A page that a packed PDF does not show takes at least so many bytes.
_PAGE_BYTES = 30_000
#: Sound and moving pictures: bytes to a token at the lowest rates in use.
_STREAM_BYTES = 60
_STREAMS = (b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3")

_RUN = re.compile(rb"[A-Za-z0-9+/=_-]{32,}")
_LOWER, _UPPER, _DIGIT = bytes(range(97, 123)), bytes(range(65, 91)), bytes(range(48, 58))
_SPACE, _LINE, _ASCII = b" \t", b"\r\n", bytes(range(128))
_ASTRAL = bytes(range(0xF0, 0xF8))


@functools.lru_cache(maxsize=4096)
def family_of(model: str) -> Family:
    """The family of a model, by any of its names."""
    name = model.lower()
    return next(family for pattern, family in FAMILIES if pattern.search(name))


def estimate_tokens(body: bytes, model: str) -> int:
    """Tokens that `body` takes at most, in all that can be seen of it."""
    family = family_of(model)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return family.request + text_tokens(body, family.weights)
    if not isinstance(value, dict):
        return family.request + text_tokens(body, family.weights)
    tally = _Tally(family)
    for key, inner in value.items():
        if key not in _KNOBS:
            tally.see(key, inner)
    tools = list(_tools(value))
    hosted = sum(_is_hosted(tool) for tool in tools)
    extra = (family.tools if tools else 0) + hosted * family.hosted
    extra += family.schema if _SCHEMAS.search(body) else 0
    extra += family.citing if _CITED.search(body) else 0
    return family.request + extra + tally.tokens()


def unseen(body: bytes) -> str | None:
    """The key by which a request has most of its prompt at the provider already, where it has one."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return stands_at_provider(fields)


def stands_at_provider(values: Mapping[str, msgspec.Raw]) -> str | None:
    """The same, of a request's top-level values. A `prompt` is OpenAI's stored one where it is an object."""
    named = next((name for name in STORED if bytes(values.get(name, _NULL)) != b"null"), None)
    return "prompt" if named is None and bytes(values.get("prompt", _NULL)).startswith(b"{") else named


def text_tokens(text: bytes, weights: Weights) -> int:
    """Tokens of a text, from above."""
    runs = sum(len(run) for run in _RUN.findall(text))
    rest = _RUN.sub(b"", text) if runs else text
    size = len(rest)
    plain = len(rest.translate(None, _ASCII))
    astral = 4 * (plain - len(rest.translate(None, _ASCII + _ASTRAL)))
    counts = [size - len(rest.translate(None, kind)) for kind in (_LOWER, _UPPER, _DIGIT, _SPACE, _LINE)]
    lower, upper, digit, space, line = counts
    sign = size - plain - sum(counts)
    thousandths = (
        lower * weights.lower
        + upper * weights.upper
        + digit * weights.digit
        + sign * weights.sign
        + space * weights.space
        + line * weights.line
        + max(0, plain - astral) * weights.other
        + astral * weights.astral
        + runs * weights.run
    )
    return -(-thousandths // 1_000)


class _Tally:
    """Walks a body and gathers what counts."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._texts: list[str] = []
        self._tokens = 0

    def see(self, key: str, value: Any) -> None:
        """One value under its key, with all that is inside."""
        if isinstance(value, str):
            self._text(key, value)
        elif isinstance(value, dict):
            self._tokens += 3
            for name, inner in value.items():
                if name not in _FRAME:
                    self._texts.append(name)
                    self._tokens += 2
                self.see(name, inner)
        elif isinstance(value, list):
            for item in value:
                self.see(key, item)
        elif value is not None:
            self._texts.append(str(value))

    def tokens(self) -> int:
        """The sum."""
        return self._tokens + text_tokens("\n".join(self._texts).encode(errors="replace"), self._family.weights)

    def _text(self, key: str, text: str) -> None:
        if key in _SEALS:
            self._tokens += -(-len(text) * self._family.weights.sealed // 1_000)
        elif key in _AWAY or (key in _MEDIA and text.startswith(("http://", "https://", "gs://"))):
            self._tokens += max(self._family.image, self._family.page)
        elif key in _MEDIA and (data := _decoded(text)) is not None:
            self._media(data)
        else:
            self._texts.append(text)

    def _media(self, data: bytes) -> None:
        if data.startswith(b"%PDF"):
            pages = max(len(_PDF_PAGE.findall(data)), -(-len(data) // _PAGE_BYTES))
            self._tokens += pages * self._family.page
        elif data.startswith(_STREAMS) or data[4:8] == b"ftyp" or data[8:12] in (b"WAVE", b"AVI "):
            self._tokens += -(-len(data) // _STREAM_BYTES)
        else:
            try:
                self._texts.append(data.decode())
            except UnicodeDecodeError:
                self._tokens += self._family.image


def _decoded(text: str) -> bytes | None:
    """What stands in base64 in a file's place; None for a text that is none."""
    match = _DATA_URL.match(text)
    bare = text[match.end() :] if match is not None else text
    if match is None and _BASE64.fullmatch(bare) is None:
        return None
    try:
        return base64.b64decode(bare.translate({ord("-"): "+", ord("_"): "/"}) + "==")
    except (binascii.Error, ValueError):
        return None


def _tools(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    config = body.get("toolConfig")
    for group in (body.get("tools"), body.get("functions"), config.get("tools") if isinstance(config, dict) else None):
        yield from (tool for tool in (group if isinstance(group, list) else ()) if isinstance(tool, dict))


def _is_hosted(tool: dict[str, Any]) -> bool:
    """Whether the provider runs a tool, or knows it by its type."""
    kind = tool.get("type")
    if isinstance(kind, str):
        return kind not in OWN_TOOLS
    return not (
        {"name", "function", "toolSpec", "functionDeclarations", "function_declarations", "cachePoint"} & tool.keys()
    )
