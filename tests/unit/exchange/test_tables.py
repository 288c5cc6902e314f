from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.canonical.usage import Usage
from sekisho.config.load import load_settings
from sekisho.config.model import Settings
from sekisho.exchange import tables
from sekisho.exchange.tables import price_table, rate_table, retry_table, silence_seconds, timeout_table, window_table
from sekisho.ledger.prices import PriceBook
from sekisho.providers.deployment import Deployment, resolve_all
from tests.support.application import environment, write_config


def settings_of(folder: Path, *params: dict[str, Any], **sections: Any) -> tuple[Settings, tuple[Deployment, ...]]:
    models = [{"model_name": "m", "litellm_params": {"api_key": "k"} | one} for one in params]
    text = msgspec.json.encode({"model_list": models} | sections).decode()
    settings = load_settings(write_config(folder, text), environment())
    return settings, resolve_all(settings)


def test_timeouts_of_a_deployment_hold_over_the_common_ones(tmp_path: Path) -> None:
    common = {"connect_seconds": 1, "first_byte_seconds": 2, "between_chunks_seconds": 3, "caller_stalled_seconds": 4}
    settings, (plain, own) = settings_of(
        tmp_path,
        {"model": "openai/a"},
        {"model": "openai/b", "timeout": 7, "stream_timeout": 6},
        sekisho={"timeouts": common | {"total_seconds": 5}, "ping_after_seconds": 8},
    )
    table = timeout_table(settings)
    assert msgspec.structs.astuple(table(plain)) == (1, 2, 2, 3, 5, 4, 8)
    assert msgspec.structs.astuple(table(own)) == (1, 2, 6, 3, 7, 4, 8)
    assert table(own) is table(own)


def test_rates_are_resolved_once_and_remembered_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_REMEMBERED", 3)
    _, (star, free, base) = settings_of(
        tmp_path,
        {"model": "openai/gpt-4.1"},
        {"model": "hosted_vllm/x", "api_base": "http://h", "input_cost_per_token": 0, "output_cost_per_token": 0},
        {"model": "hosted_vllm/y", "api_base": "http://h"},
    )
    rates = rate_table(PriceBook.load())
    assert rates(star) is rates(star)
    assert rates(star) is not None
    zero = rates(free)
    assert zero is not None
    assert zero.input == 0
    assert free.entry.params.costs["input_cost_per_token"] == Decimal(0)
    assert rates(base) is None
    for number in range(50):
        assert rates(msgspec.structs.replace(star, model=f"nobody-{number}")) is None
    assert rates(star) is not None


def test_the_longest_prompt_is_looked_up_once_and_the_operators_word_holds(tmp_path: Path) -> None:
    settings = load_settings(
        write_config(
            tmp_path,
            """
model_list:
  - {model_name: a, litellm_params: {model: openai/gpt-4.1, api_key: k}}
  - {model_name: b, litellm_params: {model: openai/gpt-4.1, api_key: k}, model_info: {max_input_tokens: 7}}
  - {model_name: c, litellm_params: {model: hosted_vllm/y, api_base: "http://h"}}
""",
        ),
        environment(),
    )
    public, own, unknown = resolve_all(settings)
    window = window_table(PriceBook.load())
    for _ in range(2):
        assert (window(public) or 0) >= 1_047_576
        assert (window(own), window(unknown)) == (7, None)


def test_retries_of_a_deployment_hold_over_the_common_ones(tmp_path: Path) -> None:
    settings, (plain, own) = settings_of(
        tmp_path, {"model": "openai/a"}, {"model": "openai/b", "num_retries": 5}, litellm_settings={"num_retries": 1}
    )
    assert [retry_table(settings)(one) for one in (plain, own)] == [1, 5]


def test_a_typical_call_has_a_price_where_its_tokens_have(tmp_path: Path) -> None:
    _, (known, unknown) = settings_of(
        tmp_path,
        {"model": "openai/gpt-4.1", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-5},
        {"model": "hosted_vllm/y", "api_base": "http://h"},
    )
    price = price_table(rate_table(PriceBook.load()))
    assert (price(known), price(unknown)) == (300_000_000, None)


def test_silence_is_longer_than_any_wait(tmp_path: Path) -> None:
    waits = {"timeouts": {"first_byte_seconds": 20, "between_chunks_seconds": 30}}
    settings, _ = settings_of(tmp_path, {"model": "openai/a", "stream_timeout": 50}, sekisho=waits)
    assert silence_seconds(settings) == 51


def test_prices_hold_from_the_day_that_the_entry_says(tmp_path: Path) -> None:
    entry = {
        "model_name": "m",
        "litellm_params": {"model": "hosted_vllm/x", "api_base": "http://h", "input_cost_per_token": 1e-6},
        "model_info": {"prices": [{"effective_from": "1970-01-02", "input_cost_per_token": 2e-6}]},
    }
    text = msgspec.json.encode({"model_list": [entry]}).decode()
    (one,) = resolve_all(load_settings(write_config(tmp_path, text), environment()))
    rates = rate_table(PriceBook.load())(one)
    assert rates is not None
    usage = Usage(input_tokens=1)
    assert [rates.cost_nano_usd(usage, at_us=day * 86_400_000_000) for day in (0, 1)] == [1_000, 2_000]
