"""What a request refers to must be there: teams, projects, organisations, budgets, users.

Flows in: an `Edit` and columns. Flows out: the columns, completed by what follows from them. Must stay true: nothing is
stored under a name that limits nothing because it does not exist.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from sekisho.api.admin.access import Owner
from sekisho.api.admin.services import Asker
from sekisho.core.errors import MalformedRequest
from sekisho.store.directory import (
    BUDGETS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)
from sekisho.store.edit import Edit
from sekisho.store.entities import Entities
from sekisho.store.keys import KeyRow


def check_references(edit: Edit, asker: Asker, fields: dict[str, Any], present: KeyRow | None) -> None:
    """A key's. A project brings its team. A user whom an administrator names and who is not there yet is made.

    Raises MalformedRequest naming the field.
    """

    def wanted(name: str) -> str | None:
        value: str | None = fields[name] if name in fields else getattr(present, name, None)
        return value

    _check_project(edit.connection, asker, fields, (wanted("project_id"), wanted("team_id")))
    team = None
    if name := wanted("team_id"):
        team = (
            existing(edit.connection, TEAMS, name, "team_id", asker)
            if "team_id" in fields
            else TEAMS.get(edit.connection, name)
        )
    if fields.get("organization_id"):
        existing(edit.connection, ORGANIZATIONS, fields["organization_id"], "organization_id", asker)
    if team is not None and wanted("organization_id") not in {None, team.organization_id}:
        message = "'organization_id' is not the organisation of the key's team: leave it out."
        raise MalformedRequest(message, param="organization_id")
    if fields.get("budget_id"):
        existing(edit.connection, BUDGETS, fields["budget_id"], "budget_id")
    if fields.get("user_id"):
        ensure_user(edit, asker, fields["user_id"])


def check_member(connection: Connection, asker: Asker, owner: Owner) -> None:
    """A key in a user's name is booked on them: who leads a team, or administers an organisation, names its members, or
    themselves.

    Asked of those only who reach the team or organisation: others are not told who is in it. Raises MalformedRequest.
    """
    user_id = owner.user_id
    if asker.is_admin or user_id is None or user_id == asker.user_id:
        return
    if owner.team_id is not None:
        inside, place = TEAM_MEMBERS.get(connection, owner.team_id, user_id) is not None, "team"
    else:
        named = [ORGANIZATION_MEMBERS.get(connection, name, user_id) for name in owner.organization_ids]
        inside, place = None not in named, "organization"
    if not inside:
        message = f"'user_id' is no member of the key's {place}: add them by /{place}/member_add first."
        raise MalformedRequest(message, param="user_id")


def existing(connection: Connection, entities: Entities[Any], name: str, param: str, asker: Asker | None = None) -> Any:
    """The row of this name. Raises MalformedRequest when there is none; of an `asker` whose reach is not known yet,
    Forbidden as for what is there and foreign.
    """
    row: msgspec.Struct | None = entities.get(connection, name)
    if row is None and asker is not None:
        asker.check(Owner())
    if row is None:
        raise MalformedRequest(f"'{param}' names no {entities.kind}: make it first.", param=param)
    return row


def ensure_user(edit: Edit, asker: Asker, user_id: str) -> None:
    """There is a user of this name from now on. Raises MalformedRequest when the asker may not make one."""
    if USERS.get(edit.connection, user_id) is not None:
        return
    if not asker.is_admin:
        raise MalformedRequest("'user_id' names no user: an administrator makes one first.", param="user_id")
    edit.add(USERS, user_id=user_id)


def _check_project(
    connection: Connection, asker: Asker, fields: dict[str, Any], wanted: tuple[str | None, str | None]
) -> None:
    project_id, team_id = wanted
    if project_id is None or not {"project_id", "team_id"} & fields.keys():
        return
    project = existing(connection, PROJECTS, project_id, "project_id", asker)
    if team_id is None:
        fields["team_id"] = project.team_id
    elif project.team_id not in {None, team_id}:
        raise MalformedRequest("'project_id' names a project of another team.", param="project_id")
