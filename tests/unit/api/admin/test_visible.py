from __future__ import annotations

import msgspec
from sqlalchemy.engine import Connection

from sekisho.api.admin.access import Membership, Standing
from sekisho.api.admin.permissions import Role, rule_for
from sekisho.api.admin.services import Asker
from sekisho.api.admin.visible import (
    leads_team,
    shown_to,
    visible_keys,
    visible_organizations,
    visible_teams,
    visible_usage,
    visible_users,
)
from sekisho.identity.keys import Principal, token_hash
from sekisho.store.directory import KEYS, ORGANIZATIONS, TEAMS, USERS, UserRow
from sekisho.store.schema import calls, usage_days
from tests.support.admin import Admin
from tests.support.directory import ABROAD, HOME, PERSONAL_KEY, key_of
from tests.support.ledger import row


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


async def test_a_key_of_an_organisation_does_not_show_what_its_user_spends_elsewhere(world: Admin) -> None:
    place = {"organization_id": HOME.organization}
    await world.post("/organization/member_add", place | {"member": {"user_id": "user-U"}}, token=key_of("O"))
    made = await world.post("/key/generate", place | {"user_id": "user-U"}, token=key_of("O"))
    world.journal.settle(row(key_hash=token_hash(PERSONAL_KEY), user_id="user-U", cost_nano_usd=777))
    days = {"start_date": "2023-11-01", "end_date": "2023-11-30"}
    assert (await world.get("/sekisho/v1/usage", token=PERSONAL_KEY, **days)).json["total"]["cost_nano_usd"] == 777
    reply = await world.get("/sekisho/v1/usage", token=made.json["key"], **days)
    assert reply.json["total"]["cost_nano_usd"] == 0


def test_a_whole_team_is_seen_by_those_above_it(world: Admin) -> None:
    team = world.db.read_now(lambda connection: TEAMS.get(connection, HOME.team))
    assert team is not None
    member = asker(Principal(key_hash="k", user_id="user-M"), teams={HOME.team: Membership()})
    assert [leads_team(who, team) for who in (VIEWER, ORG_ADMIN, LEAD, member, NOBODY)] == [True] * 3 + [False] * 2


def test_of_others_a_name_is_shown_and_nothing_more() -> None:
    name = UserRow(user_id="user-T", user_email="t@example.com", created_us=1, updated_us=2)
    user = msgspec.structs.replace(name, spend_nano_usd=7, metadata={"a": 1})
    bound = asker(Principal(key_hash="k", user_id="user-T", team_id=HOME.team))
    assert shown_to(VIEWER, user) == shown_to(LEAD, user) == user
    for who in (bound, ORG_ADMIN, NOBODY):
        assert shown_to(who, user) == name


async def test_who_leads_a_team_learns_nothing_of_a_user_by_naming_them(world: Admin) -> None:
    await world.post("/user/update", {"user_id": "user-X", "metadata": {"note": "canary"}, "max_budget": 7})
    member = {"team_id": HOME.team, "member": {"user_id": "user-X"}}
    added = await world.post("/team/member_add", member, token=key_of("T"))
    key = await world.post("/key/generate", {"team_id": HOME.team, "user_id": "user-X"}, token=key_of("T"))
    replies = [
        added,
        await world.get("/user/info", token=key.json["key"]),
        await world.get("/key/list", team_id=HOME.team, expand="user", token=key_of("T")),
    ]
    assert [reply.status for reply in replies] == [200, 200, 200]
    assert [b"canary" in reply.body for reply in replies] == [False, False, False]
    assert all(b"x@example.com" in reply.body for reply in replies)
