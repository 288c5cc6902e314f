"""Events -> a streamGenerateContent answer for a caller.

Flows in: canonical events in legal order. Flows out: server-sent events with CRLF line ends, as Google sends them.
Must stay true: every chunk is a whole reply with the same `responseId`; only the last has a `finishReason`, and the
whole usage; nothing but `data:` lines is written, because Google's SDK takes comments for errors.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.request import Request
from sekisho.canonical.usage import Usage
from sekisho.wire.gemini_generate.encode_parts import Json
from sekisho.wire.gemini_generate.errors import render_error_event
from sekisho.wire.gemini_generate.part_writer import PartWriter
from sekisho.wire.gemini_generate.reply import candidate_end, reply_names
from sekisho.wire.gemini_generate.usage import write_usage

_encode = msgspec.json.Encoder().encode
_HEAD = b'data: {"candidates":[{"content":{"parts":['


class GenerateWriter:
    """A StreamWriter (wire/dialect.py) for the caller who sent `request`."""

    def __init__(self, request: Request) -> None:
        self._writer = PartWriter(request)
        self._names: Json = {}
        self._tail = b""
        self._usage: Usage | None = None

    def write(self, event: e.Event) -> bytes:
        """Bytes for `event`; b"" when this dialect says it later or not at all."""
        if isinstance(event, e.Started):
            self._start(event)
        elif isinstance(event, e.UsageReported):
            self._usage = event.usage
        elif isinstance(event, e.Finished):
            return self._finish(event)
        elif isinstance(event, e.Failed):
            return render_error_event(event.error, "")
        else:
            return b"".join([_HEAD + _encode(part) + self._tail for part in self._writer.parts(event)])
        return b""

    def _start(self, event: e.Started) -> None:
        self._usage = event.usage
        self._names = reply_names(event.model, event.id)
        early = {} if event.usage is None else {"usageMetadata": _prompt_usage(event.usage)}
        rest = _encode({**early, **self._names})[1:]
        self._tail = b'],"role":"model"},"index":0}],' + rest + b"\r\n\r\n"

    def _finish(self, event: e.Finished) -> bytes:
        last = self._writer.last_part() or {"text": ""}
        candidate = {"content": {"parts": [last], "role": "model"}, **candidate_end(event.stop, self._writer.sources())}
        usage = {} if self._usage is None else {"usageMetadata": write_usage(self._usage)}
        return b"data: " + _encode({"candidates": [candidate], **usage, **self._names}) + b"\r\n\r\n"


def _prompt_usage(usage: Usage) -> Json:
    """What is counted before the answer is."""
    value = write_usage(usage)
    del value["candidatesTokenCount"]
    return value
