"""Gemini's generateContent: the dialect of the Gemini API, of Vertex AI's own models, and of Gemini CLI."""

from __future__ import annotations

from sekisho.wire.dialect import Dialect
from sekisho.wire.gemini_generate.decode_request import decode_request
from sekisho.wire.gemini_generate.encode_request import encode_request
from sekisho.wire.gemini_generate.errors import parse_error, render_error, render_error_event
from sekisho.wire.gemini_generate.foreign import mend
from sekisho.wire.gemini_generate.reply import decode_reply, encode_reply, read_facts
from sekisho.wire.gemini_generate.schema import NAME
from sekisho.wire.gemini_generate.stream_reader import GenerateReader
from sekisho.wire.gemini_generate.stream_writer import GenerateWriter
from sekisho.wire.gemini_generate.watch import GenerateWatch

DIALECT = Dialect(
    name=NAME,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_reply=decode_reply,
    encode_reply=encode_reply,
    read_facts=read_facts,
    stream_reader=GenerateReader,
    stream_writer=GenerateWriter,
    stream_watch=GenerateWatch,
    parse_error=parse_error,
    mend=mend,
    render_error=render_error,
    render_error_event=render_error_event,
    model_in_path=True,
)
