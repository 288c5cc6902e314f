from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.limits.sight import Sight, sight_of
from sekisho.wire.estimate import family_of

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40).decode()
WEBP = base64.b64encode(b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(range(256)) * 40).decode()
WAV = base64.b64encode(b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(range(256)) * 40).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(range(256)) * 40).decode()

#: Dialect -> a message with a file in base64.
INLINE: dict[str, Any] = {
    "anthropic-messages": lambda data: {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}],
            }
        ]
    },
    "bedrock-converse": lambda data: {
        "messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": data}}}]}]
    },
    "openai-chat": lambda data: {
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}]}
        ]
    },
    "openai-responses": lambda data: {
        "input": [{"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{data}"}]}]
    },
    "gemini-generate": lambda data: {
        "contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": data}}]}]
    },
}
every_dialect = pytest.mark.parametrize("dialect", INLINE)


def seen(dialect: str, body: dict[str, Any], indent: int | None = None) -> Sight:
    raw = json.dumps(body, indent=indent, ensure_ascii=False).encode()
    return sight_of(raw, msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), dialect)


@every_dialect
@pytest.mark.parametrize("data", [PNG, JPEG, WEBP], ids=["png", "jpeg", "webp"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_picture_counts_as_one_whatever_its_bytes(dialect: str, data: str, indent: int | None) -> None:
    body = INLINE[dialect](data) | {"again": INLINE[dialect](data)}
    sight = seen(dialect, body, indent)
    size = len(json.dumps(body, indent=indent))
    assert (sight.pictures, sight.hidden) == (2, False)
    assert size - 2 * len(data) - 64 <= sight.text_bytes <= size - 2 * len(data) + 64


@every_dialect
def test_a_file_of_unknown_length_is_hidden_and_sound_counts_by_its_bytes(dialect: str) -> None:
    assert seen(dialect, INLINE[dialect](PDF)).hidden
    sound = seen(dialect, INLINE[dialect](WAV))
    assert (sound.pictures, sound.hidden) == (0, False)
    assert sound.text_bytes > len(WAV)


@every_dialect
@pytest.mark.parametrize("before", [b"\n", b"junk " * 100])
@pytest.mark.parametrize("lines", [False, True])
def test_a_pdf_that_begins_a_little_later_is_one(dialect: str, before: bytes, *, lines: bool) -> None:
    encode = base64.encodebytes if lines else base64.b64encode
    assert seen(dialect, INLINE[dialect](encode(before + b"%PDF-1.7 and so on").decode())).hidden


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai-responses", {"previous_response_id": "resp_1"}),
        ("openai-responses", {"conversation": {"id": "conv_1"}}),
        ("openai-responses", {"prompt": {"id": "pmpt_1"}}),
        ("openai-responses", {"input": [{"content": [{"type": "input_file", "file_id": "f"}]}]}),
        ("openai-responses", {"input": [{"content": [{"type": "input_file", "file_url": "https://a"}]}]}),
        ("openai-responses", {"tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]}),
        ("openai-chat", {"messages": [{"content": [{"type": "file", "file": {"file_id": "f"}}]}]}),
        ("gemini-generate", {"cachedContent": "cachedContents/1"}),
        ("gemini-generate", {"contents": [{"parts": [{"fileData": {"fileUri": "gs://a"}}]}]}),
        ("gemini-generate", {"tools": [{"googleSearch": {}}]}),
        ("gemini-generate", {"tools": [{"functionDeclarations": [], "url_context": {}}]}),
        (
            "anthropic-messages",
            {"messages": [{"content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]},
        ),
        (
            "anthropic-messages",
            {"messages": [{"content": [{"type": "document", "source": {"type": "url", "url": "https://a"}}]}]},
        ),
        ("anthropic-messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        (
            "bedrock-converse",
            {"messages": [{"content": [{"document": {"source": {"s3Location": {"uri": "s3://a"}}}}]}]},
        ),
        ("bedrock-converse", {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}),
    ],
)
def test_what_the_provider_adds_is_hidden(dialect: str, body: dict[str, Any]) -> None:
    assert seen(dialect, body).hidden


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai-responses", {"previous_response_id": None, "conversation": None, "input": "Hi"}),
        ("openai-chat", {"prompt": "Once", "messages": []}),
        (
            "openai-chat",
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"url": {"type": "string"}}}}]},
        ),
        ("openai-chat", {"tools": "none", "functions": [7]}),
        (
            "anthropic-messages",
            {
                "tools": [
                    {
                        "name": "WebFetch",
                        "input_schema": {"properties": {"url": {"type": "string"}, "data": {"type": "string"}}},
                    }
                ]
            },
        ),
        ("anthropic-messages", {"messages": [{"content": 'he said "file_id" and "url": "http://a" and "data": "x"'}]}),
        (
            "bedrock-converse",
            {"toolConfig": {"tools": [{"toolSpec": {"name": "f"}}, {"cachePoint": {"type": "default"}}]}},
        ),
        ("gemini-generate", {"tools": [{"functionDeclarations": [{"name": "f"}]}]}),
        ("unknown", {"a": 1}),
    ],
)
def test_what_a_body_says_whole_is_not(dialect: str, body: dict[str, Any]) -> None:
    assert seen(dialect, body).hidden is False


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai-chat", {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}]}),
        ("openai-chat", {"messages": [{"content": [{"type": "image_url", "image_url": "HTTPS://a/b.png"}]}]}),
        ("openai-responses", {"input": [{"content": [{"type": "input_image", "image_url": "http://a/b.png"}]}]}),
        (
            "anthropic-messages",
            {"messages": [{"content": [{"type": "image", "source": {"type": "url", "url": "https://a"}}]}]},
        ),
    ],
)
def test_a_picture_by_its_address_counts_as_one(dialect: str, body: dict[str, Any]) -> None:
    sight = seen(dialect, body)
    assert (sight.pictures, sight.hidden) == (1, False)


