from __future__ import annotations

import pytest

from sekisho.api.admin.access import Membership, Owner, Standing, check_may_call, check_may_touch, leads, reach_over
from sekisho.api.admin.permissions import Reach, Role, Rule, rule_for
from sekisho.core.errors import Forbidden
from sekisho.identity.keys import Principal

KEY = Principal(key_hash="mine", user_id="me")
USER = Standing(principal=KEY)
MEMBER = Standing(principal=KEY, teams={"t": Membership(permissions=("/key/update",))}, organizations=frozenset({"o"}))
TEAM_ADMIN = Standing(principal=KEY, teams={"t": Membership(is_admin=True)})
ORG_ADMIN = Standing(principal=KEY, organizations=frozenset({"o"}), administered=frozenset({"o"}))
ADMIN = Standing(principal=KEY, role=Role.PROXY_ADMIN)
VIEWER = Standing(principal=KEY, role=Role.PROXY_ADMIN_VIEWER)
LOOKER = Standing(principal=KEY, role=Role.INTERNAL_USER_VIEWER)
BOUND = Standing(principal=Principal(key_hash="mine", user_id="me", team_id="t"))
SERVICE = Standing(principal=Principal(key_hash="service", team_id="t"))


def rule(path: str, method: str = "POST") -> Rule:
    found = rule_for(method, path)
    assert found is not None
    return found


UPDATE, INFO, BUDGET = rule("/key/update"), rule("/key/info", "GET"), rule("/budget/new")


@pytest.mark.parametrize(
    ("caller", "owner", "reach"),
    [
        (USER, Owner(user_id="me"), Reach.SELF | Reach.KEY),
        (USER, Owner(user_id="me", key_hash="other"), Reach.SELF),
        (USER, Owner(user_id="you"), Reach.NONE),
        (USER, Owner(), Reach.NONE),
        (USER, Owner(user_id="me", team_id="t", key_hash="k"), Reach.NONE),
        (USER, Owner(user_id="me", team_id="t", key_hash="mine"), Reach.KEY),
        (MEMBER, Owner(user_id="me", team_id="t", key_hash="k"), Reach.MEMBER | Reach.PERMITTED),
        (MEMBER, Owner(team_id="t", key_hash="k"), Reach.MEMBER | Reach.PERMITTED),
        (MEMBER, Owner(user_id="you", team_id="t", key_hash="k"), Reach.MEMBER),
        (MEMBER, Owner(organization_ids=frozenset({"o"})), Reach.MEMBER),
        (MEMBER, Owner(team_id="u", organization_ids=frozenset({"o"})), Reach.NONE),
        (TEAM_ADMIN, Owner(user_id="you", team_id="t"), Reach.TEAM),
        (ORG_ADMIN, Owner(user_id="you", team_id="t", organization_ids=frozenset({"o"})), Reach.ORGANIZATION),
        (BOUND, Owner(user_id="me", key_hash="other"), Reach.NONE),
        (BOUND, Owner(user_id="me"), Reach.KEY),
        (SERVICE, Owner(team_id="t"), Reach.KEY),
        (SERVICE, Owner(team_id="t", key_hash="other"), Reach.NONE),
    ],
)
def test_what_ties_a_caller_to_an_object(caller: Standing, owner: Owner, reach: Reach) -> None:
    assert reach_over(caller, owner, UPDATE) == reach


@pytest.mark.parametrize("caller", [USER, MEMBER, TEAM_ADMIN, ORG_ADMIN, VIEWER, LOOKER, SERVICE])
def test_who_is_no_administrator_calls_only_what_the_table_says(caller: Standing) -> None:
    with pytest.raises(Forbidden):
        check_may_call(caller, BUDGET)
    with pytest.raises(Forbidden):
        check_may_call(caller, None)
    check_may_call(ADMIN, BUDGET)
    check_may_call(ADMIN, None)


@pytest.mark.parametrize("caller", [VIEWER, LOOKER])
def test_who_only_looks_writes_nothing_of_their_own_either(caller: Standing) -> None:
    with pytest.raises(Forbidden):
        check_may_call(caller, UPDATE)
    check_may_call(caller, INFO)
    assert check_may_touch(caller, INFO, Owner(user_id="me"))


def test_a_viewer_sees_what_is_foreign_and_a_user_does_not() -> None:
    assert check_may_touch(VIEWER, INFO, Owner(user_id="you"))
    with pytest.raises(Forbidden, match="belongs to others"):
        check_may_touch(USER, INFO, Owner(user_id="you"))


def test_who_leads() -> None:
    assert leads(check_may_touch(ADMIN, UPDATE, Owner(user_id="you")))
    assert leads(check_may_touch(TEAM_ADMIN, UPDATE, Owner(team_id="t")))
    assert not leads(check_may_touch(USER, UPDATE, Owner(user_id="me")))
