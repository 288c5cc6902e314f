from __future__ import annotations

from sekisho.canonical.tools import LEGAL
from sekisho.wire.openai_chat.identifiers import call_id, reply_id


def test_a_reply_id_has_this_dialects_form() -> None:
    assert reply_id("chatcmpl-1") == "chatcmpl-1"
    assert reply_id("msg_01") == "chatcmpl-msg_01"
    assert reply_id("").startswith("chatcmpl-")


def test_call_ids_differ_between_calls_and_between_replies_and_are_stable() -> None:
    ids = {call_id("a", 0), call_id("a", 1), call_id("b", 0)}
    assert len(ids) == 3
    assert call_id("a", 0) in ids
    assert all(LEGAL.fullmatch(one) for one in ids)
