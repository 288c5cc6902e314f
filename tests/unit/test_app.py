from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.app import Application, everybody_of, limiter_of, router_of
from sekisho.config.load import load_settings
from sekisho.core.clock import FakeClock
from sekisho.core.errors import OperatorError
from sekisho.identity.scopes import Scope
from sekisho.limits.limiter import Limiter
from sekisho.limits.memory import MemoryLimiter
from sekisho.limits.outage import OutageLimiter
from sekisho.limits.rule import Rule
from sekisho.upstream.client import ReqwestTransport
from sekisho.upstream.plain_client import PlainTransport
from tests.support.application import CONFIG, ask, environment, running, write_config


async def models(app: Application) -> list[str]:
    return [row["id"] for row in (await ask(app, "GET", "/v1/models")).json["data"]]


async def test_a_reload_is_whole_or_leaves_the_old(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as app:
        write_config(tmp_path, CONFIG.replace("model_name: claude", "model_name: other"))
        app.reload()
        assert await models(app) == ["other", "gpt-*", "nick"]
        write_config(tmp_path, CONFIG + "\nmodel_list: []\n")
        app.reload()
        assert await models(app) == ["other", "gpt-*", "nick"]
    assert "the old one stays" in caplog.text
    assert "sk-canary" not in caplog.text


def test_without_a_master_key_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(OperatorError):
        Application(write_config(tmp_path), {}, tmp_path / "data")


def test_two_deployments_of_one_id_are_refused(tmp_path: Path) -> None:
    entry = "  - {model_name: m, litellm_params: {model: openai/m, api_key: k}, model_info: {id: same}}\n"
    with pytest.raises(OperatorError, match="same"):
        Application(write_config(tmp_path, "model_list:\n" + entry * 2), environment(), tmp_path / "data")


async def test_the_management_api_is_there_when_it_is_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        made = await ask(app, "POST", "/key/generate", body=b"{}")
        assert made.json["key"].startswith("sk-")
        listed = await ask(app, "GET", "/key/list")
    assert listed.json["total_count"] == 1


@pytest.mark.parametrize(
    ("base", "proxy", "kind"),
    [
        ("http://127.0.0.1:8000/v1", {}, PlainTransport),
        ("https://models.test/v1", {}, ReqwestTransport),
        ("http://127.0.0.1:8000/v1", {"HTTP_PROXY": "http://proxy.test"}, ReqwestTransport),
    ],
)
async def test_plain_addresses_are_spoken_to_directly(
    tmp_path: Path, base: str, proxy: dict[str, str], kind: type
) -> None:
    entry = f"model_list:\n  - {{model_name: m, litellm_params: {{model: openai/m, api_base: '{base}', api_key: k}}}}\n"
    app = Application(write_config(tmp_path, entry), environment() | proxy, tmp_path / "data")
    [deployment] = router_of(app.settings).deployments
    transport = app._gateway.transport(deployment)
    assert isinstance(transport, kind)
    assert app._gateway.transport(deployment) is transport
    await transport.close()


def test_a_configuration_makes_a_router(tmp_path: Path) -> None:
    assert router_of(load_settings(write_config(tmp_path), environment())).model_names() == ["claude", "gpt-*", "nick"]


def test_a_budget_of_the_whole_gateway(tmp_path: Path) -> None:
    def scopes(settings: str) -> tuple[Scope, ...]:
        path = write_config(tmp_path, f"model_list: []\nlitellm_settings: {settings}\n")
        return everybody_of(load_settings(path, environment()))

    assert scopes("{}") == ()
    [scope] = scopes("{max_budget: 0.1, budget_duration: 30d, timezone: Asia/Tokyo}")
    assert (scope.kind, scope.limits.max_budget_nano_usd) == ("gateway", 100_000_000)
    assert (scope.limits.budget_duration, scope.limits.time_zone) == ("30d", "Asia/Tokyo")
    for wrong in ("{max_budget: 1, budget_duration: soon}", "{max_budget: 1, budget_duration: 1d, timezone: Asia/Edo}"):
        with pytest.raises(OperatorError, match="litellm_settings"):
            scopes(wrong)


async def test_limits_are_counted_where_the_settings_say(tmp_path: Path) -> None:
    async def seed(_rule: Rule, _starts_us: int, _ends_us: int) -> int:
        return 0

    async def flushed() -> None:
        """Nothing waits."""

    held: list[str] = []

    def limiter(settings: str) -> Limiter:
        path = write_config(tmp_path, f"model_list: []\nrouter_settings: {settings}\n")
        return limiter_of(load_settings(path, environment()), FakeClock(), seed, flushed, held.append)

    assert isinstance(limiter("{}"), MemoryLimiter)
    shared = limiter("{redis_host: 127.0.0.1, redis_port: 1}")
    assert isinstance(shared, OutageLimiter)
    await shared.close()
