"""Canonical content parts -> content parts of a chat completions message.

Flows in: texts, images, documents. Flows out: plain part objects, or one string.
Must stay true: the same part gives the same bytes (file names come from the contents' type, never from chance); a
document that this dialect cannot carry is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sekisho.canonical.request import Document, Image, Part, Refusal, Text
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_chat.schema import NAME

Body = dict[str, Any]

_EXTENSIONS = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
}


def text_content(texts: Sequence[str], *, compatible: bool) -> str | list[Body]:
    """One string where one does. Servers that imitate OpenAI take lists of texts unreliably: they get one string."""
    if len(texts) == 1 or compatible:
        return "\n".join(texts)
    return [{"type": "text", "text": text} for text in texts] if texts else ""


def content_part(part: Part, path: str) -> Body:
    """One part. Raises UnsupportedFeature, naming `path`, for what this dialect cannot say."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    if isinstance(part, Image):
        return _image(part, path)
    if isinstance(part, Document):
        return _document(part, path)
    raise UnsupportedFeature(path, NAME)


def _image(image: Image, path: str) -> Body:
    if image.url is None and (image.data is None or image.media_type is None):
        raise UnsupportedFeature(path, NAME, "An image needs a URL, or base64 data and its media type.")
    url = f"data:{image.media_type};base64,{image.data}" if image.url is None else image.url
    body: Body = {"url": url}
    if image.detail is not None:
        body["detail"] = image.detail
    return {"type": "image_url", "image_url": body}


def _document(document: Document, path: str) -> Body:
    if document.text is not None:
        lines = [line for line in (document.name, document.context, document.text) if line]
        return {"type": "text", "text": "\n".join(lines)}
    if document.data is None or document.media_type is None:
        raise UnsupportedFeature(path, NAME, "Send the document itself instead of its URL.")
    name = document.name or f"document{_EXTENSIONS.get(document.media_type, '')}"
    data = f"data:{document.media_type};base64,{document.data}"
    return {"type": "file", "file": {"filename": name, "file_data": data}}
