from __future__ import annotations

from sekisho.store.db import Store
from sekisho.store.directory import ORGANIZATION_MEMBERS, ORGANIZATIONS, TEAM_MEMBERS, TEAMS, USERS
from sekisho.store.edit import Edit
from sekisho.store.standing import UserStanding, user_standing
from tests.support.ledger import NOW_US


def test_a_users_standing_is_their_role_and_memberships(db: Store) -> None:

    def work(edit: Edit) -> None:
        edit.add(USERS, user_id="u", user_role="proxy_admin_viewer")
        edit.add(ORGANIZATIONS, organization_id="o")
        edit.add(TEAMS, team_id="t", member_permissions=("/key/info",))
        edit.add(TEAMS, team_id="foreign")
        edit.add(TEAM_MEMBERS, team_id="t", user_id="u", role="admin")
        edit.add(ORGANIZATION_MEMBERS, organization_id="o", user_id="u", role="org_admin")

    db.write(lambda connection: work(Edit(connection, None, NOW_US))).result()
    found = db.read_now(lambda connection: user_standing(connection, "u"))
    assert found == UserStanding("proxy_admin_viewer", False, (("t", "admin", ("/key/info",)),), (("o", "org_admin"),))
    assert db.read_now(lambda connection: user_standing(connection, "nobody")) is None
