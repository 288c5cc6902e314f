from __future__ import annotations

from typing import Any

import pytest

from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.plan import ENTITIES, Clashes, Part, Planner
from sekisho.store.directory import BudgetRow, OrganizationRow, TeamRow, UserRow
from sekisho.store.edit import Edit
from sekisho.store.keys import KeyRow
from tests.support.ledger import open_database
from tests.support.litellm_rows import NOW_US, source_of

STAMPS: dict[str, Any] = {"created_us": 1, "updated_us": 1}


def key(token: str, **fields: Any) -> KeyRow:
    return KeyRow(token=token, key_name=token, **fields, **STAMPS)


def planned(
    findings: Findings, source: dict[str, Any] | None = None, connection: Any = None, **rows: Any
) -> dict[str, Part]:
    planner = Planner(source_of(**source or {}), findings)
    every = {word: rows.get(word.replace(" ", "_"), []) for word, _ in ENTITIES}
    return {part.word: part for part in planner.parts(connection, every)}


def test_what_names_something_that_is_left_out_is_left_out() -> None:
    findings = Findings()
    source = {"budgets": [{"budget_id": "b"}], "teams": [{"team_id": "t"}]}
    organization = OrganizationRow(organization_id="o", budget_id="b", **STAMPS)
    parts = planned(findings, source, organizations=[organization], keys=[key("k", team_id="t"), key("k2")])
    assert (parts["organizations"].left_out, parts["keys"].left_out, len(parts["keys"].fresh)) == (1, 1, 1)
    assert findings.lines() == [
        "keys left out, for there is no longer their team 't' (1): k",
        "organizations left out, for there is no longer their budget 'b' (1): o",
    ]


def test_a_key_may_name_what_litellm_has_no_longer() -> None:
    findings = Findings()
    parts = planned(findings, keys=[key("k", team_id="gone", user_id="default_user_id")])
    assert len(parts["keys"].fresh) == 1
    assert findings.lines() == ["keys of a team that LiteLLM has no longer (1): k"]


def test_what_was_deleted_here_stays_away_and_what_hangs_on_it_too(tmp_path: Any) -> None:
    store, findings = open_database(tmp_path), Findings()

    def work(connection: Any) -> dict[str, Part]:
        edit = Edit(connection, "admin", NOW_US)
        edit.add_all(entities["teams"], [team])
        edit.remove(entities["teams"], team)
        edit.add_all(entities["budgets"], [budget])
        return planned(findings, None, connection, teams=[team], budgets=[budget], keys=[key("k", team_id="t")])

    entities = dict(ENTITIES)
    team, budget = TeamRow(team_id="t", **STAMPS), BudgetRow(budget_id="b", **STAMPS)
    parts = store.write(work).result()
    store.close()
    assert (parts["teams"].deleted, parts["budgets"].here, parts["keys"].left_out) == (1, 1, 1)


def test_every_clash_is_told_at_once() -> None:
    users = [UserRow(user_id=name, user_email="a@example.jp", **STAMPS) for name in ("u1", "u2")]
    with pytest.raises(Clashes) as caught:
        planned(Findings(), users=users, keys=[key("k1", key_alias="a"), key("k2", key_alias="a"), key("k3")])
    assert caught.value.problems == (
        "users: 'a@example.jp' is the user_email of both u1 (LiteLLM) and u2 (LiteLLM).",
        "keys: 'a' is the key_alias of both k1 (LiteLLM) and k2 (LiteLLM).",
        "Nothing was imported: rename one of each, there or here, and run it again.",
    )
