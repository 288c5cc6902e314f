"""Anthropic Messages: the dialect of Claude Code and of Anthropic's API."""

from __future__ import annotations

from sekisho.wire.anthropic_messages.encode import encode_request
from sekisho.wire.anthropic_messages.errors import parse_error, render_error, render_error_event
from sekisho.wire.anthropic_messages.foreign import mend
from sekisho.wire.anthropic_messages.reply import decode_reply, encode_reply
from sekisho.wire.anthropic_messages.request import decode_request
from sekisho.wire.anthropic_messages.stream import MessagesReader
from sekisho.wire.anthropic_messages.stream_writer import MessagesWriter
from sekisho.wire.anthropic_messages.watch import MessagesWatch, read_facts
from sekisho.wire.dialect import Dialect

DIALECT = Dialect(
    name="anthropic-messages",
    decode_request=decode_request,
    encode_request=encode_request,
    decode_reply=decode_reply,
    encode_reply=encode_reply,
    read_facts=read_facts,
    stream_reader=MessagesReader,
    stream_writer=MessagesWriter,
    stream_watch=MessagesWatch,
    parse_error=parse_error,
    mend=mend,
    render_error=render_error,
    render_error_event=render_error_event,
)
