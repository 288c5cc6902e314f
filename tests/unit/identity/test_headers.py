from __future__ import annotations

import pytest

from sekisho.identity.headers import HeaderReader
from sekisho.identity.signals import shipped_signals

READER = HeaderReader(shipped_signals())
CLAUDE = {
    "user-agent": "claude-cli/2.1.329 (external, sdk-cli)",
    "x-app": "cli",
    "x-claude-code-session-id": "900ba3ce-4c67-4a3c-93f2-c20ac043ba10",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
    "x-stainless-os": "Linux",
}


def first(headers: dict[str, str]) -> tuple[str, str | None, str | None] | None:
    claims = READER.read(headers).claims
    return (claims[0].tool.name, claims[0].version, claims[0].interface) if claims else None


@pytest.mark.parametrize(
    ("headers", "claim"),
    [
        (CLAUDE, ("claude-code", "2.1.329", "exec")),
        ({"user-agent": "claude-cli/2.1.329 (external, cli)"}, ("claude-code", "2.1.329", "tui")),
        ({"user-agent": "claude-cli/2.1.329 (external, claude-vscode)"}, ("claude-code", "2.1.329", "ide")),
        ({"user-agent": "claude-cli/0.2.35 (external, cli)", "x-app": "cli"}, ("claude-code", "0.2.35", "tui")),
        ({"user-agent": "claude-cli/0.24.4 (external, cli)", "x-app": "cli"}, ("qwen-code", "0.24.4", None)),
        ({"user-agent": "QwenCode/0.24.4 (darwin; arm64)"}, ("qwen-code", "0.24.4", None)),
        (
            {"user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb (codex_exec; 0.169.0)"},
            ("codex", "0.169.0", "exec"),
        ),
        ({"user-agent": "codex-tui/0.169.0 (Mac OS 15.1.0; arm64) xterm"}, ("codex", "0.169.0", "tui")),
        ({"user-agent": "codex_cli_rs/0.50.0 (Windows 10.0.26100; x86_64)"}, ("codex", "0.50.0", "tui")),
        ({"originator": "codex_vscode"}, ("codex", None, "ide")),
        (
            {"user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14"},
            ("opencode", "1.18.33", None),
        ),
        ({"user-agent": "Kilo-Code/7.7.7 ai-sdk/provider-utils/4.0.27"}, ("kilo", "7.7.7", None)),
        ({"user-agent": "kilo/latest/7.7.7/cli ai-sdk/provider-utils/4.0.27"}, ("kilo", "7.7.7", "cli")),
        ({"user-agent": "GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64; terminal)"}, ("gemini-cli", "0.61.0", None)),
        ({"x-interaction-type": "conversation-user", "x-initiator": "user"}, ("copilot-cli", None, None)),
        ({"user-agent": "OpenAI/Python 2.54.0"}, ("openai-python", "2.54.0", None)),
        ({"user-agent": "AsyncAzureOpenAI/Python 2.54.0"}, ("openai-python", "2.54.0", None)),
        ({"user-agent": "OpenAI/JS 5.20.1"}, ("openai-js", "5.20.1", None)),
        ({"user-agent": "AsyncAnthropic/Python 2.11.0"}, ("anthropic-python", "2.11.0", None)),
        ({"user-agent": "Anthropic/JS 0.94.0"}, ("anthropic-js", "0.94.0", None)),
        ({"user-agent": "litellm/1.106.2"}, ("litellm", "1.106.2", None)),
        ({"user-agent": "ai/7.0.173 ai-sdk-provider-utils/5.0.81 node.js/22"}, ("ai-sdk", "7.0.173", None)),
        ({"user-agent": "ai-sdk-openai/4.0.118 ai-sdk-provider-utils/5.0.81"}, ("ai-sdk", "openai/4.0.118", None)),
        ({"user-agent": "ai-sdk/openai/3.0.141 runtime/node.js/22"}, ("ai-sdk", "openai/3.0.141", None)),
        ({"user-agent": "google-genai-sdk/3.4.0 gl-python/3.11.7"}, ("google-genai", "3.4.0", None)),
        ({"user-agent": "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.18"}, ("boto3", "1.44.5", None)),
        ({"user-agent": "curl/8.5.0"}, None),
        ({"user-agent": "node-fetch"}, None),
        ({"user-agent": "Groq/Python 1.0", "x-stainless-lang": "python", "x-stainless-package-version": "1.0"}, None),
        ({"x-initiator": "agent"}, None),
        ({}, None),
    ],
)
def test_the_heaviest_claim(headers: dict[str, str], claim: tuple[str, str | None, str | None] | None) -> None:
    assert first(headers) == claim


