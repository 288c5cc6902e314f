from __future__ import annotations

from sekisho.wire.gemini_generate.reply_schema import ChunkOut, decode_chunk


def test_new_fields_and_parts_do_not_matter() -> None:
    chunk = decode_chunk(b'{"new": 1, "candidates": [{"new": {}, "content": {"parts": [{"hologram": {"a": 1}}]}}]}')
    candidate = chunk.candidate()
    assert candidate is not None
    assert candidate.content is not None
    assert [part.text for part in candidate.content.parts or ()] == [None]


def test_enumerations_may_be_numbers() -> None:
    chunk = decode_chunk(b'{"candidates": [{"finishReason": 1}], "usageMetadata": {"trafficType": 1}}')
    candidate = chunk.candidate()
    assert candidate is not None
    assert candidate.finish_reason == 1


def test_an_answer_says_something() -> None:
    assert decode_chunk(b'{"promptFeedback": {"blockReason": "OTHER"}}').says_something()
    assert decode_chunk(b'{"usageMetadata": {}}').says_something()
    assert not decode_chunk(b'{"candidates": [], "responseId": "r"}').says_something()
    assert ChunkOut().candidate() is None
