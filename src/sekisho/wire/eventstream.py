"""AWS event stream framing (application/vnd.amazon.eventstream): incremental reader, and writer.

Flows in: bytes cut anywhere. Flows out: messages, each with its headers and payload; and back. A message is a prelude
(total length, headers' length, CRC-32 of these eight bytes), headers, payload, CRC-32 of everything before it.
Must stay true: both checksums are checked before anything of a message is believed; its size is bounded.
(docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html)
"""

from __future__ import annotations

import struct
import uuid
from binascii import crc32
from collections.abc import Mapping

import msgspec

from sekisho.core import bounds
from sekisho.core.errors import UpstreamProtocolError

CONTENT_TYPE = "application/vnd.amazon.eventstream"
#: AWS's own limit for the headers of one message.
HEADERS_BYTES_MAX = 128 * 1024
_PRELUDE_BYTES = 12
#: The prelude, and the checksum at the end: a message without headers and payload.
_FRAME_BYTES = _PRELUDE_BYTES + 4

#: A time is its integer: milliseconds since 1970.
HeaderValue = bool | int | bytes | str | uuid.UUID

_prelude = struct.Struct(">III")
_lengths = struct.Struct(">II")
_checksum = struct.Struct(">I")
_length = struct.Struct(">H")
_TRUTHS = {0: True, 1: False}
#: Header types that are integers: byte, short, integer, long, time.
_INTEGERS = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}
_BYTES, _TEXT, _UUID = 6, 7, 9


class Message(msgspec.Struct, frozen=True):
    """One message: `headers` by name in their order, `payload` as it came."""

    headers: dict[str, HeaderValue]
    payload: bytes

    def header(self, name: str) -> str:
        """The text of header `name`; "" where there is none, or none that is text."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class EventStreamReader:
    """Feeds bytes, yields messages."""

    __slots__ = ("_due_bytes", "_half", "_half_bytes")

    def __init__(self) -> None:
        #: A message whose end has not come, in pieces: joined once, or long messages would cost their square.
        self._half: list[bytes] = []
        self._half_bytes = 0
        #: How many bytes of it must be there before looking again is worth it.
        self._due_bytes = _PRELUDE_BYTES

    @property
    def mid_message(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._half_bytes > 0

    def feed(self, chunk: bytes) -> list[Message]:
        """Messages completed by `chunk`. Raises UpstreamProtocolError on a wrong checksum or length; behind whole ones
        only when it is called again, so that they count however the stream is cut.
        """
        self._half.append(chunk)
        self._half_bytes += len(chunk)
        if self._half_bytes < self._due_bytes:
            return []
        data = chunk if len(self._half) == 1 else b"".join(self._half)
        out: list[Message] = []
        at, due_bytes = 0, _PRELUDE_BYTES
        while len(data) - at >= due_bytes:
            try:
                total, headers = _sizes(data, at)
                if len(data) - at < total:
                    due_bytes = total
                    break
                out.append(_parse(data, at, total, headers))
            except UpstreamProtocolError:
                if not out:
                    raise
                break
            at += total
        rest = data[at:]
        self._half, self._half_bytes, self._due_bytes = [rest] if rest else [], len(rest), due_bytes
        return out


def _sizes(data: bytes, at: int) -> tuple[int, int]:
    """(bytes of the message that begins at `at`, bytes of its headers). Raises UpstreamProtocolError."""
    total, headers, checksum = _prelude.unpack_from(data, at)
    if crc32(data[at : at + 8]) != checksum:
        raise UpstreamProtocolError("The provider's event stream has a prelude with a wrong checksum.")
    if total < _FRAME_BYTES + headers or headers > HEADERS_BYTES_MAX:
        raise UpstreamProtocolError("The provider's event stream has a message of impossible lengths.")
    if total > bounds.STREAM_EVENT_BYTES:
        raise UpstreamProtocolError("The provider sent an event that is too long.")
    return total, headers


def _parse(data: bytes, at: int, total: int, headers: int) -> Message:
    end = at + total - 4
    if crc32(data[at:end]) != _checksum.unpack_from(data, end)[0]:
        raise UpstreamProtocolError("The provider's event stream has a message with a wrong checksum.")
    start = at + _PRELUDE_BYTES
    return Message(_headers(data[start : start + headers]), data[start + headers : end])


def _headers(data: bytes) -> dict[str, HeaderValue]:
    values: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name = data[at + 1 : name_end].decode()
            values[name], at = _header_value(data[name_end], data, name_end + 1)
    except (IndexError, struct.error, UnicodeDecodeError, ValueError):
        raise UpstreamProtocolError("The provider's event stream has a header that cannot be read.") from None
    return values


def _header_value(kind: int, data: bytes, at: int) -> tuple[HeaderValue, int]:
    """(the value of a header of type `kind` that begins at `at`, where it ends)."""
    if kind in (_BYTES, _TEXT):
        end = at + 2 + _length.unpack_from(data, at)[0]
        value = data[at + 2 : end]
        if end > len(data):
            raise ValueError(end)
        return (value.decode() if kind == _TEXT else value), end
    if kind in _INTEGERS:
        form = _INTEGERS[kind]
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    if kind == _UUID:
        return uuid.UUID(bytes=data[at : at + 16]), at + 16
    if kind in _TRUTHS:
        return _TRUTHS[kind], at
    raise ValueError(kind)


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with headers of text."""
    head = b"".join(map(_text_header, headers.items()))
    lengths = _lengths.pack(_FRAME_BYTES + len(head) + len(payload), len(head))
    body = b"".join((lengths, _checksum.pack(crc32(lengths)), head, payload))
    return body + _checksum.pack(crc32(body))


def _text_header(header: tuple[str, str]) -> bytes:
    name, value = header[0].encode(), header[1].encode()
    return b"".join((bytes((len(name),)), name, bytes((_TEXT,)), _length.pack(len(value)), value))


def whole_messages(data: bytes) -> int:
    """How many leading bytes of `data` are whole messages. Raises UpstreamProtocolError where it begins with bytes that
    are none: nobody can tell where the next message would begin.
    """
    at = 0
    while len(data) - at >= _PRELUDE_BYTES:
        try:
            total, _ = _sizes(data, at)
        except UpstreamProtocolError:
            if at:
                break
            raise
        if len(data) - at < total:
            break
        at += total
    return at
