from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass
from sekisho.wire.bedrock_converse.watch import ConverseWatch, read_facts
from tests.unit.wire.bedrock_converse.samples import HEAD, block, delta, event, exception, tail

CALL = {"toolUse": {"toolUseId": "t", "name": "look"}}
STREAM = (
    HEAD
    + block(0, {"reasoningContent": {"text": "Hm."}}, {"reasoningContent": {"signature": "s"}})
    + block(1, {"text": "あ"})
    + block(2, {"toolUse": {"input": "{}"}}, start=CALL)
    + tail("tool_use", cacheWriteInputTokens=7)
)


def seen(*chunks: bytes) -> tuple[ConverseWatch, bytes]:
    watch = ConverseWatch()
    return watch, b"".join(watch.feed(chunk) for chunk in chunks) + watch.close()


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_bytes_pass_and_the_facts_are_the_same_wherever_it_is_cut(places: list[int]) -> None:
    edges = [0, *sorted(places), len(STREAM)]
    watch, out = seen(*(STREAM[a:b] for a, b in itertools.pairwise(edges)))
    assert out == STREAM
    assert watch.usage == Usage(input_tokens=3, output_tokens=9, cache_write_tokens=7)
    assert (watch.finished, watch.ended, watch.failed, watch.text_bytes) == (True, True, None, 8)
    assert (watch.events, watch.served_model) == (11, None)


def test_finished_is_before_ended() -> None:
    watch, _ = seen(HEAD + block(0, {"text": "a"}) + event("messageStop", stopReason="end_turn"))
    assert (watch.finished, watch.ended, watch.usage) == (True, False, None)


def test_a_prompt_router_names_the_model_that_answered() -> None:
    trace = {"promptRouter": {"invokedModelId": "arn:m"}}
    watch, _ = seen(HEAD + event("metadata", usage={"inputTokens": 1}, trace=trace, serviceTier={"type": "flex"}))
    assert watch.served_model == "arn:m"
    assert watch.usage == Usage(input_tokens=1, service_tier="flex")


def test_an_exception_is_a_failure() -> None:
    watch, out = seen(HEAD, exception("throttlingException", "slow down"))
    assert out.startswith(HEAD)
    assert watch.failed is not None
    assert watch.failed.error_class is ErrorClass.RATE_LIMITED


@given(st.binary(max_size=60))
def test_it_never_raises_and_never_changes_a_byte(data: bytes) -> None:
    watch, out = seen(data, STREAM)
    assert out == data + STREAM
    assert watch.failed is None


def test_what_cannot_be_read_is_counted_and_passed_over() -> None:
    watch, out = seen(HEAD + event("contentBlockDelta", delta=1) + delta(0, text="a"))
    assert (watch.events, watch.text_bytes, out[:4]) == (3, 1, HEAD[:4])


def test_facts_of_a_whole_reply() -> None:
    body = (
        '{"output":{"message":{"role":"assistant","content":[{"text":"あ"},'
        '{"reasoningContent":{"reasoningText":{"text":"Hm."}}},'
        '{"citationsContent":{"content":[{"text":"c"}]}},'
        '{"toolUse":{"toolUseId":"t","name":"n","input":{"a":1}}}]}},"stopReason":"tool_use",'
        '"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}}'
    )
    facts = read_facts(body.encode())
    assert (facts.usage, facts.text_bytes) == (Usage(input_tokens=1, output_tokens=2), 3 + 3 + 1 + 7)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"output":1}'])
def test_no_facts_where_nothing_can_be_read(body: bytes) -> None:
    assert read_facts(body) == read_facts(b"{}")
