"""Every bound in the product, in one place. Units are last in the name."""

from __future__ import annotations

#: A request body, and what a compressed one may grow to.
BODY_BYTES = 32 * 1024 * 1024
#: Keys at the top of a body: no API has a tenth of them.
BODY_KEYS = 1_000
#: Messages and parts of a request that is translated: each takes some µs, in which nobody else is served.
PIECES = 20_000
#: Bodies held at once over all requests; above it the gateway answers that it is overloaded.
BODIES_IN_FLIGHT_BYTES = 1024 * 1024 * 1024
#: What WebSockets have said so far, over all of them: each turn of one goes upstream with all of its conversation.
CONVERSATIONS_BYTES = 256 * 1024 * 1024
#: All headers of one request together.
HEADER_BYTES = 64 * 1024
#: One event of a provider's stream (an image may stand in one).
STREAM_EVENT_BYTES = 16 * 1024 * 1024
#: A provider's whole non-streamed answer.
REPLY_BYTES = 64 * 1024 * 1024
#: Error texts of providers are shown and stored up to here.
ERROR_DETAIL_CHARS = 2_000
#: A model's name, as a caller writes it: it stands in headers, ledger rows and the keys of caches.
MODEL_CHARS = 500
#: Images and documents that one request may name by URL where the gateway has to fetch them, and their bytes together.
MEDIA_URLS = 20
MEDIA_BYTES = 32 * 1024 * 1024
