"""Images and documents that a request names by URL, and the same request with what the URLs hold.

Flows in: a request, and the media that somebody fetched. Flows out: its URLs, or a new request. Must stay true: order
and everything else is as it was; what is not asked to be replaced stays a URL.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

from sekisho.canonical.request import Document, Image, Message, Part, Request, ToolResult

Kind = Literal["image", "document"]


class Media(msgspec.Struct, frozen=True):
    """What a URL holds: bytes, and what they were found to be."""

    media_type: str
    data: bytes


def kind_of(part: Image | Document) -> Kind:
    """What a part is expected to hold."""
    return "image" if isinstance(part, Image) else "document"


def parts_by_url(request: Request) -> Iterator[Image | Document]:
    """Every image and document of `request` that is named by a URL, inside tool results too."""
    for message in request.messages:
        for part in message.parts:
            for inner in part.parts if isinstance(part, ToolResult) else (part,):
                if isinstance(inner, Image | Document) and inner.url is not None:
                    yield inner


def with_media(request: Request, media: Mapping[tuple[Kind, str], Media]) -> Request:
    """`request` with the parts whose (kind, URL) is in `media` holding the data itself."""

    def filled(part: Part) -> Part:
        if isinstance(part, ToolResult):
            inner = tuple(_filled(one, media) if isinstance(one, Image | Document) else one for one in part.parts)
            return msgspec.structs.replace(part, parts=inner)
        return _filled(part, media) if isinstance(part, Image | Document) else part

    messages = tuple(_rebuilt(message, filled) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages)


def _rebuilt(message: Message, filled: Callable[[Part], Part]) -> Message:
    return msgspec.structs.replace(message, parts=tuple(map(filled, message.parts)))


def _filled(part: Image | Document, media: Mapping[tuple[Kind, str], Media]) -> Image | Document:
    found = None if part.url is None else media.get((kind_of(part), part.url))
    if found is None:
        return part
    if found.media_type == "text/plain" and isinstance(part, Document):
        return msgspec.structs.replace(part, url=None, text=found.data.decode())
    data = base64.b64encode(found.data).decode()
    return msgspec.structs.replace(part, url=None, media_type=found.media_type, data=data)
