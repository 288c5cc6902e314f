"""Converse's words for the formats of images and documents, and for thoughts that cannot be read.

Flows in: a format and a blob, or a media type and data. Flows out: the other one. Must stay true: blobs are base64 text
in JSON, so a thought of another provider, which is our seal, is encoded once more on its way to a caller.
"""

from __future__ import annotations

import base64
import hashlib
import re

from sekisho.canonical.request import RedactedThinking, Thinking
from sekisho.canonical.seal import PREFIX, Sealed, seal
from sekisho.wire.thoughts import ORIGIN, read_redacted

#: Media type -> format, of what DocumentBlock takes.
DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
DOCUMENT_TYPES = {form: media_type for media_type, form in DOCUMENTS.items()}
#: Media type -> format, of what ImageBlock takes.
IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
IMAGE_TYPES = {form: media_type for media_type, form in IMAGES.items() if media_type != "image/jpg"}

_NAME_CHARS_MAX = 200
_not_in_names = re.compile(r"[^a-zA-Z0-9()\[\]\s-]+")
_spaces = re.compile(r"\s+")


def document_name(given: str | None, contents: str) -> str:
    """A name that Converse takes: letters, digits, single spaces, hyphens, brackets. Without one, that of `contents`.

    The same document has the same name in every request, or the prompt cache would never hit.
    """
    name = _spaces.sub(" ", _not_in_names.sub("-", given or "")).strip(" -")[:_NAME_CHARS_MAX]
    return name or "document-" + hashlib.sha256(contents.encode()).hexdigest()[:12]


def read_redacted_content(blob: str) -> Thinking | RedactedThinking:
    """`redactedContent` of a caller's history: Claude's own, or another provider's thought under our seal."""
    text = _text_in(blob)
    return read_redacted(text) if text is not None and text.startswith(PREFIX) else RedactedThinking(blob)


def redacted_content(data: str) -> str:
    """Claude's redacted thought as a blob; it is base64 by itself, unless another API let something else through."""
    if _is_base64(data):
        return data
    return sealed_content(seal(Sealed(origin=ORIGIN, signature=data, redacted=True)))


def sealed_content(sealed: str) -> str:
    """A sealed thought as a blob."""
    return base64.b64encode(sealed.encode()).decode()


def _text_in(blob: str) -> str | None:
    try:
        return base64.b64decode(blob, validate=True).decode("ascii")
    except ValueError:  # binascii.Error and UnicodeDecodeError are both
        return None


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True
