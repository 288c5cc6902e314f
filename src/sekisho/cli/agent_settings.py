"""How each agent and SDK is pointed at the gateway: one function a tool, listed once in AGENTS.

Flows in: the gateway's URL, a key, a model. Flows out: the files, variables and lines that the tool reads, as text;
nothing is written here. Must stay true: each setting is one with which the tool was seen to finish a task through a
gateway; a Claude model is asked for in Anthropic's dialect, any other in OpenAI's, where the tool speaks them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from sekisho.core.errors import MalformedRequest

#: What is asked for where the agent wants a model and none was named.
DEFAULT_MODEL = "gpt-5.1"
#: The name under which agents list the gateway.
_NAME = "sekisho"


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one tool needs: files by their path below the home folder, variables, a snippet to paste, a note.

    All of it holds the key in clear: show it with `masked` wherever it is not meant to be pasted.
    """

    agent: str
    files: dict[str, str] = msgspec.field(default_factory=dict)
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    snippet: str = ""
    note: str = ""

    def text(self) -> str:
        """All of it, ready to paste: each file under its name, then exports, snippet and note."""
        pieces = [f"# ~/{path}\n{text.rstrip()}" for path, text in self.files.items()]
        pieces += [piece for piece in (exports(self.environment), self.snippet) if piece]
        if self.note:
            pieces.append(f"# {self.note}")
        return "\n\n".join(pieces)

    def __rich__(self) -> str:
        return self.text()


class Gateway(msgspec.Struct, frozen=True):
    """Where the gateway is, and with which key and model it is asked. `url` has no /v1 at its end."""

    url: str
    key: str
    model: str | None = None

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"

    @property
    def model_or_default(self) -> str:
        return self.model or DEFAULT_MODEL

    @property
    def speaks_anthropic(self) -> bool:
        return self.model_or_default.startswith("claude")


def settings_for(agent: str, base_url: str, key: str, model: str | None = None) -> AgentSettings:
    """The settings of one of AGENTS. Raises MalformedRequest naming what is wrong with the arguments."""
    if agent not in AGENTS:
        raise MalformedRequest(f"There are no settings for '{agent}'; known are {', '.join(AGENTS)}.", param="agent")
    url = base_url.rstrip("/").removesuffix("/v1").rstrip("/")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise MalformedRequest("The gateway's URL must look like http://host:port.", param="base-url")
    if not key.isprintable() or not key.isascii() or not key or " " in key:
        raise MalformedRequest("The key must be printable ASCII without spaces.", param="key")
    return AGENTS[agent](Gateway(url, key, model))


def exports(environment: dict[str, str]) -> str:
    """Lines for a POSIX shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment.items())


def masked(text: str, key: str) -> str:
    """The text with the key shortened to what tells it from others."""
    return text.replace(key, f"{key[:5]}…{key[-4:]}" if len(key) >= 20 else "…")


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _quoted(text: str) -> str:
    """A basic string of TOML, whose escapes are JSON's."""
    return msgspec.json.encode(text).decode()


def _claude(gateway: Gateway) -> AgentSettings:
    variables = {"ANTHROPIC_BASE_URL": gateway.url, "ANTHROPIC_AUTH_TOKEN": gateway.key}
    if gateway.model:
        variables["ANTHROPIC_MODEL"] = gateway.model
    return AgentSettings(agent="claude", files={".claude/settings.json": _json({"env": variables})})


def _codex(gateway: Gateway) -> AgentSettings:
    model = [f"model = {_quoted(gateway.model)}"] if gateway.model else []
    lines = [
        *model,
        f'model_provider = "{_NAME}"',
        "",
        f"[model_providers.{_NAME}]",
        'name = "Sekisho"',
        f"base_url = {_quoted(gateway.v1)}",
        'env_key = "SEKISHO_API_KEY"',
        'wire_api = "responses"',
    ]
    return AgentSettings(
        agent="codex",
        files={".codex/config.toml": "\n".join(lines) + "\n"},
        environment={"SEKISHO_API_KEY": gateway.key},
    )


def _cline(gateway: Gateway) -> AgentSettings:
    provider = "anthropic" if gateway.speaks_anthropic else "openai-compatible"
    settings = {
        "provider": provider,
        "apiKey": gateway.key,
        "model": gateway.model_or_default,
        "baseUrl": gateway.v1,
    }
    entry = {"settings": settings, "updatedAt": "1970-01-01T00:00:00.000Z", "tokenSource": "manual"}
    content = {"version": 1, "lastUsedProvider": provider, "modes": {}, "providers": {provider: entry}}
    return AgentSettings(
        agent="cline",
        files={".cline/data/settings/providers.json": _json(content)},
        note="Cline in an editor: choose “OpenAI Compatible” or “Anthropic” and enter the same base URL and key.",
    )


def _opencode(gateway: Gateway) -> AgentSettings:
    return AgentSettings(agent="opencode", files={".config/opencode/opencode.json": _opencode_config(gateway)})


def _kilo(gateway: Gateway) -> AgentSettings:
    return AgentSettings(agent="kilo", files={".config/kilo/kilo.json": _opencode_config(gateway)})


