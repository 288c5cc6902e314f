"""What bytes are, told by the bytes themselves.

Flows in: a file that came over the network, and what its server said it is. Flows out: a media type, or None for what
no model takes. Must stay true: a server's word decides only between kinds of plain text, which all look alike.
"""

from __future__ import annotations

import zipfile
from io import BytesIO

#: (where it stands, the bytes, what they mean). The ISO media brands of HEIC and HEIF stand behind a length.
_IMAGES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
)
#: A folder that each kind of Office file has.
_OFFICE = (
    ("word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
)
#: Kinds of text that models tell apart. Any other text is plain.
_TEXTS = frozenset({"text/csv", "text/html", "text/markdown"})


def image_type(data: bytes) -> str | None:
    """The media type of an image: PNG, JPEG, GIF, WebP, HEIC or HEIF; None for everything else."""
    for place, magic, media_type in _IMAGES:
        if data.startswith(magic, place) and (media_type != "image/webp" or data.startswith(b"RIFF")):
            return media_type
    return None


def document_type(data: bytes, said: str) -> str | None:
    """The media type of a document: PDF, Word, Excel or text in UTF-8; None for everything else.

    `said` is the server's Content-Type.
    """
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    if data.startswith(b"PK\x03\x04"):
        return _office_type(data)
    if not data or not _is_text(data):
        return None
    named = said.partition(";")[0].strip().lower()
    return named if named in _TEXTS else "text/plain"


def _office_type(data: bytes) -> str | None:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    return next((kind for folder, kind in _OFFICE if any(name.startswith(folder) for name in names)), None)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\x00" not in data and image_type(data) is None
