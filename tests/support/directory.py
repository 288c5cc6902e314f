"""Two organisations, each with a team, and people of every role in the first: for tests of who may do what.

In: an opened `Admin`. Out: keys by which each of them calls, and the names of what is theirs and what is foreign.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.identity.keys import token_hash
from sekisho.store.directory import (
    BUDGETS,
    END_USERS,
    KEYS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    POOLS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)
from sekisho.store.edit import Edit
from tests.support.admin import Admin

#: One letter for each kind of caller.
PEOPLE = {
    "A": "proxy administrator",
    "V": "proxy administrator who only looks",
    "O": "administrator of the organisation",
    "T": "administrator of the team",
    "M": "plain member of the team",
    "S": "service account of the team",
    "U": "user of no team",
    "W": "user who only looks",
}
_ROLES = {"A": "proxy_admin", "V": "proxy_admin_viewer", "W": "internal_user_viewer"}
_PERMISSIONS = ("/key/info", "/key/update")


class Names(msgspec.Struct, frozen=True):
    """What of the one world is called in a request."""

    organization: str
    team: str
    project: str
    member: str
    team_key: str
    service_key: str


HOME = Names("o1", "t1", "p1", "user-M", "sk-team-key-of-M", "sk-S")
ABROAD = Names("o2", "t2", "p2", "user-X", "sk-team-key-of-X", "sk-service-of-t2")
#: A personal key of the user of no team, and one of somebody else's.
PERSONAL_KEY, FOREIGN_KEY = "sk-U", "sk-personal-of-X"


def key_of(person: str) -> str:
    """The key by which one of `PEOPLE` calls."""
    return f"sk-{person}"


def populate(admin: Admin) -> None:
    """Fill the directory."""
    admin.db.write(lambda connection: _populate(Edit(connection, "root", admin.clock.now_us()))).result()


def _populate(edit: Edit) -> None:
    for person in PEOPLE:
        if person != "S":
            edit.add(USERS, user_id=f"user-{person}", user_role=_ROLES.get(person, "internal_user"))
    edit.add(USERS, user_id="user-X", user_email="x@example.com")
    for names in (HOME, ABROAD):
        edit.add(ORGANIZATIONS, organization_id=names.organization, organization_alias=f"alias of {names.organization}")
        edit.add(TEAMS, team_id=names.team, organization_id=names.organization, member_permissions=_PERMISSIONS)
        edit.add(PROJECTS, project_id=names.project, team_id=names.team)
        edit.add(TEAM_MEMBERS, team_id=names.team, user_id=names.member)
        edit.add(ORGANIZATION_MEMBERS, organization_id=names.organization, user_id=names.member)
        _key(edit, names.team_key, user_id=names.member, team_id=names.team, created_by=names.member)
        _key(edit, names.service_key, team_id=names.team)
    edit.add(TEAM_MEMBERS, team_id="t1", user_id="user-T", role="admin")
    edit.add(ORGANIZATION_MEMBERS, organization_id="o1", user_id="user-O", role="org_admin")
    for person in PEOPLE:
        if person != "S":
            _key(edit, key_of(person), user_id=f"user-{person}", created_by=f"user-{person}")
    _key(edit, FOREIGN_KEY, user_id="user-X")
    edit.add(BUDGETS, budget_id="b1")
    edit.add(END_USERS, end_user_id="e1")
    edit.add(TAGS, name="g1")
    edit.add(POOLS, pool_id="pool1")


def _key(edit: Edit, key: str, **fields: Any) -> None:
    by = fields.pop("created_by", "root")
    Edit(edit.connection, by, edit.now_us).add(KEYS, token=token_hash(key), key_name="sk-...", **fields)
