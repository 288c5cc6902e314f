from __future__ import annotations

import msgspec
import pytest

from sekisho.canonical.cache_marks import MarkPoint
from sekisho.canonical.request import CacheMark, Message, Request, Text
from sekisho.canonical.target import Profile
from sekisho.config.model import InjectionPoint, LitellmParams, MarkControl, ModelEntry
from sekisho.config.sections import CacheMarks
from sekisho.policy.cache_marks import in_body, in_request, points_for
from sekisho.wire.json_edit import JsonObject

USERS = (MarkPoint(role="user", last=1),)


def entry(*points: InjectionPoint) -> ModelEntry:
    params = LitellmParams(model="anthropic/claude", cache_control_injection_points=points)
    return ModelEntry(model_name="claude-large", params=params)


def test_a_deployments_own_points_hold_over_the_rules() -> None:
    own = entry(
        InjectionPoint(location="message", role="system", control=MarkControl(ttl="1h")),
        InjectionPoint(location="message", index=-1),
        InjectionPoint(location="tool_config"),
    )
    assert points_for([CacheMarks()], own, None) == (
        MarkPoint(role="system", ttl="1h"),
        MarkPoint(index=-1),
        MarkPoint(tools=True),
    )


@pytest.mark.parametrize(
    ("rules", "alias", "count"),
    [
        ([], None, 0),
        ([CacheMarks()], None, 3),
        ([CacheMarks(models=("gpt-*",))], None, 0),
        ([CacheMarks(models=("gpt-*", "claude-*"), tools=False)], None, 2),
        ([CacheMarks(keys=("ci",))], "ci", 3),
        ([CacheMarks(keys=("ci",))], "other", 0),
        ([CacheMarks(keys=("ci",), system=False, tools=False), CacheMarks()], "ci", 1),
        ([CacheMarks(system=False, tools=False, last_messages=0), CacheMarks()], None, 0),
    ],
    ids=range(8),
)
def test_the_first_rule_that_fits_holds(rules: list[CacheMarks], alias: str | None, count: int) -> None:
    assert len(points_for(rules, entry(), alias)) == count


def test_a_rule_names_tools_system_and_the_last_messages() -> None:
    assert points_for([CacheMarks(ttl="1h", last_messages=3)], entry(), None) == (
        MarkPoint(tools=True, ttl="1h"),
        MarkPoint(role="system", last=1, ttl="1h"),
        MarkPoint(role="user", last=3, ttl="1h"),
    )


@pytest.mark.parametrize(
    ("shape", "body", "changed"),
    [
        ("anthropic-messages", {"messages": [{"role": "user", "content": "a"}]}, {"messages"}),
        ("bedrock-converse", {"messages": [{"role": "user", "content": [{"text": "a"}]}]}, {"messages"}),
        ("openai-chat", {"messages": [{"role": "user", "content": "a"}]}, set()),
    ],
)
def test_only_dialects_with_marks_get_some(shape: str, body: dict[str, object], changed: set[str]) -> None:
    json = JsonObject(msgspec.json.encode(body))
    assert in_body(shape, json, USERS, Profile()).keys() == changed
    assert in_body(shape, json, (), Profile()) == {}
    request = Request(model="m", messages=(Message("user", (Text("a"),)),))
    marked = in_request(shape, request, USERS)
    assert marked.messages[0].parts == ((Text("a", CacheMark()),) if changed else (Text("a"),))
    assert in_request(shape, request, ()) is request


def test_a_model_that_refuses_cache_points_gets_none() -> None:
    json = JsonObject(b'{"messages":[{"role":"user","content":[{"text":"a"}]}]}')
    assert in_body("bedrock-converse", json, USERS, Profile(cache_points="nothing")) == {}
