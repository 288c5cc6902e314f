from __future__ import annotations

from typing import Any

import pytest

from sekisho.canonical.request import Document, Image, RedactedThinking, Text, Thinking, ToolCall, ToolResult
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.gemini_generate.signatures import SENTINEL, signature_for_caller
from tests.unit.wire.gemini_generate.samples import decoded, parts_of

GEMINIS = Thinking(text="", signature="c2ln", origin="gemini")


def call(name: str, call_id: str | None = None, **args: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args, **({"id": call_id} if call_id else {})}}


def answer(name: str, text: str, call_id: str | None = None, **more: Any) -> dict[str, Any]:
    value = {"name": name, "response": {"output": text}, **more}
    return {"functionResponse": {**value, **({"id": call_id} if call_id else {})}}


def test_calls_without_ids_are_paired_by_name_and_order() -> None:
    turns = [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [call("f", a=1), call("g"), call("f", a=2)]},
        {"role": "user", "parts": [answer("g", "of g"), answer("f", "first"), answer("f", "second")]},
        {"role": "model", "parts": [call("f", a=3)]},
        {"role": "function", "parts": [answer("f", "third")]},
    ]
    messages = decoded(contents=turns).messages
    calls = {part.id: part.arguments for message in messages for part in message.parts if isinstance(part, ToolCall)}
    assert calls == {"call_1": '{"a":1}', "call_2": "{}", "call_3": '{"a":2}', "call_4": '{"a":3}'}
    results = [part for message in messages for part in message.parts if isinstance(part, ToolResult)]
    assert [result.call_id for result in results] == ["call_2", "call_1", "call_3", "call_4"]
    assert decoded(contents=turns[:3]).messages == messages[:3]


def test_calls_with_ids_are_paired_by_them() -> None:
    turns = [
        {"role": "model", "parts": [call("f", "a"), call("f", "b")]},
        {"role": "user", "parts": [answer("f", "of b", "b"), answer("f", "of a", "a"), answer("h", "of none", "z")]},
    ]
    results = decoded(contents=turns).messages[1].parts
    assert [(part.call_id, part.parts) for part in results if isinstance(part, ToolResult)] == [
        ("b", (Text("of b"),)),
        ("a", (Text("of a"),)),
        ("z", (Text("of none"),)),
    ]


def test_a_signature_stands_before_its_part() -> None:
    signed = {**call("f"), "thoughtSignature": "c2ln"}
    assert parts_of("model", {"text": "Let me."}, signed, call("g"))[:3] == (
        Text("Let me."),
        GEMINIS,
        ToolCall(id="call_1", name="f", arguments="{}"),
    )
    assert parts_of("model", {"text": "Hm", "thoughtSignature": "c2ln"}) == (GEMINIS, Text("Hm"))
    assert parts_of("model", {"text": "Hm"}, {"text": "", "thoughtSignature": "c2ln"}) == (Text("Hm"), GEMINIS)
    [readable] = parts_of("model", {"text": "why", "thought": True, "thoughtSignature": "c2ln"})
    assert readable == Thinking(text="why", signature="c2ln", origin="gemini")


def test_the_sentinel_is_no_thought() -> None:
    assert len(parts_of("model", {**call("f"), "thoughtSignature": SENTINEL})) == 1
    assert parts_of("user", {"text": "Hi", "thoughtSignature": "c2ln"}) == (Text("Hi"),)


def test_a_carried_thought_comes_back_once() -> None:
    thought = Thinking(text="I should look.", signature="sig", origin="anthropic")
    signed = {**call("f"), "thoughtSignature": signature_for_caller(thought)}
    kept = [{"text": "I should ", "thought": True}, {"text": "look.", "thought": True}, signed]
    assert parts_of("model", *kept)[:-1] == (thought,)
    assert parts_of("model", signed)[:-1] == (thought,)
    assert parts_of("model", {"text": "Other.", "thought": True}, signed)[:-1] == (Thinking(text="Other."), thought)
    redacted = {"text": "Hm", "thoughtSignature": signature_for_caller(RedactedThinking("x"))}
    assert parts_of("model", redacted) == (RedactedThinking("x"), Text("Hm"))


def test_results_say_whether_they_failed() -> None:
    def result(response: Any, **more: Any) -> ToolResult:
        [part] = parts_of("user", {"functionResponse": {"name": "f", "response": response, **more}})
        assert isinstance(part, ToolResult)
        return part

    assert (result({"error": "no"}).is_error, result({"error": "no"}).parts) == (True, (Text("no"),))
    assert result({"result": [1]}).parts == (Text("[1]"),)
    assert result({"a": 1, "output": "x"}).parts == (Text('{"a":1,"output":"x"}'),)
    assert result({}).parts == ()
    image = {"inlineData": {"mimeType": "image/png", "data": "_-8"}}
    assert result({}, parts=[image]).parts == (Image(media_type="image/png", data="/+8="),)


def test_files_are_images_or_documents() -> None:
    assert parts_of(
        "user",
        {"inlineData": {"mimeType": "application/pdf", "data": "AA==", "displayName": "a.pdf"}},
        {"file_data": {"mime_type": "image/png", "file_uri": "gs://bucket/a.png"}},
        {"fileData": {"mimeType": "text/plain", "fileUri": "https://a/b.txt"}},
    ) == (
        Document(media_type="application/pdf", data="AA==", name="a.pdf"),
        Image(media_type="image/png", url="gs://bucket/a.png"),
        Document(media_type="text/plain", url="https://a/b.txt"),
    )


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"inlineData": {"mimeType": "audio/wav", "data": ""}}, "inlineData.mimeType"),
        ({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://a"}}, "fileData.mimeType"),
        (
            {"fileData": {"mimeType": "image/png", "fileUri": "https://generativelanguage.googleapis.com/v1beta/f"}},
            "fileData.fileUri",
        ),
        ({"executableCode": {"code": "1"}}, "executableCode"),
        ({"toolResponse": {}}, "toolResponse"),
        ({"functionResponse": {"name": "f", "willContinue": True}}, "functionResponse.willContinue"),
    ],
)
def test_what_only_google_can_read_is_refused(part: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        parts_of("user", part)
    assert caught.value.info.param == f"contents.0.parts.0.{named}"


@pytest.mark.parametrize(
    "content",
    [
        {"role": "system", "parts": [{"text": "Hi"}]},
        {"role": "user", "parts": [{}]},
        {"role": "model", "parts": [{"functionCall": {}}]},
        {"role": "user", "parts": [{"functionCall": {"name": "f"}}]},
        {"role": "model", "parts": [{"functionResponse": {"name": "f"}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "parts": [{}]}}]},
    ],
)
def test_what_google_refuses_is_malformed(content: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decoded(contents=[content])
    assert str(caught.value.info.param).startswith("contents.0.")


def test_what_only_tunes_is_named() -> None:
    part = {"text": "Hi", "mediaResolution": {"level": "HIGH"}}
    late = {"functionResponse": {"name": "f", "response": {}, "scheduling": "SILENT"}}
    request = decoded(contents=[{"parts": [part]}, {"role": "user", "parts": [late]}, {"role": "model", "parts": []}])
    assert request.untranslated == ("contents.mediaResolution", "functionResponse.scheduling")
    assert [message.role for message in request.messages] == ["user", "user"]
