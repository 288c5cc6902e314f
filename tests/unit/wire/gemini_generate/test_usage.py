from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.wire.gemini_generate.reply_schema import UsageOut
from sekisho.wire.gemini_generate.usage import read_usage, write_usage


def usage_of(**counts: object) -> Usage | None:
    return read_usage(msgspec.convert(counts, UsageOut))


def test_the_kinds_are_disjoint() -> None:
    found = usage_of(
        promptTokenCount=100,
        cachedContentTokenCount=60,
        candidatesTokenCount=7,
        thoughtsTokenCount=20,
        toolUsePromptTokenCount=5,
        serviceTier="flex",
    )
    expected = Usage(input_tokens=45, cache_read_tokens=60, output_tokens=27, reasoning_tokens=20, service_tier="flex")
    assert found == expected


def test_a_chunk_that_only_names_its_traffic_counts_nothing() -> None:
    assert usage_of(trafficType="ON_DEMAND") is None
    assert read_usage(None) is None


def test_vertex_says_its_tier_as_traffic() -> None:
    found = usage_of(promptTokenCount=1, trafficType="ON_DEMAND_PRIORITY")
    assert found is not None
    assert found.service_tier == "priority"


def test_a_count_that_makes_no_sense_is_not_negative() -> None:
    found = usage_of(promptTokenCount=3, cachedContentTokenCount=9, candidatesTokenCount=-1)
    assert found == Usage(cache_read_tokens=3)


@given(*4 * (st.integers(0, 10**9),))
def test_what_is_written_is_read_the_same(fresh: int, cached: int, output: int, thought: int) -> None:
    usage = Usage(
        input_tokens=fresh, cache_read_tokens=cached, output_tokens=output + thought, reasoning_tokens=thought
    )
    body = write_usage(usage)
    assert usage_of(**body) == usage
    assert body["totalTokenCount"] == usage.total_tokens
