"""What all keys and teams have spent is set to nothing, some hundred at a time.

Flows in: who asks. Flows out: nothing. Must stay true: each row has its audit entry, by which it could be set back; no
transaction is longer than a page; begun again, it goes on where it ended. Their budgets have room at once.
"""

from __future__ import annotations

from functools import partial

from sekisho.api.admin.forgive import set_back
from sekisho.api.admin.recount import recount
from sekisho.api.admin.services import AdminServices, Asker
from sekisho.identity.scopes import Scope
from sekisho.store.directory import KEYS, TEAMS, TeamRow
from sekisho.store.edit import Edit
from sekisho.store.entities import Entities, R
from sekisho.store.keys import KeyRow

#: Rows of one transaction.
PAGE = 400


async def reset_keys_and_teams(services: AdminServices, asker: Asker) -> None:
    """In the order of their names, each once: what is spent meanwhile counts."""
    last = ""
    while keys := await services.desk.edit(asker.actor, partial(_reset_keys, after=last)):
        for key in keys:
            await recount(services, "key", key.token, key.limits, key.budget_id)
        last = keys[-1].token
    last = ""
    while teams := await services.desk.edit(asker.actor, partial(_reset_teams, after=last)):
        for team in teams:
            await recount(services, "team", team.team_id, team.limits)
        last = teams[-1].team_id


def _reset_keys(edit: Edit, after: str) -> list[KeyRow]:
    columns = KEYS.table.c
    rows = KEYS.find(edit.connection, columns.spend_nano_usd != 0, columns.token > after, limit=PAGE)
    return [_reset(edit, KEYS, row, Scope(kind="key", id=row.token, limits=row.limits), row.budget_id) for row in rows]


def _reset_teams(edit: Edit, after: str) -> list[TeamRow]:
    columns = TEAMS.table.c
    rows = TEAMS.find(edit.connection, columns.spend_nano_usd != 0, columns.team_id > after, limit=PAGE)
    return [_reset(edit, TEAMS, row, Scope(kind="team", id=row.team_id, limits=row.limits)) for row in rows]


def _reset(edit: Edit, entities: Entities[R], row: R, scope: Scope, budget_id: str | None = None) -> R:
    limits = set_back(edit.connection, scope, budget_id, 0, edit.now_us)
    return edit.change(entities, row, {"spend_nano_usd": 0, "limits": limits})