def test_the_python_sdks_are_told_apart_without_a_user_agent() -> None:
    stainless = {"x-stainless-lang": "python", "x-stainless-package-version": "2.54.0"}
    assert first(stainless) == ("openai-python", "2.54.0", None)
    assert first(stainless | {"anthropic-version": "2026-10-21"}) == ("anthropic-python", "2.54.0", None)


def test_litellm_is_seen_through_the_sdk_it_uses() -> None:
    stainless = {
        "x-stainless-lang": "python",
        "x-stainless-package-version": "2.54.0",
        "x-stainless-raw-response": "true",
    }
    assert first(stainless | {"x-stainless-read-timeout": "600.0"}) == ("litellm", None, None)
    assert first(stainless | {"x-stainless-read-timeout": "600"}) == ("openai-python", "2.54.0", None)


@pytest.mark.parametrize(
    ("headers", "system"),
    [
        ({"x-stainless-os": "MacOS"}, "macos"),
        ({"x-stainless-os": "Windows"}, "windows"),
        ({"x-stainless-os": "Unknown", "user-agent": "codex_exec/0.1.0 (Debian 12; x86_64)"}, "linux"),
        ({"x-stainless-os": "Linux", "user-agent": "codex_exec/0.1.0 (Mac OS 15; arm64)"}, "linux"),
        ({"user-agent": "codex-tui/0.169.0 (Mac OS 15.1.0; arm64) ghostty (codex-tui; 0.169.0)"}, "macos"),
        ({"user-agent": "codex-tui/0.169.0 (Windows 10.0.26100; x86_64) WindowsTerminal"}, "windows"),
        ({"user-agent": "QwenCode/0.24.4 (darwin; arm64)"}, "macos"),
        ({"user-agent": "QwenCode/0.24.4 (win32; x64)"}, "windows"),
        ({"user-agent": "opencode/1.18.33 (darwin 24.1.0; arm64) ai-sdk/x"}, "macos"),
        ({"user-agent": "Boto3/1.44.5 ua/2.1 os/macos#24.1.0 md/arch#arm64"}, "macos"),
        ({"user-agent": "aws-sdk-js/3.936.0 ua/2.1 os/windows#10.0.26100 lang/js"}, "windows"),
        ({"user-agent": "claude-cli/2.1.329 (external, cli)"}, "unknown"),
    ],
)
def test_the_operating_system(headers: dict[str, str], system: str) -> None:
    assert READER.read(headers).system == system


def test_headers_that_differ_by_session_only_are_remembered_once() -> None:
    reader = HeaderReader(shipped_signals())
    facts = reader.read(CLAUDE)
    assert reader.read(CLAUDE | {"x-claude-code-session-id": "another", "x-request-id": "7"}) is facts
    assert reader.read(CLAUDE | {"x-stainless-os": "MacOS"}) is not facts


def test_a_copied_user_agent_weighs_less_than_what_the_tool_itself_sends() -> None:
    copied = CLAUDE | {"user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"}
    assert [claim.tool.name for claim in READER.read(copied).claims] == ["claude-code", "codex"]


def test_an_endless_header_is_cut() -> None:
    assert first({"user-agent": "x" * 60_000 + " claude-cli/2.1.329"}) is None
