from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire.estimate import FAMILIES, estimate_tokens, family_of, stands_at_provider, text_tokens, unseen

CLAUDE = "claude-sonnet-4-5"
PDF = b"%PDF-1.7\n" + b"1 0 obj << /Type /Page >> endobj\n" * 3 + b"<< /Type /Pages >>"
PNG = b"\x89PNG\r\n\x1a\n" + b"\xff" * 300


def estimated(**body: Any) -> int:
    return estimate_tokens(msgspec.json.encode(body), CLAUDE)


def saying(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(content)}]


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        ("eu.anthropic.claude-opus-4-8-20260101-v1:0", "claude-opus-4-8"),
        ("claude-fable-5-1", "claude-opus-5"),
        ("claude-3-5-haiku@20241022", CLAUDE),
        ("o3-mini", "gpt-5"),
        ("azure/gpt-4.1", "gpt-5"),
        ("models/gemini-2.5-pro", "gemini-3-flash"),
        ("us.amazon.nova-lite-v1:0", "nova"),
        ("llama-3", "mistral"),
    ],
)
def test_a_family_is_recognised_by_any_name(model: str, same_as: str) -> None:
    assert family_of(model) is family_of(same_as)


def test_newer_claudes_take_more_tokens_for_the_same_text() -> None:
    assert text_tokens(b"some text", family_of("claude-opus-5").weights) > text_tokens(
        b"some text", family_of(CLAUDE).weights
    )


@pytest.mark.parametrize("text", ["plain words", "日本語の文章", "12345678", "a9" * 40, "😀😀", "{}[]();", "A\tB\n"])
def test_every_kind_of_character_counts(text: str) -> None:
    weights = family_of(CLAUDE).weights
    assert 0 < text_tokens(text.encode(), weights) < text_tokens(text.encode() * 3, weights)


def test_a_text_without_gaps_counts_more_than_words() -> None:
    weights = family_of("gpt-5").weights
    assert text_tokens(b"abcd" * 20, weights) > 2 * text_tokens(b"abc " * 20, weights)


def test_a_picture_counts_its_largest_size_and_not_its_bytes() -> None:
    data = base64.b64encode(PNG * 1_000).decode()
    plain = estimated(messages=saying({"type": "text", "text": "a"}))
    source = {"type": "base64", "media_type": "image/png", "data": data}
    shown = estimated(messages=saying({"type": "text", "text": "a"}, {"type": "image", "source": source}))
    assert 1_600 <= shown - plain < 2_000
    for inner in ({"image_url": {"url": f"data:image/png;base64,{data}"}}, {"inlineData": {"data": data}}):
        assert 1_600 <= estimated(messages=saying({"type": "text", "text": "a"}, inner)) - plain < 2_000


def test_a_pdf_counts_by_its_pages_and_a_text_file_by_its_text() -> None:
    def file(data: bytes) -> int:
        source = {"type": "base64", "data": base64.b64encode(data).decode()}
        return estimated(messages=saying({"type": "document", "source": source}))

    assert file(PDF + b" " * 300) >= 3 * family_of(CLAUDE).page
    assert 500 < file(b"These are the words of a file. " * 100) < 2_000


@pytest.mark.parametrize("key", ["file_id", "url", "fileUri"])
def test_a_file_that_stands_elsewhere_counts_as_a_page(key: str) -> None:
    assert estimated(messages=saying({"source": {key: "https://example.com/x.pdf"}})) >= family_of(CLAUDE).page


def test_tools_cost_their_preamble_and_hosted_ones_their_own() -> None:
    own = {"name": "f", "input_schema": {"type": "object"}}
    without = estimated(messages=saying("hi"))
    with_own = estimated(messages=saying("hi"), tools=[own])
    hosted = estimated(messages=saying("hi"), tools=[own, {"type": "memory_20250818", "name": "memory"}])
    assert with_own - without >= family_of(CLAUDE).tools
    assert hosted - with_own >= family_of(CLAUDE).hosted
    converse = estimated(messages=saying("hi"), toolConfig={"tools": [{"toolSpec": {"name": "f"}}]})
    assert converse - without >= family_of(CLAUDE).tools


def test_how_to_answer_is_no_part_of_the_prompt_but_its_schema_is() -> None:
    plain = estimated(messages=saying("hi"))
    assert estimated(messages=saying("hi"), model="a-long-name", metadata={}, max_tokens=99_999, stop="x" * 99) == plain
    schema = {"type": "json_schema", "json_schema": {"name": "x"}}
    assert estimated(messages=saying("hi"), response_format=schema) > plain + family_of(CLAUDE).schema


def test_sealed_thoughts_count_a_quarter_of_their_bytes() -> None:
    plain = estimated(messages=saying({"type": "thinking"}))
    assert estimated(messages=saying({"type": "thinking", "signature": "a" * 400})) - plain == 100


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "cachedContent"])
def test_a_prompt_that_stands_at_the_provider_is_named(name: str) -> None:
    assert unseen(msgspec.json.encode({"input": "a", name: "x"})) == name
    assert unseen(msgspec.json.encode({"input": "a", name: None})) is None
    assert stands_at_provider({name: msgspec.Raw(b'"x"')}) == name


def test_a_stored_prompt_is_one_by_its_id() -> None:
    assert unseen(msgspec.json.encode({"prompt": {"id": "pmpt_1"}})) == "prompt"
    assert unseen(msgspec.json.encode({"prompt": "Once"})) is None


@given(st.binary(max_size=200))
def test_any_bytes_have_an_estimate(body: bytes) -> None:
    assert estimate_tokens(body, "m") > 0
    assert unseen(body) is None


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(st.dictionaries(st.text(max_size=8), json), st.text(max_size=30))
def test_more_to_say_is_never_fewer_tokens(body: dict[str, Any], more: str) -> None:
    said = {**body, "messages": [{"role": "user", "content": "a"}]}
    longer = {**body, "messages": [*said["messages"], {"role": "user", "content": more}]}
    assert estimated(**said) <= estimated(**longer)


def test_the_last_family_fits_every_name() -> None:
    assert FAMILIES[-1][0].search("anything") is not None
