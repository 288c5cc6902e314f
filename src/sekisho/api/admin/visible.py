"""Which rows an asker may see in a list, as conditions of a query.

Flows in: who asks. Flows out: conditions, none for those who see all. Must stay true: they admit what `access.py`
would let the asker read one by one, and nothing more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, false, or_, select

from sekisho.api.admin.services import Asker
from sekisho.store.directory import KEYS, ORGANIZATION_MEMBERS, ORGANIZATIONS, TEAMS, TeamRow, UserRow
from sekisho.store.entities import Entities

Conditions = list[ColumnElement[bool]]


def visible_keys(asker: Asker, *, whole: bool) -> Conditions:
    """The asker's own keys; `whole`: those of the teams and organisations that it leads as well."""
    if asker.sees_all:
        return []
    columns = KEYS.table.c
    own = [columns.token == asker.standing.principal.key_hash, *_ones_own(asker, columns)]
    if whole:
        own.append(columns.team_id.in_(asker.standing.led_teams))
        own += _of_organizations(asker, columns)
        open_teams = [name for name, team in asker.standing.teams.items() if "/key/list" in team.permissions]
        own.append(and_(columns.team_id.in_(open_teams), columns.user_id.is_(None)))
    return [or_(*own)]


def visible_usage(asker: Asker, table: FromClause) -> Conditions:
    """Calls, or roll-ups of them, of the asker's own keys, and of the teams and organisations that it leads."""
    if asker.sees_all:
        return []
    columns = table.c
    own: Conditions = [columns.key_hash == asker.standing.principal.key_hash, *_ones_own(asker, columns)]
    own.append(columns.team_id.in_(asker.standing.led_teams))
    if asker.standing.administered:
        own.append(columns.organization_id.in_(sorted(asker.standing.administered)))
    return [or_(*own)]


def visible_teams(asker: Asker) -> Conditions:
    """Teams that the asker belongs to, and those of the organisations that it administers."""
    if asker.sees_all:
        return []
    columns = TEAMS.table.c
    names = [*asker.standing.teams, *filter(None, [asker.standing.principal.team_id])]
    return [or_(columns.team_id.in_(names), columns.organization_id.in_(sorted(asker.standing.administered)))]


def leads_team(asker: Asker, team: TeamRow) -> bool:
    """Whether the asker sees all of a team: what each of its members has, and spends."""
    standing = asker.standing
    return asker.sees_all or team.team_id in standing.led_teams or team.organization_id in standing.administered


def visible_organizations(asker: Asker) -> Conditions:
    """Organisations that the asker belongs to."""
    if asker.sees_all:
        return []
    return [ORGANIZATIONS.table.c.organization_id.in_(sorted(asker.standing.organizations))]


def visible_users(asker: Asker, users: Entities[Any], *, themselves: bool = False) -> Conditions:
    """Members of the organisations that the asker administers; and the asker, if wanted."""
    if asker.sees_all:
        return []
    columns = users.table.c
    own: Conditions = [columns.user_id == asker.user_id] if themselves and asker.standing.acts_as_user else []
    if asker.standing.administered:
        members = ORGANIZATION_MEMBERS.table.c
        of_theirs = members.organization_id.in_(sorted(asker.standing.administered))
        own.append(columns.user_id.in_(select(members.user_id).where(of_theirs)))
    return [or_(false(), *own)]


def shown_to(asker: Asker, user: UserRow) -> UserRow:
    """A user whom the asker has named or shares a team with: who they are, and nothing of what they have and spend.

    Whoever leads a team makes keys for any user, and members of them: that must not tell of the user.
    """
    standing = asker.standing
    if asker.sees_all or (standing.acts_as_user and user.user_id == standing.user_id):
        return user
    names = ("user_id", "user_email", "user_alias", "user_role", "created_us", "updated_us")
    return UserRow(**{name: getattr(user, name) for name in names})


def _ones_own(asker: Asker, columns: Any) -> Conditions:
    """The user's; by a key of a team, the user's in that team; by one of an organisation alone, none."""
    if asker.user_id is None:
        return []
    if asker.standing.acts_as_user:
        return [columns.user_id == asker.user_id]
    team_id = asker.standing.principal.team_id
    return [and_(columns.user_id == asker.user_id, columns.team_id == team_id)] if team_id else []


def _of_organizations(asker: Asker, columns: Any) -> Conditions:
    if not asker.standing.administered:
        return []
    names = sorted(asker.standing.administered)
    teams = select(TEAMS.table.c.team_id).where(TEAMS.table.c.organization_id.in_(names))
    return [columns.organization_id.in_(names), columns.team_id.in_(teams)]
