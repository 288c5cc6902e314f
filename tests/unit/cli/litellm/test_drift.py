from __future__ import annotations

from pathlib import Path
from typing import Any

from sekisho.cli.litellm.drift import tell_drift
from sekisho.cli.litellm.fields import ACTOR
from sekisho.cli.litellm.findings import Findings
from sekisho.store.directory import KEYS
from sekisho.store.edit import Edit
from sekisho.store.keys import KeyRow
from tests.support.ledger import open_database
from tests.support.litellm_rows import NOW_US, source_of


def test_keys_that_litellm_took_back_since_are_told(tmp_path: Path) -> None:
    store, findings = open_database(tmp_path), Findings()
    stamps: dict[str, Any] = {"created_us": 1, "updated_us": 1}

    def rows(*names: str, blocked: bool = False) -> list[KeyRow]:
        return [KeyRow(token=name, key_name=name, blocked=blocked, **stamps) for name in names]

    def work(connection: Any) -> None:
        Edit(connection, ACTOR, NOW_US).add_all(KEYS, rows("gone", "blocked", "same"))
        Edit(connection, ACTOR, NOW_US).add_all(KEYS, rows("gone-and-blocked-here", blocked=True))
        Edit(connection, "admin", NOW_US).add_all(KEYS, rows("own"))
        there: list[dict[str, Any]] = [{"token": "blocked", "blocked": True}, {"token": "same", "blocked": None}]
        tell_drift(connection, source_of(keys=there), findings)

    store.write(work).result()
    store.close()
    assert findings.lines() == [
        "keys that work here and that LiteLLM blocked since (1): blocked",
        "keys that work here and that LiteLLM deleted or rotated since (1): gone",
    ]
