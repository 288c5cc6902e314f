from __future__ import annotations

from sekisho.canonical.usage import Usage
from sekisho.wire.carriers.invocation import STREAM_HEADERS, usage_headers
from sekisho.wire.registry import BY_NAME, DIALECTS


def test_the_counts_of_an_answer() -> None:
    usage = Usage(input_tokens=4, cache_read_tokens=18_131, cache_write_tokens=2, output_tokens=50)
    assert usage_headers(usage) == (
        (b"x-amzn-bedrock-input-token-count", b"4"),
        (b"x-amzn-bedrock-output-token-count", b"50"),
        (b"x-amzn-bedrock-cache-read-input-token-count", b"18131"),
        (b"x-amzn-bedrock-cache-write-input-token-count", b"2"),
    )


def test_invocations_say_them_and_nobody_else() -> None:
    for name, dialect in BY_NAME.items():
        invoked = name.endswith("@bedrock")
        assert dialect.stream_headers == (STREAM_HEADERS if invoked else ())
        assert bool(dialect.usage_headers(Usage())) == invoked
    assert not any(dialect.stream_headers for dialect in DIALECTS)
