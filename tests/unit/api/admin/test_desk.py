from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import select

from sekisho.api.admin.desk import TRIES, Desk
from sekisho.core.clock import FakeClock
from sekisho.identity.keys import token_hash
from sekisho.store.directory import KEYS, TEAMS
from sekisho.store.domain import audit_changes
from sekisho.store.edit import Edit, Raced
from tests.support.admin import Admin
from tests.support.directory import HOME
from tests.support.postgres import PostgresServer, open_postgres


def block_team(edit: Edit) -> None:
    row = TEAMS.get(edit.connection, HOME.team)
    assert row is not None
    edit.change(TEAMS, row, {"blocked": True}, "blocked")


async def test_what_is_changed_acts_here_before_the_answer(world: Admin) -> None:
    key = await world.ring.seek(HOME.service_key)
    assert key is not None
    assert not any(scope.blocked for scope in key.scopes)
    await world.desk.edit("root", block_team)
    key = await world.ring.seek(HOME.service_key)
    assert key is not None
    assert [scope.kind for scope in key.scopes if scope.blocked] == ["team"]


async def test_a_key_that_was_unknown_a_moment_ago_is_known_once_made(world: Admin) -> None:
    assert await world.ring.seek("sk-new") is None
    await world.desk.edit("root", lambda edit: edit.add(KEYS, token=token_hash("sk-new"), key_name="sk-...new"))
    assert await world.ring.seek("sk-new") is not None


async def test_what_fails_changes_nothing(world: Admin) -> None:
    def work(edit: Edit) -> None:
        block_team(edit)
        raise KeyError("no")

    with pytest.raises(KeyError):
        await world.desk.edit("root", work)
    row = await world.desk.read(lambda connection: TEAMS.get(connection, HOME.team))
    assert row is not None
    assert not row.blocked


async def test_administrators_at_once_lose_nothing_of_each_others(postgres: PostgresServer) -> None:
    """Each that is late reads anew; with so many at it, each is late at most as often as there are others."""
    postgres.sql("CREATE DATABASE desk")
    db = open_postgres(postgres, "desk")
    desk = Desk(db, FakeClock(), [])
    try:
        await desk.edit("root", lambda edit: edit.add(TEAMS, team_id="t"))

        def adding(model: str) -> Callable[[Edit], None]:
            def work(edit: Edit) -> None:
                row = TEAMS.get(edit.connection, "t")
                assert row is not None
                edit.change(TEAMS, row, {"models": (*row.models, model)})

            return work

        models = {f"m{number}" for number in range(TRIES)}
        await asyncio.gather(*(desk.edit("root", adding(model)) for model in sorted(models)))
        row = await desk.read(lambda connection: TEAMS.get(connection, "t"))
        assert row is not None
        assert set(row.models) == models
        query = select(audit_changes.c.after)
        told = await desk.read(lambda connection: connection.execute(query).scalars().all())
        assert len(told) == 1 + TRIES
    finally:
        db.close()


async def test_who_is_late_every_time_is_told(world: Admin) -> None:
    tried = 0

    def work(edit: Edit) -> None:
        nonlocal tried
        tried += 1
        read = TEAMS.get(edit.connection, HOME.team)
        assert read is not None
        edit.change(TEAMS, read, {"blocked": True})
        edit.change(TEAMS, read, {"blocked": False})

    with pytest.raises(Raced):
        await world.desk.edit("root", work)
    assert tried == TRIES
