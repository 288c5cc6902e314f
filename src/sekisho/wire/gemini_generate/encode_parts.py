"""Canonical parts -> the parts of a request's contents.

Flows in: turns that turns.py has put in order. Flows out: JSON objects. Must stay true: a call's arguments keep the
key order in which the model wrote them; a signature goes on the part that it was given with, alone in an empty text
where there is none; what no part can say is refused by name.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from sekisho.canonical.request import Document, Image, Part, Refusal, Text, Thinking, ToolCall, ToolResult
from sekisho.canonical.tools import tool_input
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.gemini_generate.schema import NAME

Json = dict[str, Any]
#: (name, namespace) of a tool -> its name on the wire.
Naming = Callable[[str, str | None], str]

#: File extensions of what the API reads by reference (ai.google.dev/gemini-api/docs/file-input-methods).
_KINDS = {
    "avif": "image/avif",
    "csv": "text/csv",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "webp": "image/webp",
}
_USUAL = {"document": "application/pdf", "image": "image/jpeg"}


def model_parts(parts: Sequence[Part], naming: Naming, first_signature: str | None) -> list[Json]:
    """A model's turn. `first_signature` goes on its first call where that has none: Gemini 3 refuses it without."""
    out: list[Json] = []
    signature: str | None = None
    for part in _in_place(parts):
        if isinstance(part, Thinking):
            if signature is not None:
                out.append({"text": "", "thoughtSignature": signature})
            signature = part.signature
            if part.text:
                out.append({"text": part.text, "thought": True})
            continue
        value = _model_part(part, naming)
        if signature is not None:
            value["thoughtSignature"] = signature
        signature = None
        out.append(value)
    if signature is not None:
        out.append({"text": "", "thoughtSignature": signature})
    first_call = next((value for value in out if "functionCall" in value), None)
    if first_signature is not None and first_call is not None:
        first_call.setdefault("thoughtSignature", first_signature)
    return out


def _in_place(parts: Sequence[Part]) -> Sequence[Part]:
    """Callers of chat completions hand all thoughts back before the words of their message. Gemini wants a signature on
    the call that it came with: where all stand in front, and there are calls, they go to the calls in order.
    """
    thoughts = [part for part in parts if isinstance(part, Thinking)]
    rest = list(parts[len(thoughts) :])
    signed = [thought for thought in thoughts if thought.signature]
    calls = [at for at, part in enumerate(rest) if isinstance(part, ToolCall)]
    if not signed or not calls or any(isinstance(part, Thinking) for part in rest):
        return parts
    if len(signed) == 1 and calls[0] == 0:
        return parts
    moved = signed[: len(calls)]
    for at, thought in reversed([*zip(calls, moved, strict=False)]):
        rest.insert(at, thought)
    return [*(thought for thought in thoughts if thought not in moved), *rest]


def _model_part(part: Part, naming: Naming) -> Json:
    if isinstance(part, (Text, Refusal)):
        return {"text": part.text}
    if isinstance(part, ToolCall):
        name = naming(part.name, part.namespace)
        return {"functionCall": {"id": part.id, "name": name, "args": tool_input(part)}}
    raise UnsupportedFeature("messages.content", NAME, "An assistant message holds text, thoughts and tool calls.")


def user_parts(parts: Sequence[Part]) -> list[Json]:
    """A user's turn without results."""
    out: list[Json] = []
    for part in parts:
        if isinstance(part, (Text, Refusal)):
            out.append({"text": part.text})
        elif isinstance(part, Document):
            out += _document(part)
        elif isinstance(part, Image):
            out.append(_file(part))
        else:
            raise UnsupportedFeature("messages.content", NAME, "A user message holds text, images and documents.")
    return out


def result_parts(
    results: Sequence[ToolResult], names: Mapping[str, str], *, takes_files: bool
) -> tuple[list[Json], list[Json]]:
    """(the answers to one turn's calls, the files that they cannot hold); `names`: call id -> the function's."""
    answers: list[Json] = []
    behind: list[Json] = []
    for result in results:
        files = [_file(part) for part in result.parts if isinstance(part, Image) or _is_file(part)]
        key = "error" if result.is_error else "output"
        answer: Json = {"id": result.call_id, "name": names[result.call_id], "response": {key: _result_text(result)}}
        if files and takes_files:
            answer["parts"] = files
        elif files:
            behind += [{"text": f"Files of the result of tool call {result.call_id}:"}, *files]
        answers.append({"functionResponse": answer})
    return answers, behind


def _is_file(part: Text | Document) -> TypeGuard[Document]:
    return isinstance(part, Document) and part.text is None


def _result_text(result: ToolResult) -> str:
    texts: list[str] = []
    for part in result.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        elif isinstance(part, Document):
            texts += [text for text in (part.name, part.context, part.text) if text]
    return "\n".join(texts)


def _document(document: Document) -> list[Json]:
    told = "\n".join(text for text in (document.name, document.context) if text)
    words: list[Json] = [{"text": told}] if told else []
    if document.text is None:
        return [*words, _file(document)]
    kind = document.media_type if (document.media_type or "").startswith("text/") else "text/plain"
    data = base64.b64encode(document.text.encode()).decode()
    return [*words, {"inlineData": {"mimeType": kind, "data": data}}]


def _file(part: Image | Document) -> Json:
    what = "document" if isinstance(part, Document) else "image"
    if part.data is not None:
        return {"inlineData": {"mimeType": part.media_type or _USUAL[what], "data": part.data}}
    if not part.url:
        raise UnsupportedFeature(f"messages.{what}", NAME, "It needs base64 data and their media type, or a URL.")
    return {"fileData": {"mimeType": part.media_type or _kind_of(part.url, what), "fileUri": part.url}}


def _kind_of(url: str, what: str) -> str:
    """What the extension says; the API wants a type, and looks at the bytes itself."""
    try:
        path = urlsplit(url).path
    except ValueError:
        raise UnsupportedFeature(f"messages.{what}.url", NAME, "It is no URL.") from None
    return _KINDS.get(path.rpartition(".")[2].lower(), _USUAL[what])
