"""Every recorded request of real agents and SDKs is given to the right tool.

In: ../shared/agents/recordings, one request a line, long texts cut. What each tool sends is known from the recordings'
own page; what a tool does not send (an SDK without a User-Agent has nothing else) is expected as "unknown".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sekisho.identity.client import Client, recognise
from sekisho.wire.json_edit import JsonObject
from tests.shared import SHARED

RECORDINGS = SHARED / "agents" / "recordings"

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="../shared/agents/recordings is not beside this checkout"
)

#: The beginning of a recording's name -> tool, version where it is sent in every request.
TOOLS = {
    "aider": ("aider", None),
    "claude": ("claude-code", "2.1.329"),
    "cline": ("cline", None),
    "codex": ("codex", "0.169.0"),
    "continue": ("continue", None),
    "copilot": ("copilot-cli", None),
    "gemini": ("gemini-cli", "0.61.0"),
    "interactive-claude": ("claude-code", "2.1.329"),
    "interactive-codex": ("codex", "0.169.0"),
    "interactive-gemini": ("gemini-cli", "0.61.0"),
    "kilo": ("kilo", "7.7.7"),
    "opencode": ("opencode", "1.18.33"),
    "qwen": ("qwen-code", "0.24.4"),
    "sdk-ai": ("ai-sdk", None),
    "sdk-anthropic": ("anthropic-python", "2.11.0"),
    "sdk-boto3": ("boto3", "1.44.5"),
    "sdk-genai": ("google-genai", "3.4.0"),
    "sdk-litellm": ("litellm", None),
    "sdk-openai": ("openai-python", "2.54.0"),
}
#: SDKs that say who they are in the User-Agent only: in all requests, or in those of one dialect.
NOTHING_BUT_A_USER_AGENT = {"ai-sdk": "", "boto3": "", "litellm": "anthropic-messages"}
#: What a request's own headers and body call the operating system.
NAMES_LINUX = re.compile(r"Linux|linux|Debian")


class Recorded(msgspec.Struct):
    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: JsonObject
    dialect: str

    @property
    def expected(self) -> tuple[str, str | None]:
        return next(row for start, row in sorted(TOOLS.items(), reverse=True) if self.name.startswith(start))


def dialect_of(path: str) -> str:
    for piece, dialect in (
        ("/converse", "bedrock-converse"),
        ("enerateContent", "gemini-generate"),
        ("countTokens", "gemini-generate"),
        ("/messages", "anthropic-messages"),
        ("/invoke", "anthropic-messages"),
        ("RawPredict", "anthropic-messages"),
        ("/responses", "openai-responses"),
        ("/chat/completions", "openai-chat"),
    ):
        if piece in path:
            return dialect
    return ""


def requests() -> Iterator[Recorded]:
    """All requests that carry a body."""
    for file in sorted(RECORDINGS.glob("*.jsonl")):
        for line in file.read_bytes().splitlines():
            row: dict[str, Any] = msgspec.json.decode(line)
            if isinstance(row.get("body"), dict):
                headers = {name.lower(): value for name, value in row["headers"]}
                body = JsonObject(msgspec.json.encode(row["body"]))
                yield Recorded(file.stem, row["method"], row["path"], headers, body, dialect_of(row["path"]))


ALL = list(requests()) if RECORDINGS.is_dir() else []
each_request = pytest.mark.parametrize("request_", ALL, ids=[f"{one.name}-{number}" for number, one in enumerate(ALL)])


def seen(request: Recorded, **headers: str) -> Client:
    """The client as recognised, with these headers instead of the recorded ones; "" takes a header away."""
    mine = {name: value for name, value in (request.headers | headers).items() if value}
    return recognise(mine, request.dialect, request.body)


def test_the_recordings_are_all_there() -> None:
    assert len(ALL) >= 120
    assert {one.dialect for one in ALL} >= {"anthropic-messages", "openai-chat", "openai-responses"}
    assert "" not in {one.dialect for one in ALL}


@each_request
def test_the_right_tool_and_version(request_: Recorded) -> None:
    tool, version = request_.expected
    client = seen(request_)
    assert client.tool == tool
    assert version is None or client.version == version
    assert client.confidence in ("high", "medium")


@each_request
def test_the_operating_system_where_it_is_sent(request_: Recorded) -> None:
    headers = " ".join(request_.headers.get(name, "") for name in ("x-stainless-os", "user-agent"))
    opening = re.search(rb"(?:Platform|[Oo]perating [Ss]ystem(?: is)?): (\w+)", request_.body.body)
    sent = NAMES_LINUX.search(headers) or opening
    assert seen(request_).os == ("linux" if sent else "unknown")


@each_request
def test_the_session_where_it_is_sent(request_: Recorded) -> None:
    headers, body = request_.headers, msgspec.json.decode(request_.body.body)
    sent = next(
        (headers[name] for name in ("x-claude-code-session-id", "session-id", "x-session-id") if name in headers), None
    )
    in_body = body.get("prompt_cache_key")
    assert seen(request_).session_id == (sent or (in_body.removeprefix("qwen-code:") if in_body else None))


@each_request
def test_claude_code_tells_its_session_in_the_body_too(request_: Recorded) -> None:
    if request_.expected[0] != "claude-code":
        assert b"device_id" not in request_.body.body
        return
    sent = request_.headers["x-claude-code-session-id"]
    assert seen(request_, **{"x-claude-code-session-id": ""}).session_id == sent


@each_request
@pytest.mark.parametrize(
    "user_agent",
    [
        "",
        "claude-cli/2.1.329 (external, cli)",
        "codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb (codex_exec; 0.169.0)",
        "opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14",
        "OpenAI/Python 2.54.0",
        "curl/8.5.0",
    ],
    ids=["none", "claude", "codex", "opencode", "openai", "curl"],
)
def test_the_right_tool_whatever_the_user_agent_says(request_: Recorded, user_agent: str) -> None:
    tool, _ = request_.expected
    client = seen(request_, **{"user-agent": user_agent})
    if NOTHING_BUT_A_USER_AGENT.get(tool, "no dialect") in ("", request_.dialect):
        assert client.tool in ("unknown", "openai-python") or client.confidence == "low"
        return
    assert client.tool == tool


@each_request
@pytest.mark.parametrize(("word", "os"), [("MacOS", "macos"), ("Windows", "windows")])
def test_another_operating_system(request_: Recorded, word: str, os: str) -> None:
    """The same request as it comes from another machine: every place that says so says it in that machine's word."""
    names = {"MacOS": ("Mac OS 15.1.0", "darwin"), "Windows": ("Windows 10.0.26100", "win32")}[word]
    headers = {
        name: value.replace("Debian 12.0.0", names[0]).replace("Linux", word).replace("os/linux", f"os/{word.lower()}")
        for name, value in request_.headers.items()
    }
    headers = {name: value.replace("linux", names[1]) for name, value in headers.items()}
    text = request_.body.body.replace(b"latform: Linux", b"latform: " + word.encode())
    text = text.replace(b"OS Version: Linux", b"OS Version: " + names[1].encode())
    text = re.sub(rb"(Platform|System|system is): linux", rb"\1: " + names[1].encode(), text)
    client = recognise(headers, request_.dialect, JsonObject(text))
    assert client.os == (os if seen(request_).os == "linux" else "unknown")
    assert client.tool == request_.expected[0]
