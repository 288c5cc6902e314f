from __future__ import annotations

import json

from sekisho.providers.fake.azure import PROMPT_FILTER


def test_the_first_event_of_a_chat_has_no_choice() -> None:
    assert not PROMPT_FILTER.spoken
    event = json.loads(PROMPT_FILTER.data[6:])
    assert (event["choices"], event["id"], event["object"]) == ([], "", "")
    assert event["prompt_filter_results"][0]["content_filter_results"]["hate"]["filtered"] is False
