"""JSON that is handed on unread, as text: a tool's input, a result.

Flows in: the raw value, as a decoder left it. Flows out: its text. Must stay true: a decoder does not look into what it
leaves raw, so that bytes which are no UTF-8 are first noticed here; they are a declared error of whoever sent them.
"""

from __future__ import annotations

import msgspec

from sekisho.core.errors import MalformedRequest, UpstreamProtocolError


def callers_text(raw: msgspec.Raw, path: str) -> str:
    """A caller's. Raises MalformedRequest naming the field."""
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError:
        raise MalformedRequest(f"{path}: The text is not UTF-8.", param=path) from None


def providers_text(raw: msgspec.Raw) -> str:
    """A provider's. Raises UpstreamProtocolError."""
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError:
        raise UpstreamProtocolError("The provider's answer holds text that is not UTF-8.") from None
