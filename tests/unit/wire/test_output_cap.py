"""The most output tokens of a request.

In: bodies of each dialect. Out: the cap that is read, and bodies with a lower one.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.wire.json_edit import JsonObject
from sekisho.wire.output_cap import COMPLETIONS, Cap, lowered, read_cap
from sekisho.wire.registry import BY_NAME

SAID: dict[str, tuple[bytes, Cap]] = {
    "anthropic-messages": (b'{"max_tokens": 4096, "messages": []}', Cap(4096)),
    "openai-chat": (b'{"max_tokens": 100, "n": 3, "messages": []}', Cap(100, 3)),
    "completions": (b'{"max_tokens": 50, "n": 2, "best_of": 5, "prompt": ["a", "b"]}', Cap(50, 10)),
    "openai-responses": (b'{"max_output_tokens": 7, "input": "x"}', Cap(7)),
    "bedrock-converse": (b'{"inferenceConfig": {"maxTokens": 9, "topP": 0.5}}', Cap(9)),
    "bedrock-converse@bedrock": (b'{"inferenceConfig": {"max_new_tokens": 8}}', Cap(8)),
    "gemini-generate": (b'{"generationConfig": {"maxOutputTokens": 11, "candidateCount": 2}}', Cap(11, 2)),
}
UNSAID = sorted(SAID)
CONVERSE = b'{"inferenceConfig":{"maxTokens":9000},"additionalModelRequestFields":{"%b":{"budget_tokens":8000}}}'


def test_every_dialect_has_its_place() -> None:
    assert {dialect.shape or name for name, dialect in BY_NAME.items()} | {COMPLETIONS} == set(SAID)


@pytest.mark.parametrize(
    ("prompt", "answers"),
    [(b'"a"', 2), (b'["a", "b", "c"]', 6), (b"[[1, 2], [3]]", 4), (b"[1, 2, 3]", 2), (b"[]", 2), (b"null", 2)],
)
def test_each_of_several_prompts_is_answered(prompt: bytes, answers: int) -> None:
    body = JsonObject(b'{"max_tokens": 50, "n": 2, "prompt": %b}' % prompt)
    assert read_cap(COMPLETIONS, body) == Cap(50, answers)


@pytest.mark.parametrize("dialect", UNSAID)
def test_what_a_request_allows(dialect: str) -> None:
    body, cap = SAID[dialect]
    assert read_cap(dialect, JsonObject(body)) == cap


@pytest.mark.parametrize("dialect", UNSAID)
@pytest.mark.parametrize("body", [b"{}", b'{"inferenceConfig": null, "generationConfig": [], "n": "x"}'])
def test_what_is_not_said_is_not_guessed(dialect: str, body: bytes) -> None:
    assert read_cap(dialect, JsonObject(body)) == Cap()


@pytest.mark.parametrize("value", [b"0", b"-1", b"true", b"1.5", b'"9"', b"null", b"[", b"1e3"])
def test_only_a_count_is_a_maximum(value: bytes) -> None:
    if value == b"[":  # no JSON: not even a body
        assert read_cap("bedrock-converse", JsonObject(b'{"inferenceConfig": {"maxTokens": [1]}}')) == Cap()
        return
    assert read_cap("anthropic-messages", JsonObject(b'{"max_tokens": %b}' % value)) == Cap()


@pytest.mark.parametrize(("old", "new"), [(5, 6), (6, 5)])
def test_the_larger_of_two_names_holds(old: int, new: int) -> None:
    both = JsonObject(b'{"max_tokens": %d, "max_completion_tokens": %d}' % (old, new))
    assert read_cap("openai-chat", both).tokens == 6
    assert both.edited(lowered("openai-chat", both, 4)) == b'{"max_tokens": 4, "max_completion_tokens": 4}'


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic-messages", b'{"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 8000}}'),
        ("bedrock-converse", CONVERSE % b"thinking"),
        ("bedrock-converse", CONVERSE % b"reasoning_config"),
        (
            "gemini-generate",
            b'{"generationConfig": {"maxOutputTokens": 9000, "thinkingConfig": {"thinkingBudget": 8000}}}',
        ),
    ],
)
def test_thinking_has_to_fit_in(dialect: str, body: bytes) -> None:
    assert read_cap(dialect, JsonObject(body)) == Cap(9000, least=8001)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic-messages", b'{"thinking": {"type": "adaptive"}}'),
        ("bedrock-converse", b'{"additionalModelRequestFields": [1]}'),
        ("bedrock-converse", b'{"additionalModelRequestFields": {"thinking": 7}}'),
        ("gemini-generate", b'{"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}'),
    ],
)
def test_thinking_of_no_length_asks_for_nothing(dialect: str, body: bytes) -> None:
    assert read_cap(dialect, JsonObject(body)) == Cap()


def test_google_takes_both_ways_of_writing() -> None:
    body = JsonObject(b'{"generation_config":{"max_output_tokens":9000,"candidate_count":8,"maxOutputTokens":7}}')
    assert read_cap("gemini-generate", body) == Cap(9000, 8)
    made = body.edited(lowered("gemini-generate", body, 3))
    assert made == b'{"generation_config":{"max_output_tokens":3,"candidate_count":8,"maxOutputTokens":3}}'
    thinking = b'{"generation_config":{"thinking_config":{"thinking_budget":8000}}}'
    assert read_cap("gemini-generate", JsonObject(thinking)).least == 8001


@pytest.mark.parametrize(
    ("dialect", "within"), [("bedrock-converse", b"inferenceConfig"), ("gemini-generate", b"generationConfig")]
)
def test_a_maximum_is_put_where_nothing_is_said_by_null(dialect: str, within: bytes) -> None:
    body = JsonObject(b'{"%b": null}' % within)
    made = JsonObject(body.edited(lowered(dialect, body, 3)))
    assert read_cap(dialect, made).tokens == 3


@pytest.mark.parametrize("dialect", UNSAID)
def test_a_lower_maximum_changes_nothing_else(dialect: str) -> None:
    body = JsonObject(SAID[dialect][0])
    made = body.edited(lowered(dialect, body, 3))
    assert read_cap(dialect, JsonObject(made)) == msgspec.structs.replace(SAID[dialect][1], tokens=3)
    assert _without_counts(made) == _without_counts(body.body)


@pytest.mark.parametrize("dialect", UNSAID)
def test_a_maximum_is_added_where_there_was_none(dialect: str) -> None:
    body = JsonObject(b'{"x": 1}')
    made = body.edited(lowered(dialect, body, 3))
    assert made.startswith(b'{"x": 1,')
    assert read_cap(dialect, JsonObject(made)).tokens == 3


def _without_counts(body: bytes) -> Any:
    """The body with every whole number as None."""

    def blank(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: blank(item) for name, item in value.items()}
        return None if isinstance(value, int) else value

    return blank(msgspec.json.decode(body))