def _opencode_config(gateway: Gateway) -> str:
    """The format of opencode, which Kilo kept: a Claude model goes to its Anthropic provider, others to ours."""
    options = {"baseURL": gateway.v1, "apiKey": gateway.key}
    model = gateway.model_or_default
    if gateway.speaks_anthropic:
        return _json({"model": f"anthropic/{model}", "provider": {"anthropic": {"options": options}}})
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "Sekisho", "options": options, "models": {model: {}}}
    return _json({"model": f"{_NAME}/{model}", "provider": {_NAME: provider}})


def _qwen(gateway: Gateway) -> AgentSettings:
    model, vendor = gateway.model_or_default, "anthropic" if gateway.speaks_anthropic else "openai"
    prefix = vendor.upper()
    return AgentSettings(
        agent="qwen",
        files={".qwen/settings.json": _json({"security": {"auth": {"selectedType": vendor}}})},
        environment={
            f"{prefix}_BASE_URL": gateway.url if gateway.speaks_anthropic else gateway.v1,
            f"{prefix}_API_KEY": gateway.key,
            f"{prefix}_MODEL": model,
        },
    )


def _copilot(gateway: Gateway) -> AgentSettings:
    variables = {
        "COPILOT_OFFLINE": "true",
        "COPILOT_MODEL": gateway.model_or_default,
        "COPILOT_PROVIDER_API_KEY": gateway.key,
        "COPILOT_PROVIDER_BASE_URL": gateway.url if gateway.speaks_anthropic else gateway.v1,
    }
    if gateway.speaks_anthropic:
        variables["COPILOT_PROVIDER_TYPE"] = "anthropic"
    return AgentSettings(
        agent="copilot", environment=variables, note="GitHub Copilot CLI; it needs no GitHub login with these."
    )


def _continue(gateway: Gateway) -> AgentSettings:
    lines = [
        "name: Sekisho",
        "version: 1.0.0",
        "schema: v1",
        "models:",
        "  - name: Sekisho",
        f"    provider: {'anthropic' if gateway.speaks_anthropic else 'openai'}",
        f"    model: {_quoted(gateway.model_or_default)}",
        f"    apiBase: {_quoted(gateway.v1)}",
        f"    apiKey: {_quoted(gateway.key)}",
        "    roles: [chat]",
        "    capabilities: [tool_use]",
    ]
    return AgentSettings(agent="continue", files={".continue/config.yaml": "\n".join(lines) + "\n"})


def _aider(gateway: Gateway) -> AgentSettings:
    vendor = "anthropic" if gateway.speaks_anthropic else "openai"
    return AgentSettings(
        agent="aider",
        environment={
            f"{vendor.upper()}_API_BASE": gateway.url if gateway.speaks_anthropic else gateway.v1,
            f"{vendor.upper()}_API_KEY": gateway.key,
            "AIDER_MODEL": f"{vendor}/{gateway.model_or_default}",
        },
    )


def _gemini(gateway: Gateway) -> AgentSettings:
    """Gemini CLI speaks Gemini's dialect only, for every model. It asks for one of its own where none is named."""
    variables = {"GOOGLE_GEMINI_BASE_URL": gateway.url, "GEMINI_API_KEY": gateway.key}
    if gateway.model:
        variables["GEMINI_MODEL"] = gateway.model
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    return AgentSettings(agent="gemini", files={".gemini/settings.json": _json(settings)}, environment=variables)


def _openai(gateway: Gateway) -> AgentSettings:
    snippet = f"""from openai import OpenAI

client = OpenAI(base_url={_quoted(gateway.v1)}, api_key={_quoted(gateway.key)})
reply = client.chat.completions.create(
    model={_quoted(gateway.model_or_default)},
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(reply.choices[0].message.content)"""
    return AgentSettings(agent="openai", snippet=snippet)


def _anthropic(gateway: Gateway) -> AgentSettings:
    snippet = f"""from anthropic import Anthropic

client = Anthropic(base_url={_quoted(gateway.url)}, api_key={_quoted(gateway.key)})
reply = client.messages.create(
    model={_quoted(gateway.model or "claude-sonnet-4-5")},
    max_tokens=1000,
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(reply.content[0].text)"""
    return AgentSettings(agent="anthropic", snippet=snippet)


def _litellm(gateway: Gateway) -> AgentSettings:
    snippet = f"""import litellm

reply = litellm.completion(
    model={_quoted(f"openai/{gateway.model_or_default}")},
    api_base={_quoted(gateway.v1)},
    api_key={_quoted(gateway.key)},
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(reply.choices[0].message.content)"""
    return AgentSettings(agent="litellm", snippet=snippet)


def _curl(gateway: Gateway) -> AgentSettings:
    body = {"model": gateway.model_or_default, "messages": [{"role": "user", "content": "Hello"}]}
    lines = [
        f"curl {shlex.quote(gateway.v1 + '/chat/completions')}",
        f"  -H {shlex.quote('Authorization: Bearer ' + gateway.key)}",
        "  -H 'Content-Type: application/json'",
        f"  -d {shlex.quote(msgspec.json.encode(body).decode())}",
    ]
    return AgentSettings(agent="curl", snippet=" \\\n".join(lines))


AGENTS: dict[str, Callable[[Gateway], AgentSettings]] = {
    "claude": _claude,
    "codex": _codex,
    "cline": _cline,
    "opencode": _opencode,
    "kilo": _kilo,
    "qwen": _qwen,
    "copilot": _copilot,
    "continue": _continue,
    "aider": _aider,
    "gemini": _gemini,
    "openai": _openai,
    "anthropic": _anthropic,
    "litellm": _litellm,
    "curl": _curl,
}
