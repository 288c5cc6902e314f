"""What Azure OpenAI adds to OpenAI's streams (Azure OpenAI: Content filtering).

Flows out: the first event of a chat stream, which has no choice, no id and no object type.
"""

from __future__ import annotations

import msgspec

from sekisho.providers.fake.answer import Piece
from sekisho.wire.sse import sse_event

_SAFE = {"filtered": False, "severity": "safe"}
_RESULTS = {
    "hate": _SAFE,
    "jailbreak": {"detected": False, "filtered": False},
    "self_harm": _SAFE,
    "sexual": _SAFE,
    "violence": _SAFE,
}
PROMPT_FILTER = Piece(
    sse_event(
        msgspec.json.encode(
            {
                "choices": [],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
                "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _RESULTS}],
            }
        )
    )
)
