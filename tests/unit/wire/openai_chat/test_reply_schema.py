from __future__ import annotations

from typing import Any

import pytest

from sekisho.wire.openai_chat.reply_schema import arguments_text, content_texts


@pytest.mark.parametrize(("value", "text"), [('{"a":1}', '{"a":1}'), ({"a": 1}, '{"a":1}'), (None, ""), ("", "")])
def test_arguments_are_json_text(value: Any, text: str) -> None:
    assert arguments_text(value) == text


def test_content_is_text_or_mistrals_list() -> None:
    assert content_texts("t") == ("", "t")
    assert content_texts(None) == ("", "")
    parts: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]},
        {"type": "thinking", "thinking": "!"},
        {"type": "text", "text": "a"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "b"},
    ]
    assert content_texts(parts) == ("hm!", "ab")
