from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.identity.prompt import NOTHING, PromptFacts, PromptReader
from sekisho.identity.signals import shipped_signals
from sekisho.wire.json_edit import JsonObject

BILLING = "x-anthropic-billing-header: cc_version=2.1.329.983; cc_entrypoint=sdk-cli;"
COPILOT = (
    "You are the GitHub Copilot CLI, a terminal assistant built by GitHub. You are running in non-interactive mode."
)


class CountingReader(PromptReader):
    """Counts how often a body had to be decoded."""

    def __init__(self) -> None:
        super().__init__(shipped_signals())
        self.studied = 0

    def _study(self, *args: Any, **names: Any) -> tuple[PromptFacts, list[tuple[str, str]]]:
        self.studied += 1
        return super()._study(*args, **names)


def read(
    dialect: str, body: dict[str, Any], *, wants_system: bool = True, reader: PromptReader | None = None
) -> PromptFacts:
    values = JsonObject(msgspec.json.encode(body)).values
    return (reader or PromptReader(shipped_signals())).read(dialect, values, wants_system=wants_system)


def chat(system: str, *later: str) -> dict[str, Any]:
    turns = [{"role": "system", "content": system}, *({"role": "user", "content": text} for text in later)]
    return {"model": "m", "messages": turns}


@pytest.mark.parametrize(
    ("start", "tool", "interface"),
    [
        ("You are Claude Code, Anthropic's official CLI for Claude.", "claude-code", None),
        ("You are a Claude agent, built on Anthropic's Claude Agent SDK.", "claude-code", None),
        ("You are Codex, a coding agent based on GPT-5.", "codex", None),
        ("You are Codex, an agent based on GPT-6.", "codex", None),
        ("You are a coding agent running in the Codex CLI, a terminal-based coding assistant.", "codex", None),
        ("You are Cline, an AI coding agent. Your", "cline", "cli"),
        ("You are Cline, a highly skilled software engineer with", "cline", "ide"),
        ("You are OpenCode, the best coding agent on the planet.", "opencode", None),
        ("You are opencode, an interactive CLI agent", "opencode", None),
        ("You are a title generator. You output ONLY a thread title. Nothing else.\n\n<task>", "opencode", None),
        ("You are Kilo, a highly skilled software engineer", "kilo", None),
        ("You are Gemini CLI, an interactive CLI agent", "gemini-cli", "tui"),
        ("You are a non-interactive CLI agent specializing in software engineering tasks.", "gemini-cli", "exec"),
        (
            "\nYou are a specialized Task Routing AI. Your sole function is to analyze the user's request",
            "gemini-cli",
            None,
        ),
        ("You are Qwen Code, a non-interactive CLI agent developed by", "qwen-code", "exec"),
        ("You are Qwen Code, an interactive CLI agent developed by", "qwen-code", "tui"),
        (COPILOT, "copilot-cli", "exec"),
        ("You are the GitHub Copilot CLI, a terminal assistant built by GitHub.\n", "copilot-cli", "tui"),
        ("You are an agent in the Continue CLI. Given", "continue", "cli"),
        ("Act as an expert software developer.\nAlways use best practices when coding.", "aider", None),
        (
            "You are an expert software engineer that generates concise, one-line Git commit messages based",
            "aider",
            None,
        ),
        ("Act as an expert software developer.\nTake requests for changes to the supplied code.", "aider", None),
        ("Act as an expert software developer who edits source code.\nPay close", "aider", None),
        ("Act as an expert code analyst.\nAnswer questions about the supplied code.", "aider", None),
        ("Act as an expert architect engineer and provide direction to your editor engineer.", "aider", None),
        ("*Briefly* summarize this partial conversation about programming.", "aider", None),
        ("Act as an expert software developer.\nHelp me.", None, None),
        ("You are Kilo Code, an experienced technical leader", "kilo", None),
        ("You are Kilo's session digest updater.", "kilo", None),
        ("You are Cline, a careful and helpful coding agent", "cline", None),
        ("Tell me about: You are Claude Code, Anthropic's official CLI", None, None),
        ("you are codex, in lower case", None, None),
        ("You are a helpful assistant.", None, None),
    ],
)
def test_a_stock_prompt_names_its_tool(start: str, tool: str | None, interface: str | None) -> None:
    facts = read("openai-chat", chat(start + "\n\nMore text."))
    assert (facts.tool, facts.interface) == (tool, interface)


