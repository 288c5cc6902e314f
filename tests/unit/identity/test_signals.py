from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from sekisho.core.errors import OperatorError
from sekisho.identity.signals import compiled, load_signals, shipped_signals


def data(*tools: dict[str, Any], **changes: Any) -> bytes:
    systems: dict[str, Any] = {"headers": [], "labels": [], "words": {}}
    sessions: dict[str, Any] = {"headers": [], "fields": []}
    return msgspec.json.encode({"version": 1, "tools": tools, "systems": systems, "sessions": sessions} | changes)


def tool(name: str = "robot", **changes: Any) -> dict[str, Any]:
    return {"name": name, "kind": "agent"} | changes


def test_the_shipped_signals_load() -> None:
    names = {tool.name for tool in shipped_signals().tools}
    assert {"claude-code", "codex", "cline", "opencode", "kilo", "gemini-cli", "qwen-code", "copilot-cli"} <= names
    assert {"continue", "aider", "openai-python", "anthropic-python", "litellm", "ai-sdk", "boto3"} <= names


def test_every_shipped_tool_can_be_named_by_something() -> None:
    for row in shipped_signals().tools:
        assert row.prompts or row.headers, row.name
        assert len(row.tool_names) >= row.at_least, row.name
        assert bool(row.tool_names) == bool(row.at_least), row.name


def test_shipped_header_names_are_lower_case_as_the_gateway_has_them() -> None:
    for row in shipped_signals().tools:
        names = [name for signal in row.headers for name in (signal.header, *signal.with_, *signal.unless)]
        assert names == [name.lower() for name in names]


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (b"{", "cannot be read"),
        (data(tool(colour="red")), "colour"),
        (data(tool(kind="human")), "human"),
        (data(version=2), "version 2"),
        (data(tool(), tool()), "twice: robot"),
        (data(tool(details=["(?P<version"])), "in robot"),
        (data(tool(headers=[{"header": "a", "weight": 1, "pattern": "["}])), "in robot"),
        (data(tool(headers=[{"header": "a", "weight": 1, "with": {"b": "["}}])), "in robot"),
        (data(tool(headers=[{"header": "a", "weight": 1, "unless": {"b": "["}}])), "in robot"),
        (data(tool(disguised_as=["nobody"])), "nobody"),
        (data(tool(prompts=[{"id": "a", "starts": "You are it", "shared_with": ["fork"]}])), "fork"),
        (data(tool(prompts=[{"id": "a", "starts": "You"}])), "shorter than 8"),
        (data(tool(prompts=[{"id": "a", "starts": "You are “it”"}])), "not ASCII"),
        (data(systems={"headers": [{"header": "a", "pattern": "("}], "labels": [], "words": {}}), "in systems"),
        (data(systems={"headers": [], "labels": [], "words": {"plan9": []}}), "plan9"),
        (data(sessions={"headers": [], "fields": [{"path": ["a"], "pattern": "("}]}), "in sessions"),
    ],
)
def test_a_file_that_would_fail_later_is_refused_at_load(broken: bytes, named: str) -> None:
    with pytest.raises(OperatorError, match=re.escape(named)):
        load_signals(broken)


def test_a_pattern_that_is_none_names_its_place() -> None:
    with pytest.raises(OperatorError, match="in codex"):
        compiled("(", "codex")
