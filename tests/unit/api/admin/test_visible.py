from __future__ import annotations

from sqlalchemy.engine import Connection

from sekisho.api.admin.access import Membership, Standing
from sekisho.api.admin.permissions import Role, rule_for
from sekisho.api.admin.services import Asker
from sekisho.api.admin.visible import (
    visible_keys,
    visible_organizations,
    visible_teams,
    visible_usage,
    visible_users,
)
from sekisho.identity.keys import Principal
from sekisho.store.directory import KEYS, ORGANIZATIONS, TEAMS, USERS
from sekisho.store.schema import calls, usage_days
from tests.support.admin import Admin
from tests.support.directory import ABROAD, HOME


def asker(key: Principal, **standing: object) -> Asker:
    rule = rule_for("GET", "/key/list")
    assert rule is not None
    return Asker(Standing(principal=key, **standing), rule, "me")  # type: ignore[arg-type]


NOBODY = asker(Principal(key_hash="k"))
VIEWER = asker(Principal(key_hash="k"), role=Role.PROXY_ADMIN_VIEWER)
ORG_ADMIN = asker(
    Principal(key_hash="k", user_id="user-O"), organizations=frozenset({"o1"}), administered=frozenset({"o1"})
)
LEAD = asker(Principal(key_hash="k", user_id="user-T"), teams={HOME.team: Membership(is_admin=True)})


def test_who_sees_all_has_no_conditions() -> None:
    assert visible_keys(VIEWER, whole=True) == visible_teams(VIEWER) == visible_organizations(VIEWER) == []
    assert visible_usage(VIEWER, calls) == visible_usage(VIEWER, usage_days) == visible_users(VIEWER, USERS) == []


def test_each_sees_what_they_lead(world: Admin) -> None:
    def found(who: Asker) -> tuple[set[str], set[str], int, int]:
        def read(connection: Connection) -> tuple[set[str], set[str], int, int]:
            teams = {row.team_id for row in TEAMS.find(connection, *visible_teams(who), limit=10)}
            organizations = {
                row.organization_id for row in ORGANIZATIONS.find(connection, *visible_organizations(who), limit=10)
            }
            keys = KEYS.count(connection, *visible_keys(who, whole=True), KEYS.table.c.team_id.is_not(None))
            return teams, organizations, keys, USERS.count(connection, *visible_users(who, USERS))

        return world.db.read_now(read)

    assert found(NOBODY) == (set(), set(), 0, 0)
    assert found(LEAD) == ({HOME.team}, set(), 2, 0)
    assert found(ORG_ADMIN) == ({HOME.team}, {HOME.organization}, 2, 2)
    assert ABROAD.team in found(VIEWER)[0]
