from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.events import Citation
from sekisho.canonical.usage import Usage
from sekisho.wire.bedrock_converse.reply_schema import (
    CitationOut,
    TierOut,
    TraceOut,
    UsageOut,
    citation_of,
    served_model_of,
    stop_sequence_of,
    usage_of,
)


def test_counts_leave_nothing_out_and_count_nothing_twice() -> None:
    counted = msgspec.convert(
        {
            "inputTokens": 22,
            "outputTokens": 13,
            "totalTokens": 2537,
            "cacheReadInputTokens": 10,
            "cacheWriteInputTokens": 2492,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 2000}, {"ttl": "5m", "inputTokens": 492}],
            "serverToolUsage": {},
        },
        UsageOut,
    )
    usage = usage_of(counted, TierOut(type="flex"))
    assert usage == Usage(
        input_tokens=22,
        output_tokens=13,
        cache_read_tokens=10,
        cache_write_tokens=2492,
        cache_write_1h_tokens=2000,
        service_tier="flex",
    )
    assert usage.total_tokens == 2537


def test_counts_that_cannot_be_are_bounded() -> None:
    odd = {"inputTokens": -1, "cacheWriteInputTokens": 5, "cacheDetails": [{"ttl": "1h", "inputTokens": 9}]}
    assert usage_of(msgspec.convert(odd, UsageOut)) == Usage(cache_write_tokens=5, cache_write_1h_tokens=5)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"location": {"web": {"url": "https://x"}}, "title": "t"}, Citation(url="https://x", title="t")),
        ({"source": "https://x", "sourceContent": [{"text": "a"}]}, Citation(url="https://x", cited_text="a")),
        (
            {"location": {"documentChar": {"start": 1}}, "sourceContent": [{"text": "a"}, {"text": "b"}]},
            Citation(cited_text="ab"),
        ),
    ],
)
def test_citations(seen: dict[str, Any], expected: Citation) -> None:
    assert citation_of(msgspec.convert(seen, CitationOut)) == expected


def test_what_else_an_answer_may_tell() -> None:
    routed = msgspec.convert({"promptRouter": {"invokedModelId": "arn:x"}}, TraceOut)
    assert [served_model_of(trace) for trace in (routed, TraceOut(), None)] == ["arn:x", None, None]
    assert [stop_sequence_of(fields) for fields in ({"stop_sequence": "END"}, {}, None, {"stop_sequence": 1})] == [
        "END",
        None,
        None,
        None,
    ]
