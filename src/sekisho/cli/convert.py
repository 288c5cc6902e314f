"""`sekisho convert`: one body, reply or stream from one dialect to another, stdin to stdout."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.target import Encoded, Target
from sekisho.core.errors import SekishoError
from sekisho.providers.profiles import profile_of
from sekisho.wire.dialect import Dialect
from sekisho.wire.registry import BY_NAME


class What(StrEnum):
    """What stands on stdin."""

    REQUEST = "request"
    REPLY = "reply"
    STREAM = "stream"


def convert(
    what: Annotated[What, typer.Option(help="What to convert.")],
    source: Annotated[str, typer.Option("--from", help="Dialect of stdin.")],
    to: Annotated[str, typer.Option("--to", help="Dialect of stdout.")],
    model: Annotated[str | None, typer.Option(help="Model that the request is written for.")] = None,
) -> None:
    """Convert stdin to stdout. Exit 2, and the field's name on stderr, for what cannot be converted; tuning fields that
    the other dialect has no place for are left out and named on stderr.
    """
    for name in (source, to):
        if name not in BY_NAME:
            print(f"sekisho: '{name}' is no dialect; there are {', '.join(BY_NAME)}.", file=sys.stderr)
            raise typer.Exit(2)
    try:
        data = sys.stdin.buffer.read()
        if what is What.REQUEST:
            encoded = converted_request(data, BY_NAME[source], BY_NAME[to], model)
            out, dropped = encoded.body, encoded.dropped
        else:
            out, dropped = converted(data, what, BY_NAME[source], BY_NAME[to], model), ()
    except SekishoError as error:
        field = f"{error.info.param}: " if error.info.param else ""
        print(f"sekisho: {field}{error}", file=sys.stderr)
        raise typer.Exit(2) from None
    sys.stdout.buffer.write(out)
    for field in dropped:
        print(f"sekisho: {field} was left out: {to} has no place for it.", file=sys.stderr)


def converted_request(data: bytes, source: Dialect, to: Dialect, model: str | None) -> Encoded:
    """A request in the other dialect, written for `model` or the one that it names. Raises SekishoError."""
    request = source.decode_request(data)
    name = model or request.model
    return to.encode_request(request, Target(model=name, profile=profile_of(name)))


def converted(data: bytes, what: What, source: Dialect, to: Dialect, model: str | None) -> bytes:
    """`data` in the other dialect. Raises SekishoError."""
    if what is What.REQUEST:
        return converted_request(data, source, to, model).body
    asked = Request(
        model=model or "", messages=(Message("user", (Text(""),)),), stream=what is What.STREAM, include_usage=True
    )
    if what is What.REPLY:
        return to.encode_reply(source.decode_reply(data), asked)
    reader, writer = source.stream_reader(), to.stream_writer(asked)
    return b"".join(writer.write(event) for event in (*reader.feed(data), *reader.close()))
