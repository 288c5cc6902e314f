from __future__ import annotations

import msgspec
import pytest

from sekisho.canonical.usage import Usage
from sekisho.core.errors import CallerError
from sekisho.wire.carrier import PLAIN
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.registry import BY_NAME, CARRIED, DIALECTS, dialect_of, spoken

COUNTED = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_each_dialect_stands_once_under_its_name() -> None:
    assert [dialect.name for dialect in (*DIALECTS, *CARRIED)] == list(BY_NAME)
    assert {"anthropic-messages", "openai-chat", "openai-responses"} <= {dialect.name for dialect in DIALECTS}


def test_a_carried_dialect_is_named_after_what_it_carries() -> None:
    for dialect in CARRIED:
        assert dialect.name.endswith(f"@{dialect.carrier.name}")
        assert dialect.name.partition("@")[0] in BY_NAME
        assert dialect.model_in_path
    assert all(dialect.carrier is PLAIN and not dialect.shape for dialect in DIALECTS)


@pytest.mark.parametrize("name", BY_NAME)
def test_generating_is_the_dialect_itself(name: str) -> None:
    assert dialect_of(name, "generate") is BY_NAME[name]


@pytest.mark.parametrize("operation", ["completions", "embeddings"])
@pytest.mark.parametrize("name", BY_NAME)
def test_another_operation_changes_only_how_a_reply_is_read(name: str, operation: str) -> None:
    dialect, plain = dialect_of(name, operation), BY_NAME[name]
    assert dialect is dialect_of(name, operation)
    changed = {field for field in plain.__struct_fields__ if getattr(dialect, field) is not getattr(plain, field)}
    assert changed <= {"read_facts", "stream_watch"}


@pytest.mark.parametrize(
    ("operation", "reply", "usage"),
    [
        ("completions", {"model": "m", "choices": [{"text": "abc"}], "usage": COUNTED}, (3, 2)),
        ("embeddings", {"model": "m", "data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 3}}, (3, 0)),
    ],
)
def test_legacy_replies_are_read(operation: str, reply: dict[str, object], usage: tuple[int, int]) -> None:
    facts = dialect_of("openai-chat", operation).read_facts(msgspec.json.encode(reply))
    assert facts.served_model == "m"
    assert facts.usage == Usage(input_tokens=usage[0], output_tokens=usage[1])


def test_a_completions_stream_is_counted() -> None:
    watch = dialect_of("openai-chat", "completions").stream_watch(False)
    stream = b'data: {"choices":[{"text":"abcd"}]}\n\n'
    assert watch.feed(stream) == stream
    assert watch.text_bytes == 4


def test_an_unknown_dialect_is_a_defect() -> None:
    with pytest.raises(KeyError):
        dialect_of("morse", "generate")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"anthropic_version":"v","system":"s","messages":[]}', "anthropic-messages@bedrock"),
        (b'{"schemaVersion":"messages-v1","messages":[]}', "bedrock-converse@bedrock"),
        (b'{"messages":[],"inferenceConfig":{}}', "bedrock-converse@bedrock"),
        (b'{"messages":[]}', "openai-chat@bedrock"),
    ],
)
def test_the_body_of_an_invocation_tells_its_words(body: bytes, name: str) -> None:
    assert spoken(BY_NAME["anthropic-messages@bedrock"], JsonObject(body)).name == name
    assert spoken(BY_NAME["anthropic-messages"], JsonObject(body)) is BY_NAME["anthropic-messages"]


def test_a_body_in_nobodys_words_is_refused_by_its_family() -> None:
    body = JsonObject(b'{"prompt":"Hi","max_gen_len":9}')
    assert spoken(BY_NAME["openai-chat"], body, "m") is BY_NAME["openai-chat"]
    with pytest.raises(CallerError, match="Meta Llama"):
        spoken(BY_NAME["anthropic-messages@bedrock"], body, "m")
