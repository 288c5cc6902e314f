from __future__ import annotations

import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.upstream.sniff import document_type, image_type

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 8
IMAGES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image/gif": b"GIF89a\x01\x00\x01\x00",
    "image/webp": b"RIFF\x1a\x00\x00\x00WEBPVP8 ",
    "image/heic": b"\x00\x00\x00\x18ftypheic\x00",
    "image/heif": b"\x00\x00\x00\x18ftypmif1\x00",
}


def office(*names: str) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(("media_type", "data"), IMAGES.items())
def test_an_image_is_told_by_its_first_bytes(media_type: str, data: bytes) -> None:
    assert image_type(data) == media_type
    assert document_type(data, media_type) is None


@pytest.mark.parametrize(
    "data", [b"", b"<svg/>", b"<!doctype html>", b"RIFF\x1a\x00\x00\x00WAVE", b"AVI_\x1a\x00\x00\x00WEBP"]
)
def test_what_is_no_image_is_none(data: bytes) -> None:
    assert image_type(data) is None


@pytest.mark.parametrize(
    ("data", "said", "media_type"),
    [
        (b"%PDF-1.7\n\xff", "text/plain", "application/pdf"),
        (office("word/document.xml"), "", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (office("a", "xl/workbook.xml"), "", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (office("a.txt"), "application/pdf", None),
        (b"PK\x03\x04 broken", "", None),
        ("見出し".encode(), "", "text/plain"),
        (b"a,b\n", "Text/CSV; charset=utf-8", "text/csv"),
        (b"# a", "text/markdown", "text/markdown"),
        (b"<p>", "text/html", "text/html"),
        (b"{}", "application/json", "text/plain"),
        (b"text", "application/pdf", "text/plain"),
        ("見出し".encode("shift-jis"), "text/plain", None),
        (b"a\x00b", "text/plain", None),
        (b"", "text/plain", None),
        (b"\x7fELF\x02\xff", "text/plain", None),
    ],
)
def test_a_document_is_told_by_its_bytes_and_text_by_its_server(data: bytes, said: str, media_type: str | None) -> None:
    assert document_type(data, said) == media_type


@given(st.binary(max_size=200), st.text(max_size=20))
def test_any_bytes_get_an_answer(data: bytes, said: str) -> None:
    for start in (b"", b"PK\x03\x04", b"RIFF"):
        image_type(start + data)
        assert document_type(start + data, said) in {None, "application/pdf", "text/plain", "text/csv", "text/html"}
