from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sekisho.identity.keys import Principal, principal_of
from sekisho.identity.scopes import Scope, depends_on, lists
from sekisho.store.bindings import BINDS_TEAM_KEYS, Binding, binding_of_key
from sekisho.store.db import Database
from sekisho.store.domain import (
    budgets,
    organization_members,
    organizations,
    pools,
    projects,
    team_members,
    teams,
    users,
)
from sekisho.store.limits import NO_LIMITS, Limits, encode_limits
from sekisho.store.schema import pool_keys
from tests.support.domain import add_row
from tests.support.ledger import add_key, open_database

ONE, TWO, THREE = (Limits(rpm_limit=number) for number in (1, 2, 3))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(tmp_path)
    yield db
    db.close()


def binding(db: Database, token: str = "k") -> Binding:
    found = db.read_now(lambda connection: binding_of_key(connection, token))
    assert found is not None
    return found


def scopes(db: Database, token: str = "k") -> dict[str, Scope]:
    return {scope.kind: scope for scope in principal(db, token).scopes}


def principal(db: Database, token: str = "k") -> Principal:
    return principal_of(binding(db, token))


def fill(db: Database, **team: Any) -> None:
    """An organisation, a team of it, a project of the team, a user, a pool."""
    limits = {"limits": encode_limits(ONE)}
    add_row(db, budgets, budget_id="b", limits=encode_limits(Limits(rpm_limit=9, tpm_limit=9)))
    add_row(db, organizations, organization_id="o", organization_alias="Org", budget_id="b", **limits)
    add_row(db, teams, **({"team_id": "t", "team_alias": "Team", "organization_id": "o"} | team))
    add_row(db, projects, project_id="p", team_id="t", models='["m"]')
    add_row(db, users, user_id="u", user_role="internal_user", limits=encode_limits(TWO))
    add_row(db, pools, pool_id="shared", **limits)


def test_a_key_alone_is_bound_by_itself(db: Database) -> None:
    add_key(db, "k", key_alias="a", limits=ONE, models=("m",), blocked=True)
    [scope] = principal(db).scopes
    assert (scope.kind, scope.id, scope.name, scope.limits, scope.blocked) == ("key", "k", "a", ONE, True)


def test_all_that_binds_a_key_from_the_key_outwards(db: Database) -> None:
    fill(db)
    add_key(db, "k", team_id="t", user_id="u", project_id="p")
    add_row(db, pool_keys, key_hash="k", pool_id="shared")
    found = principal(db)
    assert [(scope.kind, scope.id) for scope in found.scopes] == [
        ("key", "k"),
        ("pool", "shared"),
        ("team_member", "t/u"),
        ("project", "p"),
        ("team", "t"),
        ("organization", "o"),
    ]
    assert (found.organization_id, found.project_id, found.role) == ("o", "p", "internal_user")
    assert scopes(db)["organization"].name == "Org"


def test_a_users_limits_bind_keys_without_a_team_unless_the_user_says_otherwise(db: Database) -> None:
    fill(db)
    add_row(db, users, user_id="both", metadata=f'{{"{BINDS_TEAM_KEYS}":true}}', limits=encode_limits(TWO))
    add_key(db, "own", user_id="u")
    add_key(db, "of-team", user_id="u", team_id="t")
    add_key(db, "of-both", user_id="both", team_id="t")
    assert scopes(db, "own")["user"].limits == TWO
    assert "user" not in scopes(db, "of-team")
    assert scopes(db, "of-both")["user"].limits == TWO


def test_a_blocked_user_is_blocked_with_every_key(db: Database) -> None:
    fill(db)
    add_row(db, users, user_id="gone", blocked=True, limits=encode_limits(TWO), models='["m"]')
    add_key(db, "k", user_id="gone", team_id="t")
    user = scopes(db)["user"]
    assert (user.blocked, user.limits, user.models) == (True, NO_LIMITS, ())


def test_a_shared_budget_lies_under_what_a_scope_sets_itself(db: Database) -> None:
    fill(db)
    add_key(db, "k", team_id="t", budget_id="b", limits=Limits(tpm_limit=5))
    assert scopes(db)["key"].limits == Limits(rpm_limit=9, tpm_limit=5)
    assert scopes(db)["organization"].limits == Limits(rpm_limit=1, tpm_limit=9)


def test_a_member_has_the_teams_limits_for_members_where_its_own_say_nothing(db: Database) -> None:
    fill(db, member_limits=encode_limits(THREE))
    add_key(db, "k", team_id="t", user_id="u")
    assert scopes(db)["team_member"].limits == THREE
    add_row(db, team_members, team_id="t", user_id="u", limits=encode_limits(TWO))
    assert scopes(db)["team_member"].limits == TWO


def test_a_member_of_an_organisation_is_bound_with_its_keys_and_with_those_of_its_teams(db: Database) -> None:
    fill(db)
    add_row(db, users, user_id="other")
    add_row(db, organizations, organization_id="abroad")
    add_row(db, organization_members, organization_id="o", user_id="u", limits=encode_limits(TWO))
    add_key(db, "of-team", team_id="t", user_id="u")
    add_key(db, "of-organisation", organization_id="o", user_id="u")
    for name in ("of-team", "of-organisation"):
        member = scopes(db, name)["organization_member"]
        assert (member.id, member.name, member.limits) == ("o/u", "u in Org", TWO)
        assert ("organization_member", "o/u") in depends_on(binding(db, name))
    add_key(db, "own", user_id="u")
    add_key(db, "abroad", organization_id="abroad", user_id="u")
    add_key(db, "of-nobody", organization_id="o")
    add_key(db, "of-no-member", organization_id="o", user_id="other")
    for name in ("own", "abroad", "of-nobody", "of-no-member"):
        assert "organization_member" not in scopes(db, name)


def test_a_key_of_a_team_that_is_not_there_is_bound_by_itself(db: Database) -> None:
    add_key(db, "k", team_id="gone", user_id="gone", organization_id="gone", project_id="gone", budget_id="gone")
    assert list(scopes(db)) == ["key"]


def test_what_a_key_depends_on_is_named_before_it_exists(db: Database) -> None:
    add_key(db, "k", team_id="t", user_id="u", budget_id="b")
    wanted = {("key", "k"), ("team", "t"), ("user", "u"), ("team_member", "t/u"), ("budget", "b")}
    assert depends_on(binding(db)) == wanted
    fill(db)
    add_row(db, pool_keys, key_hash="k", pool_id="shared")
    above = {("organization", "o"), ("organization_member", "o/u"), ("pool", "shared")}
    assert depends_on(binding(db)) == wanted | above


def test_residency_and_tags_come_from_above_too(db: Database) -> None:
    fill(db, bound='{"regions":["eu-*"]}', metadata='{"tags":["of-team","x"]}')
    add_key(db, "k", team_id="t", metadata={"tags": ["x"]})
    assert principal(db).residency == ({"regions": ["eu-*"]},)
    assert principal(db).tags == ("x", "of-team")


@pytest.mark.parametrize(
    ("models", "names", "admitted"),
    [
        ((), {"x"}, True),
        (("a", "b"), {"x", "b"}, True),
        (("a",), {"x"}, False),
        (("*",), {"x"}, True),
        (("no-default-models",), {"no-default-models"}, False),
        (("openai/*",), {"openai/gpt"}, True),
    ],
)
def test_a_list_admits_what_it_names(models: tuple[str, ...], names: set[str], admitted: bool) -> None:  # noqa: FBT001 - a table's column
    assert lists(models, names) is admitted
