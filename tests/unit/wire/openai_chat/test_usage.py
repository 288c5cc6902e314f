from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import COUNTS, Usage
from sekisho.wire.openai_chat.usage import UsageBody, read_usage, write_tier, write_usage


def read(**fields: Any) -> Usage | None:
    return read_usage(msgspec.convert(fields, UsageBody))


def test_cached_tokens_are_part_of_the_prompt() -> None:
    usage = read(
        prompt_tokens=9888,
        completion_tokens=20,
        total_tokens=9908,
        prompt_tokens_details={"cached_tokens": 6752},
        completion_tokens_details={"reasoning_tokens": 8},
    )
    assert usage == Usage(input_tokens=3136, cache_read_tokens=6752, output_tokens=20, reasoning_tokens=8)


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}},
        {"prompt_cache_hit_tokens": 4, "prompt_tokens_details": {"cache_creation_tokens": 3}},
        {"cache_read_input_tokens": 4, "cache_creation_input_tokens": 3},
    ],
)
def test_caching_in_the_words_of_vendors(fields: dict[str, Any]) -> None:
    usage = read(prompt_tokens=10, completion_tokens=1, **fields)
    assert usage == Usage(input_tokens=3, cache_read_tokens=4, cache_write_tokens=3, output_tokens=1)


def test_writes_with_a_long_life() -> None:
    details = {"cache_creation_tokens": 5, "cache_creation_token_details": {"ephemeral_1h_input_tokens": 2}}
    usage = read(prompt_tokens=9, completion_tokens=0, prompt_tokens_details=details)
    assert usage == Usage(input_tokens=4, cache_write_tokens=5, cache_write_1h_tokens=2)


def test_tokens_that_a_vendor_counts_beside_the_prompt() -> None:
    beside = read(prompt_tokens=3, completion_tokens=1, prompt_tokens_details={"cached_tokens": 10})
    assert beside == Usage(input_tokens=3, cache_read_tokens=10, output_tokens=1)
    written = read(prompt_tokens=5, completion_tokens=1, cached_tokens=4, cache_creation_input_tokens=7)
    assert written == Usage(input_tokens=1, cache_read_tokens=4, cache_write_tokens=7, output_tokens=1)


def test_thought_that_a_vendor_counts_beside_the_completion_is_output_too() -> None:
    details = {"reasoning_tokens": 50}
    beside = read(prompt_tokens=10, completion_tokens=5, total_tokens=65, completion_tokens_details=details)
    assert beside == Usage(input_tokens=10, output_tokens=55, reasoning_tokens=50)
    inside = read(prompt_tokens=10, completion_tokens=60, total_tokens=70, completion_tokens_details=details)
    assert inside == Usage(input_tokens=10, output_tokens=60, reasoning_tokens=50)


def test_no_counts_are_no_usage() -> None:
    assert read_usage(None) is None
    assert read(total_tokens=7) is None
    assert read(prompt_tokens=0, completion_tokens=0) == Usage()


def test_every_detail_is_written() -> None:
    body = write_usage(
        Usage(input_tokens=1, cache_read_tokens=2, cache_write_tokens=3, output_tokens=4, reasoning_tokens=1)
    )
    assert (body["prompt_tokens"], body["completion_tokens"], body["total_tokens"]) == (6, 4, 10)
    assert body["prompt_tokens_details"] == {"cached_tokens": 2, "cache_write_tokens": 3, "audio_tokens": 0}
    assert body["completion_tokens_details"]["reasoning_tokens"] == 1


_counts = st.integers(0, 10**9)


@given(_counts, _counts, _counts, _counts, st.integers(0, 100))
def test_what_is_written_is_read_again(fresh: int, read_: int, written: int, output: int, share: int) -> None:
    usage = Usage(
        input_tokens=fresh,
        cache_read_tokens=read_,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=output * share // 200,
    )
    assert read_usage(msgspec.convert(write_usage(usage), UsageBody)) == usage


_odd = st.none() | st.integers(-5, 50) | st.floats(0, 50)


@given(st.fixed_dictionaries(dict.fromkeys(("prompt_tokens", "completion_tokens", "cached_tokens"), _odd)))
def test_no_count_is_ever_negative(fields: dict[str, Any]) -> None:
    usage = read(**fields)
    assert usage is None or min(getattr(usage, name) for name in COUNTS) >= 0


@pytest.mark.parametrize(("tier", "told"), [("flex", "flex"), (None, None), (7, None)])
def test_the_tier_that_was_served_stands_in_the_usage(tier: Any, told: str | None) -> None:
    usage = read_usage(UsageBody(prompt_tokens=1), tier)
    assert usage is not None
    assert usage.service_tier == told


@pytest.mark.parametrize(("tier", "told"), [("flex", "flex"), ("standard", None), (None, None)])
def test_a_tier_is_told_in_words_of_this_dialect(tier: str | None, told: str | None) -> None:
    assert write_tier(Usage(service_tier=tier)) == told
    assert write_tier(None) is None
