"""What a prompt takes beside its text, seen without reading it: pictures, tools, and what stands at the provider.

Flows in: a request's top-level values and its bytes. Flows out: a `Sight`. Must stay true: never low where a budget is
hard: what cannot be seen is said to be hidden; the body is searched for two or three words, and not parsed again.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from sekisho.wire.estimate import OWN_TOOLS, Family, stands_at_provider

#: Dialect -> words one of which stands beside every picture and document, be it here or elsewhere.
_FILES: Final = {
    "anthropic-messages": (b'"source"',),
    "bedrock-converse": (b'"source"',),
    "openai-chat": (b'"image_url', b'"file_'),
    "openai-responses": (b'"input_image"', b'"input_file"'),
    "gemini-generate": (b'Data"', b'_data"'),
}
#: Dialect -> the word before each file that stands in the request itself.
_INLINE: Final = {
    "anthropic-messages": b'"data"',
    "bedrock-converse": b'"bytes"',
    "openai-chat": b"base64,",
    "openai-responses": b"base64,",
    "gemini-generate": b'"data"',
}
#: Dialect -> words of files that stand elsewhere, by an id or an address: of any length.
_ELSEWHERE: Final = {
    "anthropic-messages": (b'"file_id"',),
    "bedrock-converse": (b'"s3Location"',),
    "openai-chat": (b'"file_id"',),
    "openai-responses": (b'"file_id"', b'"file_url"'),
    "gemini-generate": (b"fileUri", b"file_uri"),
}
#: Dialect -> a word and the beginning of a picture's address behind it.
_ADDRESS: Final = {
    dialect: re.compile(rb'"(?:' + words + rb')"[ \t\r\n:]*"(?i:http|s3:|gs:)')
    for dialect, words in (
        ("anthropic-messages", b"url"),
        ("openai-chat", b"url|image_url"),
        ("openai-responses", b"image_url"),
    )
}
#: A plain letter, digit or comma as an escape: nobody's library writes so, and no word would be found.
_DISGUISE: Final = re.compile(rb"\\u00(?:2c|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])", re.IGNORECASE)
_DOCUMENT: Final = b'"document"'
#: Between a word and its value.
_SPACE: Final = b' \t\r\n:"'
#: A PDF may begin within its first 1,024 bytes: so many characters, with some ends of lines.
_HEAD_CHARS: Final = 1_440
_PLAIN: Final = bytes.maketrans(b"-_", b"+/")
_PDF: Final = b"%PDF"
_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8")
_TOOLS: Final = ("tools", "functions", "toolConfig")
#: Top-level keys beneath which a schema of the answer may stand.
_SCHEMAS: Final = frozenset(
    {
        "response_format",
        "output_format",
        "output_config",
        "outputConfig",
        "text",
        "generationConfig",
        "generation_config",
    }
)
#: Keys by which a tool without a type is the caller's own.
_OWN_KEYS: Final = frozenset(
    {"name", "function", "toolSpec", "functionDeclarations", "function_declarations", "cachePoint"}
)
_ASCII: Final = bytes(range(128))
#: What is assumed of a byte anyway, in thousandths of a token (limits/estimate.py).
_ASSUMED: Final = 250


class Sight(msgspec.Struct, frozen=True):
    """`text_bytes` are those that are no picture; `dense_bytes` of them stand for other letters than English has.
    Where there are `files` an answer may cite, and with `schema` its form may be prescribed. `hidden`: the provider
    adds to the prompt what nobody can see here.
    """

    text_bytes: int
    dense_bytes: int = 0
    pictures: int = 0
    files: bool = False
    tools: bool = False
    schema: bool = False
    hidden: bool = False

    def beside(self, family: Family) -> int:
        """Tokens that a model of this family takes beside those of the text's bytes."""
        denser = max(0, family.weights.other - _ASSUMED) * self.dense_bytes // 1_000
        added = family.request + (family.tools if self.tools else 0) + (family.schema if self.schema else 0)
        added += family.citing if self.files else 0
        return added + self.pictures * max(family.image, family.page) + denser


