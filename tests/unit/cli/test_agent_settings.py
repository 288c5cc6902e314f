from __future__ import annotations

import ast
import io
import tomllib

import msgspec
import pytest
import yaml
from rich.console import Console
from rich.panel import Panel

from sekisho.cli.agent_settings import AGENTS, exports, masked, settings_for
from sekisho.core.errors import MalformedRequest

URL = "http://gateway.test:4000"
KEY = "sk-0123456789abcdefghij"


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("model", [None, "gpt-5.5", "claude-sonnet-4-5"])
def test_every_tool_is_told_url_and_key(agent: str, model: str | None) -> None:
    settings = settings_for(agent, URL, KEY, model)
    text = settings.text()
    assert settings.agent == agent
    assert URL in text
    assert KEY in text
    assert model is None or model in text


def test_gemini_speaks_its_own_dialect_to_the_root() -> None:
    settings = settings_for("gemini", URL, KEY, "gemini-3.5-flash")
    assert settings.environment == {
        "GOOGLE_GEMINI_BASE_URL": URL,
        "GEMINI_API_KEY": KEY,
        "GEMINI_MODEL": "gemini-3.5-flash",
    }
    (text,) = settings.files.values()
    assert msgspec.json.decode(text) == {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    assert "GEMINI_MODEL" not in settings_for("gemini", URL, KEY).environment


@pytest.mark.parametrize("url", [URL, URL + "/", URL + "/v1", URL + "/v1/"])
def test_the_url_is_taken_with_and_without_v1(url: str) -> None:
    assert settings_for("codex", url, KEY) == settings_for("codex", URL, KEY)


def test_claude_code_reads_variables_from_its_settings() -> None:
    (text,) = settings_for("claude", URL, KEY, "claude-opus-5").files.values()
    expected = {"ANTHROPIC_BASE_URL": URL, "ANTHROPIC_AUTH_TOKEN": KEY, "ANTHROPIC_MODEL": "claude-opus-5"}
    assert msgspec.json.decode(text) == {"env": expected}


def test_codex_has_a_provider_of_its_own_and_the_key_in_the_environment() -> None:
    settings = settings_for("codex", URL, KEY, 'a "quoted" model')
    config = tomllib.loads(settings.files[".codex/config.toml"])
    assert config["model"] == 'a "quoted" model'
    assert config["model_providers"][config["model_provider"]] == {
        "name": "Sekisho",
        "base_url": URL + "/v1",
        "env_key": "SEKISHO_API_KEY",
        "wire_api": "responses",
    }
    assert settings.environment == {"SEKISHO_API_KEY": KEY}
    assert "model" not in tomllib.loads(settings_for("codex", URL, KEY).files[".codex/config.toml"])


def test_a_claude_model_is_asked_for_in_anthropics_dialect() -> None:
    opencode = msgspec.json.decode(
        settings_for("opencode", URL, KEY, "claude-x").files[".config/opencode/opencode.json"]
    )
    assert opencode["model"] == "anthropic/claude-x"
    assert opencode["provider"]["anthropic"]["options"] == {"baseURL": URL + "/v1", "apiKey": KEY}
    assert settings_for("copilot", URL, KEY, "claude-x").environment["COPILOT_PROVIDER_BASE_URL"] == URL
    assert settings_for("qwen", URL, KEY, "claude-x").environment["ANTHROPIC_BASE_URL"] == URL
    assert settings_for("aider", URL, KEY, "claude-x").environment["AIDER_MODEL"] == "anthropic/claude-x"


def test_any_other_model_in_openais() -> None:
    kilo = msgspec.json.decode(settings_for("kilo", URL, KEY, "gpt-x").files[".config/kilo/kilo.json"])
    assert (kilo["model"], kilo["provider"]["sekisho"]["models"]) == ("sekisho/gpt-x", {"gpt-x": {}})
    assert settings_for("copilot", URL, KEY, "gpt-x").environment["COPILOT_PROVIDER_BASE_URL"] == URL + "/v1"
    assert settings_for("aider", URL, KEY, "gpt-x").environment["OPENAI_API_BASE"] == URL + "/v1"
    (model,) = yaml.safe_load(settings_for("continue", URL, KEY, "gpt-x").files[".continue/config.yaml"])["models"]
    assert (model["provider"], model["apiBase"]) == ("openai", URL + "/v1")


@pytest.mark.parametrize("agent", ["openai", "anthropic", "litellm"])
def test_snippets_are_python(agent: str) -> None:
    tree = ast.parse(settings_for(agent, URL, KEY, 'it\'s a "model"').snippet)
    assert isinstance(tree.body[-1], ast.Expr)


@pytest.mark.parametrize(
    ("agent", "url", "key", "param"),
    [
        ("emacs", URL, KEY, "agent"),
        ("codex", "gateway:4000", KEY, "base-url"),
        ("codex", "ftp://gateway", KEY, "base-url"),
        ("codex", "http://", KEY, "base-url"),
        ("codex", URL, "", "key"),
        ("codex", URL, "sk-a\nb", "key"),
        ("codex", URL, "sk-ключ", "key"),
    ],
)
def test_wrong_arguments_are_refused_by_name(agent: str, url: str, key: str, param: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        settings_for(agent, url, key)
    assert refused.value.info.param == param
    assert not key or key not in refused.value.info.message


def test_exports_survive_a_shell() -> None:
    assert exports({"A": "plain", "B": "it's"}) == "export A=plain\nexport B='it'\"'\"'s'"


def test_a_key_is_shown_by_its_ends_only() -> None:
    assert masked(f"key={KEY}", KEY) == "key=sk-01…ghij"
    assert masked("key=sk-short", "sk-short") == "key=…"


def test_settings_can_be_put_into_a_panel() -> None:
    shown = io.StringIO()
    Console(width=120, file=shown).print(Panel(settings_for("curl", URL, KEY)), markup=False)
    assert KEY in shown.getvalue()
