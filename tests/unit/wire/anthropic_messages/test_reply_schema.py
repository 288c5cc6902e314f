from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.usage import Usage
from sekisho.wire.anthropic_messages.reply_schema import (
    STOPS,
    CacheCreation,
    CitationOut,
    EventOut,
    OutputDetails,
    UsageOut,
    citation_of,
    usage_after,
)


def test_a_report_replaces_what_it_names() -> None:
    first = UsageOut(
        input_tokens=10,
        output_tokens=1,
        cache_read_input_tokens=5,
        cache_creation_input_tokens=7,
        cache_creation=CacheCreation(ephemeral_1h_input_tokens=3),
    )
    start = usage_after(Usage(), first)
    assert start == Usage(
        input_tokens=10, output_tokens=1, cache_read_tokens=5, cache_write_tokens=7, cache_write_1h_tokens=3
    )
    last = usage_after(start, UsageOut(output_tokens=40, output_tokens_details=OutputDetails(thinking_tokens=30)))
    assert last == msgspec.structs.replace(start, output_tokens=40, reasoning_tokens=30)
    assert usage_after(start, UsageOut(input_tokens=0)).input_tokens == 0


@given(st.integers(0, 100), st.integers(0, 100))
def test_the_long_lived_part_is_never_more_than_all_writes(written: int, long_lived: int) -> None:
    life = CacheCreation(ephemeral_1h_input_tokens=long_lived)
    usage = usage_after(Usage(), UsageOut(cache_creation_input_tokens=written, cache_creation=life))
    assert usage.cache_write_1h_tokens == min(written, long_lived)


def test_citations_of_every_kind() -> None:
    page = CitationOut(url="https://x", title="X", cited_text="c")
    assert citation_of(page) == Citation(url="https://x", title="X", cited_text="c")
    assert citation_of(CitationOut(source="https://y", title="Y")) == Citation(url="https://y", title="Y")
    paper = CitationOut(source="archive-7", document_title="Paper", cited_text="c")
    assert citation_of(paper) == Citation(title="Paper", cited_text="c")


def test_every_stop_reason_has_one_word() -> None:
    assert sorted(STOPS.values()) == sorted(StopReason)


def test_an_event_of_the_future_decodes() -> None:
    body = b'{"type":"new_event","index":3,"delta":{"type":"new_delta","x":1},"content_block":{"type":"new","input":3}}'
    assert msgspec.json.decode(body, type=EventOut).type == "new_event"


def test_how_a_call_was_served_is_kept_from_its_start_on() -> None:
    start = usage_after(Usage(), UsageOut(input_tokens=1, service_tier="priority", inference_geo="us"))
    last = usage_after(start, UsageOut(output_tokens=2))
    assert (last.service_tier, last.inference_geo) == ("priority", "us")
    assert usage_after(Usage(), UsageOut(service_tier="standard", speed="fast")).service_tier == "fast"
    assert usage_after(Usage(), UsageOut(service_tier={"no": "word"}, inference_geo=1)) == Usage()
