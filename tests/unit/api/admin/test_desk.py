from __future__ import annotations

import pytest

from sekisho.identity.keys import token_hash
from sekisho.store.directory import KEYS, TEAMS
from sekisho.store.edit import Edit
from tests.support.admin import Admin
from tests.support.directory import HOME


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