def test_a_pictures_address_is_seen_however_far_its_key_is() -> None:
    raw = b'{"messages":[{"content":[{"type":"image_url","image_url":{"url":' + b" " * 99 + b'"https://a"}}]}]}'
    assert sight_of(raw, {}, "openai-chat").pictures == 1


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        (rb'{"file\u005fid":"f"}', True),
        (rb'{"fi\u006Ce_id":"f"}', True),
        (rb'"data:application/pdf;base64\u002cAAAA"', True),
        (rb'"a line of \\\u0066ile"', True),
        (rb'"caf\u00e9 \u003cb\u003e \u0022 \u0000 \u2028"', False),
        (rb'"code that writes \\u0066 or C:\\\\u0066"', False),
    ],
)
def test_letters_in_disguise_hide_what_is_asked(said: bytes, *, hidden: bool) -> None:
    assert sight_of(b'{"messages":[' + said + b"]}", {}, "openai-chat").hidden is hidden


def test_other_letters_are_denser_and_tools_add_words_of_the_providers() -> None:
    claude = family_of("claude-sonnet-4-5")
    plain, japanese = seen("openai-chat", {"a": "abc" * 300}), seen("openai-chat", {"a": "日本語" * 100})
    assert (plain.dense_bytes, japanese.dense_bytes) == (0, 900)
    assert japanese.beside(claude) - plain.beside(claude) == (claude.weights.other - 250) * 900 // 1000
    tools = seen("openai-chat", {"a": "abc" * 300, "tools": [{"type": "function"}]})
    assert tools.beside(claude) - plain.beside(claude) == claude.tools


@given(body=st.binary(max_size=400), dialect=st.sampled_from(list(INLINE)))
def test_no_body_is_too_strange(body: bytes, dialect: str) -> None:
    strange = body + b'"data":"' + body + b"base64," + body + b'"url" : "http' + body + b'"bytes":'
    sight = sight_of(strange, {}, dialect)
    assert 0 <= sight.text_bytes <= len(strange)
