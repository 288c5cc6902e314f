from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.app import Application
from sekisho.core.errors import OperatorError
from sekisho.ledger.rows import CallRow, Intent
from tests.support.application import CONFIG, ask, environment, running, write_config
from tests.support.ledger import open_journal
from tests.support.waiting import eventually


async def ids(app: Application) -> list[str]:
    return [row["id"] for row in (await ask(app, "GET", "/v1/models")).json["data"]]


async def test_it_is_ready_between_its_start_and_its_stop(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        assert (await ask(app, "GET", "/health/readiness", {})).status == 200
    assert not app._ready


async def test_what_an_earlier_run_left_is_recovered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as app:
        app._journal.intent(Intent(call_id="c1", started_us=app._clock.now_us()))
    async with running(tmp_path) as app:
        rows = (await ask(app, "GET", "/spend/logs")).json
    assert [row["status"] for row in rows] == ["failure"]
    assert "1 calls of an earlier run" in caplog.text


async def test_what_workers_left_that_are_no_more_is_counted_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as app:
        app._journal.intent(Intent(call_id="c1", started_us=app._clock.now_us()))
        gone = open_journal(tmp_path / "data", app._db, worker="3")
        for name in ("c2", "c3"):
            gone.intent(Intent(call_id=name, started_us=app._clock.now_us()))
        gone.close()
    async with running(tmp_path) as app:
        assert len((await ask(app, "GET", "/spend/logs")).json) == 3
    assert "3 calls of an earlier run were recovered" in caplog.text


async def test_sighup_reads_the_configuration_again(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        write_config(tmp_path, CONFIG.replace("model_name: claude", "model_name: other"))
        os.kill(os.getpid(), signal.SIGHUP)

        async def reloaded() -> bool:
            return "other" in await ids(app)

        assert await eventually(reloaded, "the configuration is reloaded")


@pytest.mark.parametrize(
    "broken",
    [
        "model_list: [",
        "model_list:\n  - {model_name: 3}\n",
        CONFIG + "\ngeneral_settings: {custom_key_generate: a.b}\n",
        None,
    ],
    ids=["no yaml", "no model", "unserved key", "no file"],
)
async def test_a_configuration_with_problems_changes_nothing(
    tmp_path: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as app:
        before = app._gateway, app.settings
        if broken is None:
            (tmp_path / "config.yaml").unlink()
        else:
            write_config(tmp_path, broken)
        app.reload()
        assert (app._gateway, app.settings) == before
        assert await ids(app) == ["claude", "gpt-*", "nick"]
    assert "the old one stays" in caplog.text


async def test_a_reload_tells_what_it_changed_and_what_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as app:
        old = app._gateway
        write_config(tmp_path, CONFIG + "\ngeneral_settings: {master_key: sk-another-CANARY, max_request_size_mb: 1}\n")
        app.reload()
        assert app._gateway is not old
        assert app._gateway.access_keys is old.access_keys
        assert app._gateway.journal is old.journal
        assert app.settings.body_limit_bytes == 1024 * 1024
        assert len(await ids(app)) == 3, "the old master key holds until a restart"
    assert "general_settings.master_key takes effect after a restart" in caplog.text
    assert "CANARY" not in caplog.text


async def test_pools_are_shared_by_provider_and_follow_the_timeouts(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        claude, gpt = app._gateway.router.deployments
        first = app._gateway.transport(claude)
        assert first is app._gateway.transport(claude)
        assert first is not app._gateway.transport(gpt)
        app.reload()
        assert app._gateway.transport(claude) is first, "nothing changed"
        write_config(tmp_path, CONFIG + "\nsekisho: {timeouts: {first_byte_seconds: 5000}}\n")
        app.reload()
        assert app._gateway.transport(claude) is not first, "it would give up too soon"


@pytest.mark.parametrize("wrong", ["general_settings: {master_key: os.environ/NOT_SET}", ""])
def test_it_does_not_start_without_a_master_key(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(OperatorError, match=r"(?i)master|NOT_SET"):
        Application(write_config(tmp_path, CONFIG + wrong), {}, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_two_deployments_of_one_id_open_nothing(tmp_path: Path) -> None:
    entry = "  - {model_name: m, litellm_params: {model: openai/m, api_key: k}, model_info: {id: same}}\n"
    with pytest.raises(OperatorError, match="same id"):
        Application(write_config(tmp_path, "model_list:\n" + entry * 2), environment(), tmp_path / "data")
    assert not (tmp_path / "data").exists()


async def test_the_database_may_lie_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    async with running(tmp_path, CONFIG + f"\nsekisho: {{database: {elsewhere}}}\n"):
        assert (tmp_path / "elsewhere.db-wal").exists(), "an open database has one"
        assert not (tmp_path / "data" / "sekisho.db-wal").exists()


async def test_the_operators_key_header_is_read(tmp_path: Path) -> None:
    text = CONFIG + "\ngeneral_settings: {litellm_key_header_name: X-Our-Key}\n"
    async with running(tmp_path, text) as app:
        for path in ("/v1/models", "/key/list"):
            got = await ask(app, "GET", path, {"x-our-key": "Bearer sk-master-of-tests", "authorization": "Bearer no"})
            assert got.status == 200


@pytest.mark.parametrize(
    ("sections", "retries"),
    [
        ({}, [2, 5, 0]),
        ({"litellm_settings": {"num_retries": 1}}, [1, 5, 0]),
        ({"litellm_settings": {"num_retries": 1}, "router_settings": {"num_retries": 0}}, [0, 5, 0]),
    ],
)
async def test_retries_of_a_deployment_hold_over_the_common_ones(
    tmp_path: Path, sections: dict[str, Any], retries: list[int]
) -> None:
    params: list[dict[str, Any]] = [
        {"model": "openai/a"},
        {"model": "openai/b", "num_retries": 5},
        {"model": "openai/c", "num_retries": 0},
    ]
    models = [{"model_name": "m", "litellm_params": {"api_key": "k"} | one} for one in params]
    async with running(tmp_path, msgspec.json.encode({"model_list": models} | sections).decode()) as app:
        assert [app._gateway.retries(one) for one in app._gateway.router.deployments] == retries


async def test_the_first_of_many_callers_of_the_management_api_are_all_served(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        answers = await asyncio.gather(*(ask(app, "GET", "/key/list") for _ in range(5)))
    assert [got.status for got in answers] == [200] * 5


async def test_access_keys_outlive_a_change_of_the_root_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old, new, path = "ab" * 32, "cd" * 32, "/sekisho/v1/key/aws-credentials"
    async with running(tmp_path, SEKISHO_ROOT_KEY=old) as app:
        key = (await ask(app, "POST", "/key/generate", body=b"{}")).json["key"]
        made = (await ask(app, "POST", path, body=msgspec.json.encode({"key": key}))).json
    async with running(tmp_path, SEKISHO_ROOT_KEY=new, SEKISHO_ROOT_KEY_PREVIOUS=old) as app:
        assert "1 access keys are now under the present SEKISHO_ROOT_KEY" in caplog.text
    async with running(tmp_path, SEKISHO_ROOT_KEY=new) as app:
        found = app._access_keys.find(made["access_key_id"])
        assert found is not None
        assert found.secret.reveal() == made["secret_access_key"]
        assert made["secret_access_key"] not in caplog.text
    async with running(tmp_path) as app:
        assert "1 access keys do not work" in caplog.text
        assert (await ask(app, "GET", path)).json["total_count"] == 1
        refused = await ask(app, "POST", path, body=msgspec.json.encode({"key": key}))
        assert (refused.status, "SEKISHO_ROOT_KEY" in refused.json["error"]["message"]) == (400, True)


def test_a_root_key_that_is_none_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="SEKISHO_ROOT_KEY is not a root key"):
        Application(write_config(tmp_path), environment() | {"SEKISHO_ROOT_KEY": "password"}, tmp_path / "data")


async def test_what_is_older_than_calls_are_kept_goes_and_stays_summed(tmp_path: Path) -> None:
    old = CallRow(call_id="old", started_us=1, ended_us=2, status="success", http_status=200)
    async with running(tmp_path) as app:
        app._journal.settle(old)
    async with running(tmp_path, CONFIG + "general_settings: {maximum_spend_logs_retention_period: 30d}\n") as app:

        async def gone() -> bool:
            return not (await ask(app, "GET", "/spend/logs")).json

        await eventually(gone, "the old call is given up")
        days = "/global/activity?start_date=1970-01-01&end_date=1970-01-01"
        assert (await ask(app, "GET", days)).json["sum_api_requests"] == 1
