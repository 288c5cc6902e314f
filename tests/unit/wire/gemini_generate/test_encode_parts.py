from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.request import Document, Image, Message, Part, Text, Thinking, ToolCall, ToolResult
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.gemini_generate.encode_parts import model_parts, result_parts, user_parts
from sekisho.wire.gemini_generate.signatures import SENTINEL
from tests.unit.wire.gemini_generate.samples import LEVELS, asked, said, sent

SIGNED = Thinking(text="", signature="c2ln", origin="gemini")


def call(call_id: str, arguments: str = "{}", **fields: bool) -> ToolCall:
    return ToolCall(id=call_id, name="f", arguments=arguments, **fields)  # type: ignore[arg-type]  # only flags


def naming(name: str, _namespace: str | None) -> str:
    return name


def model(*parts: Part, sentinel: str | None = None) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(model_parts(parts, naming, sentinel)))
    return made


def test_a_signature_goes_on_the_part_that_it_came_with() -> None:
    assert model(Text("a"), SIGNED, call("1"), call("2")) == [
        {"text": "a"},
        {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"id": "2", "name": "f", "args": {}}},
    ]
    assert model(SIGNED, Text("a")) == [{"text": "a", "thoughtSignature": "c2ln"}]


def test_a_signature_alone_stays_alone() -> None:
    other = Thinking(text="", signature="b3Ro", origin="gemini")
    alone = {"text": "", "thoughtSignature": "c2ln"}
    assert model(Text("a"), SIGNED) == [{"text": "a"}, alone]
    assert model(SIGNED, other, Text("a")) == [alone, {"text": "a", "thoughtSignature": "b3Ro"}]


def test_thoughts_keep_their_words() -> None:
    assert model(Thinking(text="why"), Text("a")) == [{"text": "why", "thought": True}, {"text": "a"}]
    readable = Thinking(text="why", signature="c2ln", origin="gemini")
    assert model(readable, call("1"))[1]["thoughtSignature"] == "c2ln"


def test_signatures_that_chat_has_gathered_go_to_their_calls() -> None:
    other = Thinking(text="", signature="b3Ro", origin="gemini")
    why = Thinking(text="why")
    made = model(why, SIGNED, Text("Hm"), call("1"), call("2"))
    assert [part.get("thoughtSignature") for part in made] == [None, None, "c2ln", None]
    made = model(SIGNED, other, call("1"), call("2"))
    assert [part.get("thoughtSignature") for part in made] == ["c2ln", "b3Ro"]
    made = model(SIGNED, other, Text("Hm"), call("1"))
    assert [part.get("thoughtSignature") for part in made] == ["b3Ro", "c2ln"]
    third = Thinking(text="", signature="ZHJp", origin="gemini")
    made = model(SIGNED, Text("Hm"), third, call("1"))
    assert [part.get("thoughtSignature") for part in made] == ["c2ln", "ZHJp"]


def test_only_the_first_call_needs_a_signature() -> None:
    made = model(Text("a"), call("1"), call("2"), sentinel=SENTINEL)
    assert [part.get("thoughtSignature") for part in made] == [None, SENTINEL, None]
    assert model(SIGNED, call("1"), sentinel=SENTINEL)[0]["thoughtSignature"] == "c2ln"


@pytest.mark.parametrize("wrong", ["", "[1]", "{", "nonsense", "{" * 5_000])
def test_arguments_that_are_no_object_are_none(wrong: str) -> None:
    [made] = model(call("1", wrong))
    assert made["functionCall"]["args"] == {}


def test_arguments_keep_their_order() -> None:
    [made] = model(call("1", '{"b": 1, "a": 2.0}'))
    assert list(made["functionCall"]["args"].items()) == [("b", 1), ("a", 2.0)]
    [made] = model(call("1", "free text", custom=True))
    assert made["functionCall"] == {"id": "1", "name": "f", "args": {"input": "free text"}}


def test_files() -> None:
    parts = user_parts(
        [
            Text("look"),
            Image(media_type="image/png", data="AA=="),
            Image(url="gs://bucket/a.webp"),
            Image(url="https://a/b?c=d.png"),
            Document(url="https://a/b.TXT", context="Notes"),
            Document(data="AA=="),
            Document(text="words", name="a.txt", media_type="text/plain"),
        ]
    )
    assert parts == [
        {"text": "look"},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {"fileData": {"mimeType": "image/webp", "fileUri": "gs://bucket/a.webp"}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a/b?c=d.png"}},
        {"text": "Notes"},
        {"fileData": {"mimeType": "text/plain", "fileUri": "https://a/b.TXT"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "AA=="}},
        {"text": "a.txt"},
        {"inlineData": {"mimeType": "text/plain", "data": "d29yZHM="}},
    ]


def test_results() -> None:
    image = Image(media_type="image/png", data="AA==")
    file = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    results = [
        ToolResult(call_id="1", parts=(Text("a"), Document(text="b"), image)),
        ToolResult(call_id="2", parts=(Text("no"),), is_error=True),
    ]
    names = {"1": "f", "2": "g"}
    first = {"id": "1", "name": "f", "response": {"output": "a\nb"}}
    second = {"functionResponse": {"id": "2", "name": "g", "response": {"error": "no"}}}
    inside, behind = result_parts(results, names, takes_files=True)
    assert (inside, behind) == ([{"functionResponse": {**first, "parts": [file]}}, second], [])
    inside, behind = result_parts(results, names, takes_files=False)
    assert inside == [{"functionResponse": first}, second]
    assert behind == [{"text": "Files of the result of tool call 1:"}, file]


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("assistant", Image(url="https://a/b.png")),
        ("user", call("1")),
        ("user", Image()),
        ("user", Document(url="https://[a/b.pdf")),
    ],
)
def test_what_no_part_can_say_is_refused(role: str, part: Part) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        sent(asked(said("user", "Hi"), Message(role, (part,)), said("user", "Go on.")), LEVELS)  # type: ignore[arg-type]
    assert str(caught.value.info.param).startswith("messages.")
