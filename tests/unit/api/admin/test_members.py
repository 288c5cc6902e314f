from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection

from sekisho.api.admin.access import Standing
from sekisho.api.admin.fields import UnknownObject
from sekisho.api.admin.members import (
    MemberLimitFields,
    Named,
    check_may_join_organization,
    check_may_join_team,
    find_user,
    member_limits,
    member_user,
    present_member,
)
from sekisho.api.admin.permissions import Role, rule_for
from sekisho.api.admin.services import Asker
from sekisho.core.errors import Forbidden, MalformedRequest
from sekisho.identity.keys import Principal
from sekisho.store.bindings import BINDS_TEAM_KEYS
from sekisho.store.directory import ORGANIZATION_MEMBERS, TEAM_MEMBERS, TEAMS, USERS, UserRow
from sekisho.store.edit import Edit
from sekisho.store.limits import Limits
from tests.support.admin import Admin
from tests.support.directory import HOME
from tests.support.ledger import NOW_US


class OfTeam(MemberLimitFields):
    """Limits with a budget by a name of its own."""

    max_budget_in_team: float | None = None


def asker(role: Role) -> Asker:
    rule = rule_for("POST", "/team/member_add")
    assert rule is not None
    return Asker(Standing(principal=Principal(key_hash="k"), role=role), rule, "root")


def test_a_budget_goes_by_the_name_of_its_place_and_what_is_left_out_stays() -> None:
    present = Limits(rpm_limit=5, tpm_limit=7)
    sent = OfTeam.model_validate({"max_budget_in_team": 2, "tpm_limit": None})
    assert member_limits(sent, "max_budget_in_team", present) == Limits(max_budget_nano_usd=2 * 10**9, rpm_limit=5)
    with pytest.raises(MalformedRequest):
        member_limits(OfTeam.model_validate({"budget_duration": "0d"}), "max_budget_in_team", present)


def named(admin: Admin, role: Role, **member: str) -> UserRow:
    def work(connection: Connection) -> UserRow:
        return member_user(Edit(connection, "root", NOW_US), asker(role), Named(**member))

    return admin.db.write(work).result()


def test_a_member_is_named_by_id_or_address(world: Admin) -> None:
    assert named(world, Role.INTERNAL_USER, user_id="user-X").user_email == "x@example.com"
    assert named(world, Role.INTERNAL_USER, user_email="x@example.com").user_id == "user-X"
    with pytest.raises(MalformedRequest, match="named by"):
        named(world, Role.PROXY_ADMIN)


def test_who_does_not_exist_is_made_for_administrators(world: Admin) -> None:
    for member in ({"user_id": "new"}, {"user_email": "new@example.com"}):
        with pytest.raises(MalformedRequest, match="administrator makes one"):
            named(world, Role.INTERNAL_USER, **member)
        assert named(world, Role.PROXY_ADMIN, **member).user_role == "internal_user"
    made = world.db.read_now(lambda connection: find_user(connection, None, "new@example.com"))
    assert made is not None


def test_who_is_in_no_such_team_is_told_by_the_name_that_was_sent(world: Admin) -> None:
    def read(connection: Connection) -> None:
        assert present_member(connection, TEAM_MEMBERS, HOME.team, Named(user_id=HOME.member)).role == "user"
        with pytest.raises(UnknownObject, match="'user_email' names no member of this team"):
            present_member(connection, TEAM_MEMBERS, HOME.team, Named(user_email="x@example.com"))
        with pytest.raises(UnknownObject, match="'user_id' names no member of this organization"):
            present_member(connection, ORGANIZATION_MEMBERS, HOME.organization, Named(user_id="none"))

    world.db.read_now(read)


@pytest.mark.parametrize(("user_id", "may"), [("user-U", True), ("user-T", True), ("user-X", False), ("user-A", False)])
def test_an_organisation_takes_nobody_from_another_one_or_from_the_gateway(
    world: Admin,
    user_id: str,
    may: bool,  # noqa: FBT001 - a table's column
) -> None:
    def joins(role: Role) -> bool:
        def read(connection: Connection) -> bool:
            user = USERS.get(connection, user_id)
            assert user is not None
            try:
                check_may_join_organization(connection, asker(role), user, HOME.organization)
            except Forbidden:
                return False
            return True

        return world.db.read_now(read)

    assert joins(Role.INTERNAL_USER) is may
    assert joins(Role.PROXY_ADMIN)


def test_who_is_in_a_team_of_another_organisation_only_is_of_that_organisation(world: Admin) -> None:
    def read(connection: Connection) -> None:
        user = USERS.get(connection, "user-T")
        assert user is not None
        with pytest.raises(Forbidden):
            check_may_join_organization(connection, asker(Role.INTERNAL_USER), user, "o2")

    world.db.read_now(read)


def test_a_user_whose_budget_binds_keys_of_teams_joins_those_of_their_organisation(world: Admin) -> None:
    for name, organization in (("of-home", "o1"), ("of-none", None)):
        world.add(USERS, user_id=name, metadata={BINDS_TEAM_KEYS: True})
        if organization is not None:
            world.add(ORGANIZATION_MEMBERS, organization_id=organization, user_id=name)

    def check(role: Role, name: str) -> None:
        def read(connection: Connection) -> None:
            user, team = USERS.get(connection, name), TEAMS.get(connection, HOME.team)
            assert user is not None
            assert team is not None
            check_may_join_team(connection, asker(role), user, team)

        world.db.read_now(read)

    check(Role.INTERNAL_USER, "of-home")
    check(Role.INTERNAL_USER, "user-X")
    check(Role.PROXY_ADMIN, "of-none")
    with pytest.raises(Forbidden):
        check(Role.INTERNAL_USER, "of-none")
