from __future__ import annotations

from sekisho.canonical.usage import Usage


def test_kinds_are_disjoint() -> None:
    usage = Usage(
        input_tokens=1,
        cache_read_tokens=10,
        cache_write_tokens=100,
        cache_write_1h_tokens=40,
        output_tokens=1000,
        reasoning_tokens=7,
    )
    assert usage.prompt_tokens == 111
    assert usage.total_tokens == 1111
