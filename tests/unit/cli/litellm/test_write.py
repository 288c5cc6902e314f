from __future__ import annotations

import base64
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from sekisho.cli.litellm.fields import ACTOR
from sekisho.cli.litellm.plan import ENTITIES
from sekisho.cli.litellm.salt import Salt
from sekisho.cli.litellm.write import CHUNK, Import, Secrets, compare, prepared, take_in
from sekisho.core.envelope import Envelope
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.identity.keys import token_hash
from sekisho.store.db import Database
from sekisho.store.directory import AUDIT, KEYS
from sekisho.store.schema import alembic_version
from tests.support.litellm_rows import NOW_US, source_of
from tests.support.litellm_tables import SALT

ROOT = base64.b64encode(bytes(32)).decode()
SECRETS = Secrets(Salt(Secret(SALT)), Envelope(ROOT))
ODD: tuple[Any, ...] = (
    None,
    0,
    -1,
    1.5,
    "",
    "x",
    "Infinity",
    [],
    {},
    ["a"],
    {"a": 1},
    {"a": {"b": 2}},
    [{"a": 1}],
    [None],
    True,
)
#: What LiteLLM reads inside the metadata.
STEERING = ("model_rpm_limit", "temp_budget_increase", "temp_budget_expiry", "tags", "team_member_budget_id")
JSON_COLUMNS = (
    "metadata",
    "model_max_budget",
    "budget_limits",
    "members_with_roles",
    "aliases",
    "model_info",
    "litellm_params",
    "credential_values",
)
ONE_OF_EACH: dict[str, dict[str, Any]] = {
    "budgets": {"budget_id": "b"},
    "organizations": {"organization_id": "o"},
    "aliases": {"id": 1},
    "teams": {"team_id": "t"},
    "projects": {"project_id": "p"},
    "users": {"user_id": "u"},
    "team_memberships": {"team_id": "t", "user_id": "u"},
    "organization_memberships": {"organization_id": "o", "user_id": "u"},
    "keys": {"token": "a" * 64},
    "end_users": {"user_id": "e"},
    "tags": {"tag_name": "g"},
    "models": {"model_id": "m", "model_name": "n", "litellm_params": {"model": "openai/x"}},
    "credentials": {"credential_name": "c", "credential_values": {}},
}
MANY = 2 * CHUNK + 1


def wanted(count: int) -> Import:
    rows = [{"token": token_hash(f"sk-{number}"), "key_name": f"sk-...{number}"} for number in range(count)]
    return prepared(source_of(keys=rows), Secrets(None, Envelope(None)), NOW_US)


@pytest.mark.parametrize("table", sorted(ONE_OF_EACH))
@pytest.mark.parametrize("column", JSON_COLUMNS)
def test_json_of_any_shape_is_read_or_told(table: str, column: str) -> None:
    inside = [{name: odd} for name in STEERING for odd in ODD] if column == "metadata" else []
    for shape in [*ODD, *inside]:
        rows = {name: [dict(row)] for name, row in ONE_OF_EACH.items()}
        rows[table][0][column] = shape
        with suppress(OperatorError):
            assert prepared(source_of(**rows), SECRETS, NOW_US).rows.keys() == {word for word, _ in ENTITIES}


def test_rows_are_written_by_many_each_with_its_entry_in_the_audit(tmp_path: Path) -> None:
    store, steps = Database(tmp_path / "sekisho.db"), list[tuple[int, int]]()
    assert [len(part.fresh) for part in compare(store, wanted(MANY)) if part.word == "keys"] == [MANY]
    take_in(store, wanted(MANY), lambda done, total: steps.append((done, total)))
    assert steps == [(CHUNK, MANY), (2 * CHUNK, MANY), (MANY, MANY)]
    assert (store.read_now(KEYS.count), store.read_now(AUDIT.count)) == (MANY, MANY)
    (entry, *_) = store.read_now(lambda connection: AUDIT.find(connection, limit=1))
    assert (entry.actor, entry.action, entry.object_kind, entry.before) == (ACTOR, "created", "key", None)
    assert [part.here for part in compare(store, wanted(MANY)) if part.word == "keys"] == [MANY]
    store.close()


def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Database(tmp_path / "sekisho.db")

    def step(done: int, _total: int) -> None:
        if done > CHUNK:
            raise OperatorError("stopped")

    with pytest.raises(OperatorError, match="stopped"):
        take_in(store, wanted(MANY), step)
    assert store.read_now(KEYS.count) == 0
    store.close()


def test_a_database_of_another_version_is_not_compared(tmp_path: Path) -> None:
    store = Database(tmp_path / "sekisho.db")
    take_in(store, wanted(1), lambda _done, _total: None)
    store.write(lambda connection: connection.execute(update(alembic_version).values(version_num="0001"))).result()
    with pytest.raises(OperatorError, match="sekisho db upgrade"):
        compare(store, wanted(1))
    store.close()
