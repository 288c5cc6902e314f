from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.identity.client import Client, recognise
from sekisho.wire.json_edit import JsonObject

CLAUDE_UA = "claude-cli/2.1.329 (external, cli)"
CODEX_TOOLS = ["exec_command", "write_stdin", "apply_patch", "update_plan", "view_image"]
SESSION = "0dd1e787-9616-4f03-9c9d-c10a62808f31"


def client(headers: dict[str, str], dialect: str = "openai-chat", **body: Any) -> Client:
    return recognise(headers, dialect, JsonObject(msgspec.json.encode(body)))


def system(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": text}]


def functions(*names: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": name}} for name in names]


def test_everything_at_once() -> None:
    headers = {
        "user-agent": "claude-cli/2.1.329 (external, sdk-cli)",
        "x-app": "cli",
        "x-claude-code-session-id": SESSION,
        "x-stainless-os": "MacOS",
    }
    text = "You are Claude Code, Anthropic's official CLI for Claude."
    assert client(headers, "anthropic-messages", system=text, messages=[]) == Client(
        tool="claude-code",
        version="2.1.329",
        interface="exec",
        os="macos",
        session_id=SESSION,
        evidence=(
            "prompt:claude-code/official-cli",
            "header:x-claude-code-session-id",
            "header:user-agent",
            "header:x-app",
        ),
        confidence="high",
    )


def test_the_prompt_beats_a_copied_user_agent_and_says_so() -> None:
    found = client({"user-agent": CLAUDE_UA}, messages=system("You are Cline, an AI coding agent."))
    assert (found.tool, found.version, found.confidence) == ("cline", None, "medium")
    assert found.evidence == ("prompt:cline/cline-cli", "contradicted:claude-code")


def test_a_known_disguise_is_no_contradiction() -> None:
    headers = {"user-agent": "claude-cli/0.24.4 (external, cli)", "x-app": "cli"}
    prompt = "You are Qwen Code, an interactive CLI agent developed by Alibaba Group"
    found = client(headers, "anthropic-messages", system=[{"type": "text", "text": prompt}], messages=[])
    assert (found.tool, found.version, found.interface, found.confidence) == ("qwen-code", "0.24.4", "tui", "high")


def test_the_prompt_beats_the_sdk_that_carries_it() -> None:
    found = client({"user-agent": "OpenAI/JS 5.20.1"}, messages=system("You are an agent in the Continue CLI."))
    assert (found.tool, found.version, found.confidence) == ("continue", None, "high")


def test_a_prompt_shared_by_forks_goes_to_the_one_that_the_headers_name() -> None:
    title = system("You are a title generator. You output ONLY a thread title. Nothing else.")
    kilo = {"user-agent": "kilo/latest/7.7.7/cli ai-sdk/provider-utils/4.0.27"}
    opencode = {"user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.23"}
    found = [client(headers, messages=title) for headers in (kilo, opencode, {})]
    assert [(one.tool, one.confidence) for one in found] == [
        ("kilo", "high"),
        ("opencode", "high"),
        ("opencode", "medium"),
    ]


def test_headers_name_the_tool_of_a_side_request_with_a_prompt_of_its_own() -> None:
    headers = {"user-agent": CLAUDE_UA, "x-app": "cli", "x-claude-code-session-id": SESSION}
    found = client(headers, "anthropic-messages", system="Summarise this.", messages=[])
    assert (found.tool, found.confidence, found.session_id) == ("claude-code", "high", SESSION)


def test_a_user_agent_alone_is_believed_little() -> None:
    found = client({"user-agent": CLAUDE_UA}, "anthropic-messages", system="Summarise this.", messages=[])
    assert (found.tool, found.confidence) == ("claude-code", "low")


def test_a_user_agent_alone_does_not_stand_against_other_tools() -> None:
    found = client({"user-agent": CLAUDE_UA}, messages=system("Mine."), tools=functions("bash"))
    assert (found.tool, found.confidence, found.evidence) == ("unknown", "none", ())
    found = client({"user-agent": CLAUDE_UA}, messages=system("Mine."), tools=functions(*CODEX_TOOLS))
    assert (found.tool, found.confidence) == ("codex", "medium")


def test_an_sdk_is_known_by_more_than_its_user_agent() -> None:
    headers = {"user-agent": CLAUDE_UA, "x-stainless-lang": "python", "x-stainless-package-version": "2.54.0"}
    found = client(headers, messages=system("Mine."), tools=functions("bash"))
    assert (found.tool, found.version, found.interface, found.confidence) == (
        "openai-python",
        "2.54.0",
        "sdk",
        "medium",
    )


def test_tool_names_strengthen_a_header() -> None:
    found = client(
        {"user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"}, tools=functions(*CODEX_TOOLS, "mcp__x")
    )
    assert (found.tool, found.confidence) == ("codex", "high")
    assert found.evidence == ("header:user-agent", "tools:5/6")


def test_tool_names_alone_name_a_tool_when_there_are_enough_of_them() -> None:
    found = client({}, messages=[], tools=functions(*CODEX_TOOLS))
    assert (found.tool, found.confidence, found.evidence) == ("codex", "medium", ("tools:5/5",))
    assert client({}, messages=[], tools=functions(*CODEX_TOOLS[:4])).tool == "unknown"


def test_a_fork_with_more_tools_is_not_taken_for_its_origin() -> None:
    names = ["bash", "edit", "glob", "grep", "read", "skill", "task", "todowrite", "webfetch", "write"]
    assert client({}, messages=[], tools=functions(*names)).tool == "opencode"
    more = ["board_post", "board_read", "kilo_local_recall", "schedule_wakeup"]
    assert client({}, messages=[], tools=functions(*names, *more)).tool == "kilo"


def test_two_agents_in_the_headers_lower_the_confidence() -> None:
    headers = {"originator": "codex_exec", "x-title": "Kilo Code"}
    assert client(headers).confidence == "medium"


@pytest.mark.parametrize("headers", [{}, {"user-agent": "curl/8.5.0"}, {"user-agent": "Bun/1.3.13"}])
def test_what_is_not_known_is_unknown(headers: dict[str, str]) -> None:
    assert client(headers, messages=system("You are a helpful assistant.")) == Client()


@pytest.mark.parametrize(
    ("word", "os"),
    [("linux", "linux"), ("darwin", "macos"), ("win32", "windows"), ("freebsd", "unknown")],
)
def test_an_agent_without_a_header_for_it_tells_its_system_in_text(word: str, os: str) -> None:
    cline = system(f"You are Cline, an AI coding agent.\n\n1. Platform: {word}\n2. Date: today")
    assert client({"user-agent": "ai-sdk/openai-compatible/3.0.37"}, messages=cline).os == os
    qwen = [{"role": "user", "content": [{"type": "text", "text": f"My operating system is: {word}\n"}]}]
    assert client({}, "anthropic-messages", system="You are Qwen Code, ", messages=qwen).os == os
    claude = [{"role": "user", "content": f"<system-reminder>\n - Platform: {word}\n"}]
    assert (
        client({}, "anthropic-messages", system="You are Claude Code, Anthropic's official CLI", messages=claude).os
        == os
    )


@pytest.mark.parametrize(
    ("platform", "os"),
    [("macOS-15.1-arm64-arm-64bit", "macos"), ("Windows-11-10.0.26100-SP0", "windows"), ("Linux-6.18-x86_64", "linux")],
)
def test_aider_writes_pythons_name_of_the_platform(platform: str, os: str) -> None:
    text = f"Act as an expert software developer.\nAlways use best practices when coding.\n- Platform: {platform}\n"
    found = client({"user-agent": "litellm/1.81.10"}, "anthropic-messages", system=[{"text": text}], messages=[])
    assert (found.tool, found.os, found.interface) == ("aider", os, "cli")


def test_nothing_of_the_prompt_is_in_the_evidence() -> None:
    canary = "canary-5d1f"
    prompt = f"You are Cline, an AI coding agent. {canary}\nPlatform: linux {canary}"
    assert canary not in repr(client({"user-agent": canary, "x-title": canary}, messages=system(prompt)))


@given(
    st.dictionaries(
        st.sampled_from(["user-agent", "x-app", "originator", "x-title", "x-stainless-os", "session-id"]), st.text()
    ),
    st.sampled_from(
        ["anthropic-messages", "openai-chat", "openai-responses", "gemini-generate", "bedrock-converse", ""]
    ),
    st.dictionaries(
        st.sampled_from(["system", "messages", "input", "instructions", "contents", "tools", "metadata"]),
        st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
    ),
)
def test_any_request_gives_an_answer(headers: dict[str, str], dialect: str, body: dict[str, object]) -> None:
    found = recognise(headers, dialect, JsonObject(msgspec.json.encode(body)))
    assert found == recognise(headers, dialect, JsonObject(msgspec.json.encode(body)))
    assert found.os in {"linux", "macos", "windows", "unknown"}
    assert (found.tool == "unknown") == (found.confidence == "none")
