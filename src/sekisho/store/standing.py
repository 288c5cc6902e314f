"""What a user has to say where: role, teams, organisations. Flows in: a user's id. Flows out: rows of memberships."""

from __future__ import annotations

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from sekisho.store.domain import organization_members, team_members, teams, users

#: Teams and organisations read of one user.
MEMBERSHIPS_MAX = 2_000


class UserStanding(msgspec.Struct, frozen=True):
    """`teams`: (team, role in it, what plain members may do); `organizations`: (organisation, role in it)."""

    role: str
    blocked: bool
    teams: tuple[tuple[str, str, tuple[str, ...]], ...]
    organizations: tuple[tuple[str, str], ...]


def user_standing(connection: Connection, user_id: str) -> UserStanding | None:
    """Three indexed look-ups; None for a user who does not exist."""
    found = connection.execute(select(users.c.user_role, users.c.blocked).where(users.c.user_id == user_id)).first()
    if found is None:
        return None
    in_teams = (
        select(teams.c.team_id, team_members.c.role, teams.c.member_permissions)
        .join(teams, teams.c.team_id == team_members.c.team_id)
        .where(team_members.c.user_id == user_id)
        .limit(MEMBERSHIPS_MAX)
    )
    in_organizations = (
        select(organization_members.c.organization_id, organization_members.c.role)
        .where(organization_members.c.user_id == user_id)
        .limit(MEMBERSHIPS_MAX)
    )
    return UserStanding(
        role=found.user_role,
        blocked=found.blocked,
        teams=tuple(
            (team_id, role, msgspec.json.decode(permissions, type=tuple[str, ...]))
            for team_id, role, permissions in connection.execute(in_teams)
        ),
        organizations=tuple((name, role) for name, role in connection.execute(in_organizations)),
    )
