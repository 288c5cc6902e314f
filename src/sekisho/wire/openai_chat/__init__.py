"""OpenAI's Chat Completions, as OpenAI, Azure and everyone who imitates them speak it."""

from __future__ import annotations

from sekisho.wire.dialect import Dialect, unmended
from sekisho.wire.openai_chat.decode_request import decode_request
from sekisho.wire.openai_chat.encode_request import encode_request
from sekisho.wire.openai_chat.errors import parse_error, render_error, render_error_event
from sekisho.wire.openai_chat.reply import decode_reply, encode_reply, read_facts
from sekisho.wire.openai_chat.schema import NAME
from sekisho.wire.openai_chat.stream_reader import ChatStreamReader
from sekisho.wire.openai_chat.stream_writer import ChatStreamWriter
from sekisho.wire.openai_chat.watch import ChatWatch

DIALECT = Dialect(
    name=NAME,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_reply=decode_reply,
    encode_reply=encode_reply,
    read_facts=read_facts,
    stream_reader=ChatStreamReader,
    stream_writer=ChatStreamWriter,
    stream_watch=ChatWatch,
    parse_error=parse_error,
    mend=unmended,
    render_error=render_error,
    render_error_event=render_error_event,
)
