from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.config.load import load_settings
from sekisho.config.model import Settings
from sekisho.core.clock import FakeClock
from sekisho.core.errors import CallerError, OperatorError
from sekisho.identity.scopes import Scope
from sekisho.ledger.retention import Kept
from sekisho.limits.limiter import Limiter
from sekisho.limits.memory import MemoryLimiter
from sekisho.limits.outage import OutageLimiter
from sekisho.limits.periods import NEVER_US
from sekisho.limits.rule import Measure, Rule
from sekisho.parts import LedgerSums, everybody_of, fetch_of, kept_of, limiter_of, router_of
from sekisho.store.away import StoreAway
from tests.support.application import environment, write_config
from tests.support.ledger import open_database, open_journal, row
from tests.support.media_server import PNG, answer, media_server


def settings_of(folder: Path, **sections: Any) -> Settings:
    text = msgspec.json.encode({"model_list": []} | sections).decode()
    return load_settings(write_config(folder, text), environment())


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


async def test_what_was_spent_is_not_waited_for_while_the_ledger_cannot_be_written(tmp_path: Path) -> None:
    rule = Rule(scope_kind="key", scope_id="k", measure=Measure.MONEY, limit=1)
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    held, may_go_on = threading.Event(), threading.Event()

    def hold(_connection: object) -> None:
        held.set()
        may_go_on.wait(10)

    written = db.write(hold)
    held.wait(10)
    try:
        with pytest.raises(StoreAway, match="cannot be known now"):
            await LedgerSums(db, journal, wait_seconds=0.05).spent(rule, 0, NEVER_US)
    finally:
        may_go_on.set()
    await asyncio.wrap_future(written)
    journal.settle(row(key_hash="k", cost_nano_usd=7))
    assert await LedgerSums(db, journal).spent(rule, 1, NEVER_US) == 7
    journal.close()
    db.close()


async def test_urls_are_fetched_as_the_operator_says(tmp_path: Path) -> None:
    def fetch(**media: Any) -> Any:
        return fetch_of(settings_of(tmp_path, sekisho={"media": media}))

    assert fetch(fetch=False) is None
    async with media_server({"/a": answer(PNG), "/b": answer(PNG + b"x" * 2000)}) as server:
        with pytest.raises(CallerError, match="only https"):
            await fetch()("image", server.url("/a"))
        own = fetch(allowed_hosts=["127.0.0.1"], max_mb=0.001)
        assert (await own("image", server.url("/a"))).data == PNG
        with pytest.raises(CallerError, match="larger than 1049 bytes"):
            await own("image", server.url("/b"))


def test_calls_are_kept_for_ever_or_as_the_settings_say(tmp_path: Path) -> None:
    assert kept_of(settings_of(tmp_path)) is None
    general = {"maximum_spend_logs_retention_period": "2w", "maximum_spend_logs_retention_interval": "6h"}
    assert kept_of(settings_of(tmp_path, general_settings=general)) == Kept(14 * 86_400, 6 * 3_600)
