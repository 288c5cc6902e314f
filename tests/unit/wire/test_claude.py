from __future__ import annotations

import msgspec
import pytest

from sekisho.canonical.request import Message, Reasoning, Request, Text
from sekisho.canonical.target import Profile
from sekisho.wire.claude import BUDGETS, closed, sampling, thinking_of, untranslatable

BUDGET = Profile(thinking="budget")
ADAPTIVE = Profile(thinking="adaptive", sampling=False)


ASKED = Request(model="m", messages=(Message("user", (Text("Hi"),)),))


@pytest.mark.parametrize("effort", sorted(BUDGETS))
def test_a_budget_leaves_room_for_the_answer(effort: str) -> None:
    notes: list[str] = []
    request = msgspec.structs.replace(ASKED, reasoning=Reasoning(effort=effort))
    thinking, told = thinking_of(request, BUDGET, 4096, notes)
    assert thinking is not None
    assert (1024 <= thinking["budget_tokens"] <= 3072, told, notes) == (True, None, [])
    assert thinking_of(request, ADAPTIVE, 4096, notes)[0] == {"type": "adaptive"}


def test_zero_is_sent_and_what_is_not_sent_is_named() -> None:
    notes: list[str] = []
    request = msgspec.structs.replace(ASKED, temperature=0.0, top_k=0, seed=0)
    assert sampling(request, Profile(), notes, thinks=False) == {"temperature": 0.0, "top_k": 0}
    assert sampling(request, ADAPTIVE, notes, thinks=False) == {}
    assert notes == ["temperature", "top_k"]
    assert untranslatable(request) == ["seed"]


def test_a_session_is_named_unless_the_user_holds_it() -> None:
    asked = Request(model="m", messages=(Message("user", (Text("Hi"),)),), session="s-1")
    assert untranslatable(asked) == ["prompt_cache_key"]
    assert untranslatable(msgspec.structs.replace(asked, user="user_1_session_s-1")) == []


def test_every_open_object_is_closed_and_nothing_else_changes() -> None:
    schema = {
        "type": "object",
        "properties": {
            "default": {"type": "object"},
            "list": {"type": "array", "items": {"type": ["object", "null"]}},
            "free": {"type": "object", "additionalProperties": {"type": "object"}},
            "any": {"anyOf": [{"type": "object"}, {"type": "string", "default": {"type": "object"}}]},
        },
        "$defs": {"x": {"type": "object"}},
    }
    shut = {"additionalProperties": False}
    assert closed(schema) == {
        "type": "object",
        "properties": {
            "default": {"type": "object", **shut},
            "list": {"type": "array", "items": {"type": ["object", "null"], **shut}},
            "free": {"type": "object", "additionalProperties": {"type": "object", **shut}},
            "any": {"anyOf": [{"type": "object", **shut}, {"type": "string", "default": {"type": "object"}}]},
        },
        "$defs": {"x": {"type": "object", **shut}},
        **shut,
    }
