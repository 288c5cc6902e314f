"""Bedrock's Converse: the dialect of boto3, and of every model on Bedrock; its streams are AWS event streams."""

from __future__ import annotations

from sekisho.wire.aws_errors import ERROR_HEADER, error_headers, parse_error, render_error, render_error_event
from sekisho.wire.bedrock_converse.encode import encode_request
from sekisho.wire.bedrock_converse.foreign import mend
from sekisho.wire.bedrock_converse.reply import decode_reply, encode_reply
from sekisho.wire.bedrock_converse.request import decode_request
from sekisho.wire.bedrock_converse.stream import ConverseReader
from sekisho.wire.bedrock_converse.stream_writer import ConverseWriter
from sekisho.wire.bedrock_converse.watch import ConverseWatch, read_facts
from sekisho.wire.dialect import Dialect
from sekisho.wire.eventstream import CONTENT_TYPE, whole_messages

DIALECT = Dialect(
    name="bedrock-converse",
    model_in_path=True,
    stream_type=CONTENT_TYPE,
    split=whole_messages,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_reply=decode_reply,
    encode_reply=encode_reply,
    read_facts=read_facts,
    stream_reader=ConverseReader,
    stream_writer=ConverseWriter,
    stream_watch=ConverseWatch,
    parse_error=parse_error,
    mend=mend,
    render_error=render_error,
    render_error_event=render_error_event,
    error_header=ERROR_HEADER,
    error_headers=error_headers,
)
