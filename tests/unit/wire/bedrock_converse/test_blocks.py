from __future__ import annotations

import base64
from typing import Any

import pytest

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.target import Profile
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.bedrock_converse.blocks import FAILED_WITHOUT_WORDS, WORDS_BESIDE_DOCUMENT, keep_last_points
from tests.unit.wire.bedrock_converse.samples import CLAUDE, NOVA, OTHER, asked, dropped, said, sent

POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}
CALL = ToolCall(id="t", name="look", arguments='{"z": 1.50, "a": 1e3}')


def content(*parts: Part | str, role: str = "user", profile: Profile = CLAUDE) -> list[dict[str, Any]]:
    """The blocks of the last message, whose calls are answered where they must be."""
    blocks: list[dict[str, Any]] = sent(asked(said("user", "go"), said(role, *parts)), profile)["messages"][-1][
        "content"
    ]
    return blocks


def in_result(*parts: Any, **fields: Any) -> list[dict[str, Any]]:
    """The blocks of a message with one result."""
    result = ToolResult(call_id="t", parts=parts, **fields)
    request = asked(said("user", "go"), said("assistant", CALL), said("user", result))
    blocks: list[dict[str, Any]] = sent(request)["messages"][-1]["content"]
    return blocks


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Text("a"), {"text": "a"}),
        (Refusal("No."), {"text": "No."}),
        (Image(media_type="image/jpg", data="aGk="), {"image": {"format": "jpeg", "source": {"bytes": "aGk="}}}),
        (
            Document(data="JVBE", name="a.pdf", context="c", citations=True),
            {
                "document": {
                    "format": "pdf",
                    "name": "a-pdf",
                    "source": {"bytes": "JVBE"},
                    "context": "c",
                    "citations": {"enabled": True},
                }
            },
        ),
        (
            Document(text="é", name="n"),
            {"document": {"format": "txt", "name": "n", "source": {"bytes": base64.b64encode("é".encode()).decode()}}},
        ),
        (
            Document(text="é", name="n", citations=True),
            {"document": {"format": "txt", "name": "n", "source": {"text": "é"}, "citations": {"enabled": True}}},
        ),
        (
            Document(media_type="text/x-python", data="YQ==", name="n"),
            {"document": {"format": "txt", "name": "n", "source": {"bytes": "YQ=="}}},
        ),
    ],
)
def test_each_part_has_its_block(part: Part, block: dict[str, Any]) -> None:
    assert content("words", part)[-1] == block


def test_thoughts_and_calls_of_the_assistant() -> None:
    signed = Thinking(text="", signature="s", origin="anthropic")
    request = asked(said("user", "go"), said("assistant", signed, RedactedThinking("EmwK"), CALL))
    assert sent(request)["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "EmwK"}},
        {"toolUse": {"toolUseId": "t", "name": "look", "input": {"z": 1.5, "a": 1000}}},
    ]


@pytest.mark.parametrize(
    ("part", "at_fault"),
    [
        (Image(url="https://x/y.png"), "image.url"),
        (Image(media_type="image/tiff", data="x"), "image.media_type"),
        (Document(url="https://x/y.pdf"), "document.url"),
        (Document(media_type="application/zip", data="x"), "document.media_type"),
    ],
)
def test_what_no_block_can_say_is_refused_by_name(part: Part, at_fault: str) -> None:
    with pytest.raises(UnsupportedFeature, match=at_fault):
        content(part)


@pytest.mark.parametrize("part", [Image(media_type="image/png", data="x"), Document(data="x")])
def test_an_assistant_shows_nothing(part: Part) -> None:
    with pytest.raises(UnsupportedFeature, match="An assistant message holds no such part"):
        content(part, role="assistant")


def test_a_document_has_words_beside_it() -> None:
    assert content(Document(data="JVBE", name="n"))[-1]["document"]["name"] == "n"
    request = asked(said("user", Document(data="JVBE", name="n")))
    assert sent(request)["messages"][0]["content"][-1] == {"text": WORDS_BESIDE_DOCUMENT}
    assert dropped(request) == ("messages.words_beside_document",)


def test_names_of_documents_come_once_and_stay() -> None:
    twice = [
        Document(data="JVBE"),
        Document(data="JVBE"),
        Document(data="JVBE", name="n"),
        Document(data="x", name="n"),
    ]
    names = [block["document"]["name"] for block in content("see", *twice) if "document" in block]
    assert len(set(names)) == 4
    assert names[1] == f"{names[0]} 2"
    assert names[2:] == ["n", "n 2"]


def test_results_and_their_failures() -> None:
    (block,) = in_result(Text("a"), Text(" "), Image(media_type="image/png", data="aGk="))
    assert block["toolResult"] == {
        "toolUseId": "t",
        "content": [{"text": "a"}, {"image": {"format": "png", "source": {"bytes": "aGk="}}}],
    }
    for empty in (in_result(), in_result(Text(""))):  # models that are not Claude refuse a list without a block
        assert empty == [{"toolResult": {"toolUseId": "t", "content": [{"text": ""}]}}]
    (failed,) = in_result(is_error=True)
    assert failed["toolResult"] == {"toolUseId": "t", "content": [{"text": FAILED_WITHOUT_WORDS}], "status": "error"}


def test_a_cache_point_stands_behind_what_is_marked() -> None:
    assert content(Text("a", CacheMark("1h")), "b") == [{"text": "go"}, {"text": "a"}, HOUR, {"text": "b"}]
    assert in_result(Text("a"), cache=CacheMark())[-1] == POINT
    inside = in_result(Text("a", CacheMark("1h")), Text("b"))
    assert inside == [{"toolResult": {"toolUseId": "t", "content": [{"text": "a"}, {"text": "b"}]}}, HOUR]


def test_a_model_takes_points_where_it_can() -> None:
    result = ToolResult(call_id="t", parts=(Text("a"),), cache=CacheMark())
    request = asked(
        said("system", Text("s", CacheMark())),
        said("user", "go"),
        said("assistant", CALL),
        said("user", result, Text("b", CacheMark())),
    )
    counted = {"claude": (CLAUDE, 3), "nova": (NOVA, 2), "other": (OTHER, 0)}
    for profile, points in counted.values():
        body = sent(request, profile)
        blocks = [*body["system"], *(block for message in body["messages"] for block in message["content"])]
        assert sum("cachePoint" in block for block in blocks) == points
        assert ("cache_control" in dropped(request, profile)) is (points < 3)


def test_the_last_four_points_stay() -> None:
    lists: list[list[dict[str, Any]]] = [
        [{"text": "a"}, POINT],
        [HOUR, {"text": "b"}, dict(POINT)],
        [dict(POINT), dict(POINT), dict(HOUR)],
    ]
    notes: list[str] = []
    keep_last_points(lists, notes)
    assert lists == [[{"text": "a"}], [{"text": "b"}, POINT], [POINT, POINT, HOUR]]
    assert notes == ["cache_control", "cache_control"]
