from __future__ import annotations

from functools import partial

from sekisho.ledger.rows import to_columns
from sekisho.store.billed import UsedModel, used_models
from sekisho.store.booking import insert_calls
from sekisho.store.db import Store
from sekisho.store.usage import DAY_US
from tests.support.ledger import NOW_US, row

DAY = NOW_US - NOW_US % DAY_US


def test_a_providers_models_by_day(db: Store) -> None:
    one = {"provider": "anthropic", "routed_model": "claude", "input_tokens": 1, "output_tokens": 2, "cost_nano_usd": 5}
    calls = [
        one | {"user_id": "a"},
        one | {"user_id": "b", "cache_read_tokens": 7, "cache_write_tokens": 8, "cache_write_1h_tokens": 3},
        one | {"cost_nano_usd": None, "status": "incomplete"},
        one | {"provider": "openai"},
        one | {"started_us": DAY + DAY_US},
        one | {"started_us": DAY - 1},
        one | {"routed_model": "other", "started_us": DAY},
    ]
    rows = [to_columns(row(**each)) for each in calls]
    db.write(lambda connection: insert_calls(connection, rows)).result()
    asked = partial(used_models, providers=("anthropic", "x"), from_us=DAY, until_us=DAY + DAY_US)
    claude, other = db.read(asked).result()
    assert claude == UsedModel(
        day_us=DAY,
        provider="anthropic",
        model="claude",
        calls=3,
        incomplete=1,
        unpriced=1,
        input_tokens=3,
        cache_read_tokens=7,
        cache_write_tokens=8,
        cache_write_1h_tokens=3,
        output_tokens=6,
        cost_nano_usd=10,
    )
    assert (other.model, other.calls) == ("other", 1)
