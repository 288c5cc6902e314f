from __future__ import annotations

import base64

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.media import Media, kind_of, parts_by_url, with_media
from sekisho.canonical.request import CacheMark, Document, Image, Message, Request, Text, ToolResult

IMAGE = Image(url="https://a/i", detail="high", cache=CacheMark("1h"))
DOCUMENT = Document(url="https://a/d", name="d", context="c", citations=True)
INLINE = Image(media_type="image/png", data="AAAA")
REQUEST = Request(
    model="m",
    messages=(
        Message("system", (Text("s"),)),
        Message("user", (Text("look"), IMAGE, INLINE, DOCUMENT)),
        Message("user", (ToolResult(call_id="1", parts=(Text("t"), IMAGE, Image(url="https://a/2"))),)),
    ),
)


def test_every_part_named_by_url_is_found_in_order() -> None:
    assert [part.url for part in parts_by_url(REQUEST)] == ["https://a/i", "https://a/d", "https://a/i", "https://a/2"]
    assert (kind_of(IMAGE), kind_of(DOCUMENT)) == ("image", "document")


def test_what_was_fetched_stands_where_the_url_stood() -> None:
    filled = with_media(
        REQUEST,
        {("image", "https://a/i"): Media("image/png", b"\x01\x02"), ("document", "https://a/d"): Media("a/b", b"\x03")},
    )
    image = msgspec.structs.replace(
        IMAGE, url=None, media_type="image/png", data=base64.b64encode(b"\x01\x02").decode()
    )
    document = msgspec.structs.replace(DOCUMENT, url=None, media_type="a/b", data="Aw==")
    assert filled.messages[1].parts == (Text("look"), image, INLINE, document)
    assert filled.messages[2].parts == (ToolResult(call_id="1", parts=(Text("t"), image, Image(url="https://a/2"))),)
    assert filled.messages[0] == REQUEST.messages[0]
    assert [part.url for part in parts_by_url(filled)] == ["https://a/2"]


def test_plain_text_becomes_a_documents_text() -> None:
    filled = with_media(REQUEST, {("document", "https://a/d"): Media("text/plain", "見出し".encode())})
    assert filled.messages[1].parts[3] == msgspec.structs.replace(DOCUMENT, url=None, text="見出し")


def test_an_image_and_a_document_of_one_url_are_two_things() -> None:
    both = Request(model="m", messages=(Message("user", (Image(url="u"), Document(url="u"))),))
    filled = with_media(both, {("image", "u"): Media("image/png", b"")})
    assert filled.messages[0].parts == (Image(media_type="image/png", data=""), Document(url="u"))


@given(st.binary(max_size=50))
def test_nothing_fetched_changes_nothing(data: bytes) -> None:
    assert with_media(REQUEST, {}) == REQUEST
    assert with_media(REQUEST, {("image", "https://other"): Media("image/png", data)}) == REQUEST
