"""A caller's contents -> canonical messages.

Flows in: typed contents. Flows out: messages in the same order. Must stay true: a call without an id gets one from
its place, so a longer conversation begins with the same ids; a result finds its call by id, else by name and order;
a signature becomes a thought of its own directly before the part that carried it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from sekisho.canonical.request import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.gemini_generate import schema as wire
from sekisho.wire.gemini_generate.proto import camel, standard_base64
from sekisho.wire.gemini_generate.signatures import read_signature

_ROLES = {"": "user", "user": "user", "function": "user", "tool": "user", "model": "model"}
#: Files of the Gemini API: nobody but Google can read them.
_GOOGLES_FILES = ("https://generativelanguage.googleapis.com/", "files/")
_DOCUMENTS = ("application/", "text/")


class ContentsReader:
    """Reads one request's contents: `messages` once; `notes` then names what had no equivalent and only tunes."""

    def __init__(self, contents: Sequence[wire.Content]) -> None:
        self._contents = contents
        self.notes: list[str] = []
        #: (id, name) of the calls that wait for their result, in order.
        self._open: list[tuple[str, str]] = []
        self._calls = 0

    def messages(self) -> Iterator[Message]:
        """Raises MalformedRequest and UnsupportedFeature."""
        for at, content in enumerate(self._contents):
            role = _ROLES.get(content.role)
            if role is None:
                param = f"contents.{at}.role"
                raise MalformedRequest(f"{param}: Please use a valid role: user, model.", param=param)
            parts: list[Part] = []
            for i, part in enumerate(content.parts):
                self._part(part, parts, f"contents.{at}.parts.{i}", is_models=role == "model")
            if parts:
                yield Message("assistant" if role == "model" else "user", tuple(parts))

    def _part(self, part: wire.PartIn, out: list[Part], path: str, *, is_models: bool) -> None:
        _check(part, path, is_models=is_models)
        self.notes += [f"contents.{camel(name)}" for name in wire.PART_TUNING if getattr(part, name) is not None]
        if is_models and part.thought_signature:
            _take_signature(part, out)
            if part.thought:
                return
        if part.function_call is not None:
            out.append(self._call(part.function_call, path))
        elif part.function_response is not None:
            out.append(self._result(part.function_response, path))
        elif part.text is not None:
            if is_models and part.thought:
                out.append(Thinking(text=part.text))
            elif part.text or not part.thought_signature:
                out.append(Text(part.text))
        elif part.inline_data is not None or part.file_data is not None:
            out.append(media(part, path))
        elif not part.thought_signature:
            raise MalformedRequest(f"{path}: A part needs one of its data fields.", param=path)

    def _call(self, call: wire.FunctionCall, path: str) -> ToolCall:
        if not call.name:
            raise MalformedRequest(f"{path}.functionCall.name: Field required.", param=f"{path}.functionCall.name")
        self._calls += 1
        call_id = call.id or f"call_{self._calls}"
        self._open.append((call_id, call.name))
        return ToolCall(id=call_id, name=call.name, arguments=msgspec.json.encode(call.args or {}).decode())

    def _result(self, result: wire.FunctionResponse, path: str) -> ToolResult:
        if result.will_continue:
            raise UnsupportedFeature(f"{path}.functionResponse.willContinue", wire.ELSEWHERE)
        if result.scheduling is not None:
            self.notes.append("functionResponse.scheduling")
        parts, is_error = read_response(result.response or {})
        for i, piece in enumerate(result.parts):
            parts.append(media(piece, f"{path}.functionResponse.parts.{i}"))
        return ToolResult(call_id=self._answered(result), parts=tuple(parts), is_error=is_error)

    def _answered(self, result: wire.FunctionResponse) -> str:
        """The id of the call that `result` answers; its own, or one of its place, where there is no such call."""
        ids = [at for at, (call_id, _) in enumerate(self._open) if call_id == result.id]
        names = [at for at, (_, name) in enumerate(self._open) if name == result.name]
        for at in (*ids, *names):
            return self._open.pop(at)[0]
        return result.id or f"call_of_{result.name or 'nothing'}"


def _check(part: wire.PartIn, path: str, *, is_models: bool) -> None:
    """Raises UnsupportedFeature for what only Google's own tools say, MalformedRequest for a part in the wrong turn."""
    for name in wire.PART_REFUSED:
        if getattr(part, name) is not None:
            raise UnsupportedFeature(f"{path}.{camel(name)}", wire.ELSEWHERE)
    if (part.function_response if is_models else part.function_call) is not None:
        raise MalformedRequest(f"{path}: The model calls functions, and the user's turn answers.", param=path)


def _take_signature(part: wire.PartIn, out: list[Part]) -> None:
    thought = read_signature(part.thought_signature)
    readable = Thinking(text=part.text) if part.thought and part.text else None
    if thought is None:
        out += [readable] if readable is not None else []
    elif isinstance(thought, RedactedThinking):
        out.append(thought)
    elif readable is not None and not thought.text:
        out.append(msgspec.structs.replace(thought, text=readable.text))
    else:
        _drop_readable_copy(thought, out)
        out.append(thought)


def _drop_readable_copy(thought: Thinking, out: list[Part]) -> None:
    """A carried thought has its text with it; a caller that kept the readable part too has it twice."""
    at = len(out)
    while at and isinstance(before := out[at - 1], Thinking) and before.signature is None:
        at -= 1
    copies = out[at:]
    if thought.text and "".join(copy.text for copy in copies if isinstance(copy, Thinking)) == thought.text:
        del out[at:]


def media(part: wire.PartIn | wire.FunctionResponsePart, path: str) -> Image | Document:
    """Bytes or a reference to a file. Raises UnsupportedFeature for what is neither image nor document."""
    blob, ref = part.inline_data, part.file_data
    if blob is not None:
        kind, path, data, url = blob.mime_type, f"{path}.inlineData", standard_base64(blob.data), None
        name = blob.display_name
    elif ref is not None:
        kind, path, data, url, name = ref.mime_type, f"{path}.fileData", None, ref.file_uri, ref.display_name
        if ref.file_uri.startswith(_GOOGLES_FILES):
            raise UnsupportedFeature(f"{path}.fileUri", wire.ELSEWHERE, "Send the file itself as 'inlineData'.")
    else:
        raise MalformedRequest(f"{path}: A part needs one of its data fields.", param=path)
    if kind.startswith("image/"):
        return Image(media_type=kind, data=data, url=url)
    if kind.startswith(_DOCUMENTS):
        return Document(media_type=kind, data=data, url=url, name=name)
    raise UnsupportedFeature(f"{path}.mimeType", wire.ELSEWHERE, "Images and documents are translated.")


def read_response(response: dict[str, Any]) -> tuple[list[Text | Image | Document], bool]:
    """(what the function answered, whether it failed). Google's clients wrap a text as `output`, `result`, `error`."""
    if len(response) == 1:
        key, value = next(iter(response.items()))
        if key in ("output", "result", "error"):
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            return ([Text(text)] if text else []), key == "error"
    return [Text(msgspec.json.encode(response).decode())] if response else [], False
