from __future__ import annotations

import msgspec

from sekisho.wire.counting import Asked
from sekisho.wire.openai_responses.count import COUNT


def test_only_the_members_that_are_counted_are_sent() -> None:
    body = {
        "model": "m",
        "input": "hi",
        "instructions": "be terse",
        "stream": True,
        "max_output_tokens": 5,
        "store": False,
    }
    sent = msgspec.json.decode(COUNT.asked(msgspec.json.encode(body), Asked("m", "https://x")))
    assert sent == {"model": "m", "input": "hi", "instructions": "be terse"}


def test_a_count_is_told_as_an_object_of_its_own() -> None:
    assert msgspec.json.decode(COUNT.told(3)) == {"object": "response.input_tokens", "input_tokens": 3}
    assert COUNT.opened(b"{}").dialect == "openai-responses"
