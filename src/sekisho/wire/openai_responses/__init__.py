"""OpenAI's Responses API: what Codex, Copilot and the newer agents speak. This value is all that others see of it."""

from __future__ import annotations

from sekisho.wire.dialect import Dialect, unmended
from sekisho.wire.openai_responses.errors import parse_error, render_error, render_error_event
from sekisho.wire.openai_responses.reply import decode_reply, encode_reply, read_facts
from sekisho.wire.openai_responses.request import decode_request, encode_request
from sekisho.wire.openai_responses.stream import StreamReader
from sekisho.wire.openai_responses.watch import StreamWatch
from sekisho.wire.openai_responses.writer import StreamWriter

DIALECT = Dialect(
    name="openai-responses",
    decode_request=decode_request,
    encode_request=encode_request,
    decode_reply=decode_reply,
    encode_reply=encode_reply,
    read_facts=read_facts,
    stream_reader=StreamReader,
    stream_writer=StreamWriter,
    stream_watch=StreamWatch,
    parse_error=parse_error,
    mend=unmended,
    render_error=render_error,
    render_error_event=render_error_event,
)
