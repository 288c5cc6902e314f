from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from sekisho.core.errors import MalformedRequest
from sekisho.identity.custom.answer import MalformedAnswer, Said
from sekisho.identity.custom.bound import BoundCallers
from sekisho.identity.keys import Principal
from sekisho.identity.scopes import Scope
from sekisho.limits.periods import check_duration
from sekisho.store.db import Database
from sekisho.store.directory import TEAMS, USERS
from sekisho.store.edit import Edit
from sekisho.store.limits import Limits
from tests.support.ledger import open_database


class World:
    """A database with a team and a user on record."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.bound = BoundCallers(db, check_duration)
        self.db.write(self._fill).result()

    @staticmethod
    def _fill(connection: Connection) -> None:
        edit = Edit(connection, "root", 1)
        edit.add(TEAMS, team_id="crew", team_alias="The crew", limits=Limits(rpm_limit=5), models=("claude",))
        edit.add(USERS, user_id="alice", user_role="proxy_admin", limits=Limits(max_budget_nano_usd=7))

    async def principal(self, **said: object) -> Principal:
        return await self.bound.principal(Said(**said), "shown")  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    db = open_database(tmp_path)
    yield World(db)
    db.close()


def scope(principal: Principal, kind: str) -> Scope:
    [found] = [scope for scope in principal.scopes if scope.kind == kind]
    return found


async def test_what_is_on_record_binds_whom_the_function_names(world: World) -> None:
    member = await world.principal(user_id="alice", team_id="crew", max_budget=1.0)
    assert member.is_vouched
    assert {scope.kind for scope in member.scopes} == {"key", "team", "team_member"}, "her own budget not in a team"
    assert (scope(member, "team").limits, scope(member, "team").models) == (Limits(rpm_limit=5), ("claude",))
    assert scope(member, "key").limits.max_budget_nano_usd == 1_000_000_000
    alone = await world.principal(user_id="alice")
    assert scope(alone, "user").limits.max_budget_nano_usd == 7


async def test_the_role_is_the_one_that_is_said(world: World) -> None:
    assert (await world.principal(user_id="alice")).role == "", "on record she is an administrator"
    assert (await world.principal(user_id="bob", user_role="proxy_admin")).role == "proxy_admin"
    assert (await world.principal(user_id="bob", user_role="org_admin")).role == "internal_user"


async def test_rates_of_a_user_bind_in_a_team_too(world: World) -> None:
    member = await world.principal(user_id="alice", team_id="crew", user_rpm_limit=2, user_max_budget=3.0)
    assert scope(member, "user").limits == Limits(rpm_limit=2)


async def test_an_end_user_has_limits_of_their_own(world: World) -> None:
    acting = await world.principal(user_id="alice", end_user_id="customer", end_user_rpm_limit=2)
    assert (acting.end_user, scope(acting, "end_user").limits) == ("customer", Limits(rpm_limit=2))


async def test_the_same_words_again_cost_no_query_and_make_no_new_rules(world: World) -> None:
    first = await world.principal(user_id="alice", team_id="crew")
    later = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    world.db.close()
    again = await world.principal(user_id="alice", team_id="crew", expires=later)
    assert again.scopes is first.scopes
    assert (first.expires_us, again.expires_us) == (None, round(later.timestamp() * 1_000_000))


async def test_other_words_are_other_limits(world: World) -> None:
    for budget in (1.0, 2.0):
        principal = await world.principal(user_id="bob", max_budget=budget)
        assert scope(principal, "key").limits.max_budget_nano_usd == budget * 1e9


async def test_a_change_on_record_acts_at_once(world: World) -> None:
    first = await world.principal(user_id="alice", team_id="crew")

    def block(connection: Connection) -> None:
        team = TEAMS.get(connection, "crew")
        assert team is not None
        Edit(connection, "root", 2).change(TEAMS, team, {"blocked": True})

    world.db.write(block).result()
    assert (await world.principal(user_id="alice", team_id="crew")) == first, "nobody has told it yet"
    world.bound.forget("team", "crew")
    assert scope(await world.principal(user_id="alice", team_id="crew"), "team").blocked
    world.bound.clear()
    assert scope(await world.principal(user_id="alice", team_id="crew"), "team").blocked


@pytest.mark.parametrize("duration", ["1 fortnight", "0d"])
async def test_a_period_that_does_not_exist_is_refused(world: World, duration: str) -> None:
    with pytest.raises(MalformedRequest):
        check_duration(duration)
    with pytest.raises(MalformedAnswer, match="is no duration"):
        await world.principal(user_id="alice", max_budget=1.0, budget_duration=duration)
