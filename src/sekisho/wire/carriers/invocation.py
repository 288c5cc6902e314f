"""What InvokeModel says in headers, whatever its body is.

Flows in: counts of tokens. Flows out: headers. Source: `InvokeModel` and `InvokeModelWithResponseStream` in the Amazon
Bedrock API Reference (docs.aws.amazon.com/bedrock/latest/APIReference); the counts are not in it, AWS sends them and
tools for observability read them. Its input is without what was read from or written to a cache.
"""

from __future__ import annotations

from sekisho.canonical.usage import Usage

#: A stream's own content type is that of the framing; SDKs look here for the type of what is in it.
STREAM_HEADERS = ((b"x-amzn-bedrock-content-type", b"application/json"),)


def usage_headers(usage: Usage) -> tuple[tuple[bytes, bytes], ...]:
    """The counts of a whole answer."""
    counts = {
        b"input": usage.input_tokens,
        b"output": usage.output_tokens,
        b"cache-read-input": usage.cache_read_tokens,
        b"cache-write-input": usage.cache_write_tokens,
    }
    return tuple((b"x-amzn-bedrock-%b-token-count" % kind, b"%d" % count) for kind, count in counts.items())
