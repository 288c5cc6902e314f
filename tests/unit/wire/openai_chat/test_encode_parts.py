from __future__ import annotations

import pytest

from sekisho.canonical.request import Document, Image, Part, Refusal, Text, Thinking
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_chat.encode_parts import content_part, text_content


def test_one_text_is_a_string() -> None:
    assert text_content(["a"], compatible=False) == "a"
    assert text_content([], compatible=False) == text_content([], compatible=True) == ""


def test_several_texts_are_parts_for_openai_and_one_string_for_imitators() -> None:
    assert text_content(["a", "b"], compatible=False) == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert text_content(["a", "b"], compatible=True) == "a\nb"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Text("t"), {"type": "text", "text": "t"}),
        (Refusal("r"), {"type": "refusal", "refusal": "r"}),
        (Image(url="https://x"), {"type": "image_url", "image_url": {"url": "https://x"}}),
        (
            Image(media_type="image/png", data="AA", detail="high"),
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "high"}},
        ),
        (
            Document(media_type="application/pdf", data="AA", name="a.pdf"),
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}},
        ),
        (
            Document(media_type="application/pdf", data="AA"),
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA"}},
        ),
        (
            Document(media_type="application/x-unheard-of", data="AA"),
            {"type": "file", "file": {"filename": "document", "file_data": "data:application/x-unheard-of;base64,AA"}},
        ),
        (Document(text="body", name="title", context="about"), {"type": "text", "text": "title\nabout\nbody"}),
    ],
)
def test_parts(part: Part, expected: dict[str, object]) -> None:
    assert content_part(part, "p") == expected


@pytest.mark.parametrize(
    "part", [Document(url="https://x/a.pdf"), Document(data="AA"), Image(data="AA"), Thinking(text="t")]
)
def test_what_chat_cannot_carry_is_refused_by_its_path(part: Part) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        content_part(part, "messages.1.content.0")
    assert caught.value.info.param == "messages.1.content.0"