def test_any_block_of_the_system_prompt_may_name_it() -> None:
    body = {"system": [{"type": "text", "text": "House rules."}, {"type": "text", "text": BILLING}], "messages": []}
    facts = read("anthropic-messages", body)
    assert (facts.tool, facts.version, facts.interface) == ("claude-code", "2.1.329", "exec")


def test_the_user_cannot_name_it() -> None:
    facts = read("openai-chat", chat("You are a helpful assistant.", "You are Codex, a coding agent"))
    assert facts.tool is None


def test_version_and_system_are_read_far_down_in_a_long_prompt() -> None:
    info = "<version_information>Version number: 1.0.102</version_information>\n* Operating System: Darwin\n"
    facts = read("openai-chat", chat(COPILOT + "x" * 20_000 + info, "hello"))
    assert (facts.version, facts.system) == ("1.0.102", "macos")


def test_the_system_may_stand_in_the_first_turn_of_the_user() -> None:
    body = {
        "system": "S",
        "messages": [{"role": "user", "content": [{"type": "text", "text": " - Platform: win32\n"}]}],
    }
    assert read("anthropic-messages", body).system == "windows"
    assert read("anthropic-messages", body, wants_system=False).system == "unknown"


def test_tools_are_counted_where_no_prompt_names_the_tool() -> None:
    names = ["exec_command", "write_stdin", "apply_patch", "update_plan", "view_image", "mcp__mine"]
    facts = read("openai-responses", {"input": "hi", "tools": [{"type": "function", "name": name} for name in names]})
    assert (facts.tool, facts.offered, facts.overlaps["codex"]) == (None, 6, 5)


def test_an_unknown_dialect_has_nothing_to_say() -> None:
    assert read("smoke-signals", chat(COPILOT)) is NOTHING


def test_a_conversation_is_studied_once_however_long_it_grows() -> None:
    reader = CountingReader()
    prompt = COPILOT + "x" * 5_000
    facts = [read("openai-chat", chat(prompt, *["turn"] * turns), reader=reader) for turns in range(1, 9)]
    assert reader.studied == 1
    assert {fact.tool for fact in facts} == {"copilot-cli"}


def test_the_same_beginning_with_another_system_further_down_is_studied_again() -> None:
    reader = CountingReader()
    prompt = COPILOT + "x" * 5_000 + "\n* Operating System: "
    systems = ["Linux", "Darwin", "Windows_NT"] * 3
    found = [read("openai-chat", chat(prompt + system), reader=reader).system for system in systems]
    assert found == ["linux", "macos", "windows"] * 3
    assert reader.studied == 3


def test_the_same_beginning_with_another_version_further_down_is_studied_again() -> None:
    reader = CountingReader()
    prompt = COPILOT + "x" * 5_000 + "<version_information>Version number: "
    versions = [read("openai-chat", chat(prompt + text), reader=reader).version for text in ("1.0.1<", "1.0.2<")]
    assert versions == ["1.0.1", "1.0.2"]


def test_many_folders_under_one_prompt_do_not_grow_without_bound() -> None:
    reader = CountingReader()
    for number in range(100):
        prompt = COPILOT + "x" * 5_000 + "/" * number + "\n* Operating System: Linux"
        assert read("openai-chat", chat(prompt), reader=reader).system == "linux"
    assert all(len(variants) <= 32 for variants in reader._known._entries.values())


def test_evidence_spelt_in_another_way_is_found_but_not_remembered() -> None:
    reader = CountingReader()
    text = msgspec.json.encode(chat(COPILOT)).replace(b"You are the GitHub", b"\\u0059ou are the GitHub")
    for _ in range(2):
        facts = reader.read("openai-chat", JsonObject(text).values, wants_system=True)
        assert facts.tool == "copilot-cli"
    assert reader.studied == 2