def sight_of(body: bytes, values: Mapping[str, msgspec.Raw], dialect: str) -> Sight:
    """What is to be seen of a request in `dialect` (its shape), whose top-level values are at hand."""
    tools = [values[name] for name in _TOOLS if name in values]
    if _is_disguised(body) or stands_at_provider(values) is not None or any(map(_has_hosted, tools)):
        return Sight(len(body), hidden=True)
    dense = 0 if body.isascii() else len(body.translate(None, _ASCII))
    plain = Sight(len(body), dense, tools=bool(tools), schema=not _SCHEMAS.isdisjoint(values))
    has_files = any(word in body for word in _FILES.get(dialect, ()))
    return _with_files(plain, body, dialect) if has_files else plain


def _with_files(plain: Sight, body: bytes, dialect: str) -> Sight:
    if any(word in body for word in _ELSEWHERE.get(dialect, ())):
        return Sight(len(body), hidden=True)
    pictures, taken = 0, 0
    for start, end in _files(body, _INLINE.get(dialect)):
        head = _head(body[start : min(end, start + _HEAD_CHARS)])
        if _PDF in head and not head.startswith(_PICTURES):  # how many pages it has is not seen from outside
            return Sight(len(body), hidden=True)
        if head.startswith(_PICTURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
            pictures, taken = pictures + 1, taken + end - start
    address = _ADDRESS.get(dialect)
    addressed = 0 if address is None else sum(1 for _ in address.finditer(body))
    if addressed and _DOCUMENT in body:
        return Sight(len(body), hidden=True)
    return msgspec.structs.replace(plain, text_bytes=len(body) - taken, pictures=pictures + addressed, files=True)


def _files(body: bytes, word: bytes | None) -> Iterator[tuple[int, int]]:
    """(start, end) of the base64 text behind each `word`."""
    at = body.find(word) if word is not None else -1
    while at >= 0 and word is not None:
        start = at + len(word)
        while start < len(body) and body[start] in _SPACE:
            start += 1
        end = body.find(b'"', start)
        if end < 0:
            return
        if body[start] not in b"{[":
            yield start, end
            start = end
        at = body.find(word, start)


def _is_disguised(body: bytes) -> bool:
    """Whether some escape is one: behind a backslash that is itself escaped it is text."""
    for found in _DISGUISE.finditer(body):
        first = found.start()
        while body[first - 1 : first] == b"\\":
            first -= 1
        if (found.start() - first) % 2 == 0:
            return True
    return False


def _head(text: bytes) -> bytes:
    for line_end in (rb"\n", rb"\r"):
        text = text.replace(line_end, b"")
    text = text.translate(_PLAIN, b"\\ \t\r\n")
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""


class _ToolConfig(msgspec.Struct):
    tools: list[dict[str, msgspec.Raw]] = []


def _has_hosted(raw: msgspec.Raw) -> bool:
    """Whether a provider runs one of these tools: what it finds, and each of its turns, is added to the prompt."""
    try:
        if bytes(memoryview(raw)[:1]) == b"{":
            tools = msgspec.json.decode(raw, type=_ToolConfig).tools
        else:
            tools = msgspec.json.decode(raw, type=list[dict[str, msgspec.Raw]])
    except msgspec.DecodeError:
        return False  # what is no list of tools is refused by its provider
    return any(_is_hosted(tool) for tool in tools)


def _is_hosted(tool: Mapping[str, msgspec.Raw]) -> bool:
    kind = tool.get("type")
    if kind is None:
        return _OWN_KEYS.isdisjoint(tool) or any(name in tool for name in _GOOGLES)
    return bytes(kind).strip(b'"').decode("utf-8", "replace") not in OWN_TOOLS


#: Google's tools may stand beside functions in one entry.
_GOOGLES: Final = (
    "googleSearch",
    "google_search",
    "googleSearchRetrieval",
    "google_search_retrieval",
    "urlContext",
    "url_context",
    "codeExecution",
    "code_execution",
    "fileSearch",
    "file_search",
    "googleMaps",
    "google_maps",
    "computerUse",
    "computer_use",
)
