from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from sekisho.api.admin.access import Standing
from sekisho.api.admin.desk import Desk
from sekisho.api.admin.gate import actor_of, check_group, standing_from
from sekisho.api.admin.permissions import Role, rule_for
from sekisho.core.clock import FakeClock
from sekisho.core.errors import Forbidden, Unauthenticated
from sekisho.identity.keys import Principal, token_hash
from sekisho.store.away import StoreAway
from sekisho.store.standing import UserStanding
from tests.support.admin import MASTER, Admin
from tests.support.directory import HOME, key_of, populate
from tests.support.ledger import add_key

T = TypeVar("T")
PATHS = ["/key/generate", "/key/service-account/generate", "/key/delete", "/key/bulk_update", "/key/nothing"]


@pytest.mark.parametrize("path", [*PATHS, "/key/info"])
@pytest.mark.parametrize("token", [None, "sk-unknown", MASTER + "x", MASTER[:-1]])
async def test_nobody_comes_in_without_a_key(admin: Admin, path: str, token: str | None) -> None:
    reply = await admin.call("POST", path, b"{ not looked at", token=token)
    assert (reply.status, reply.error["type"]) == (401, "auth_error")
    assert reply.error["message"].startswith("Authentication Error")
    assert MASTER.encode() not in reply.body


@pytest.mark.parametrize("path", PATHS)
async def test_a_key_of_no_user_manages_nothing(admin: Admin, path: str) -> None:
    add_key(admin.db, token_hash("sk-a"))
    reply = await admin.call("POST", path, b"{}", token="sk-a")
    assert (reply.status, reply.error["type"]) == (403, "auth_error")


async def test_blocked_and_expired_keys_do_not_even_ask_for_themselves(world: Admin) -> None:
    for key, kind in ((HOME.service_key, "team"), (key_of("U"), "key")):
        assert (await world.get("/key/info", token=key)).status == 200
        await world.post(f"/{kind}/block", {"team_id": HOME.team, "key": key})
        reply = await world.get("/key/info", token=key)
        assert (reply.status, "blocked" in reply.error["message"]) == (401, True)
    made = (await world.post("/key/generate", {"duration": "1s"})).json["key"]
    world.clock.advance(1)
    assert (await world.get("/key/info", token=made)).error["type"] == "expired_key"


@pytest.mark.parametrize(
    ("groups", "allowed"),
    [
        ((), ["GET", "POST"]),
        (("llm_api_routes",), []),
        (("info_routes",), ["GET"]),
        (("management_routes",), ["GET", "POST"]),
        (("llm_api_routes", "info_routes"), ["GET"]),
    ],
)
def test_a_key_is_used_for_what_it_was_made(groups: tuple[str, ...], allowed: list[str]) -> None:
    key = Principal(key_hash="k", allowed_routes=groups)
    for method, path in (("GET", "/key/info"), ("POST", "/key/update")):
        if method in allowed:
            check_group(key, rule_for(method, path))
        else:
            with pytest.raises(Forbidden):
                check_group(key, rule_for(method, path))


def test_a_user_has_the_standing_of_their_rows() -> None:
    found = UserStanding(
        "internal_user",
        False,
        (("t", "admin", ()), ("u", "user", ("/key/list",))),
        (("o", "org_admin"), ("p", "internal_user")),
    )
    standing = standing_from(Principal(key_hash="k", user_id="me"), found)
    assert standing.led_teams == ("t",)
    assert standing.teams["u"].permissions == ("/key/list",)
    assert (set(standing.organizations), set(standing.administered)) == ({"o", "p"}, {"o"})


def test_a_role_that_nobody_knows_only_looks() -> None:
    standing = standing_from(Principal(key_hash="k", user_id="me"), UserStanding("emperor", False, (), ()))
    assert standing.role is Role.INTERNAL_USER_VIEWER


def test_a_blocked_user_does_not_come_in() -> None:
    with pytest.raises(Unauthenticated, match="blocked"):
        standing_from(Principal(key_hash="k", user_id="me"), UserStanding("proxy_admin", True, (), ()))


def test_only_an_administrator_acts_in_anothers_name() -> None:
    key = Principal(key_hash="k", user_id="me")
    assert actor_of(Standing(principal=key, role=Role.PROXY_ADMIN), "hanako") == "hanako"
    assert actor_of(Standing(principal=key), "hanako") == "me"
    assert actor_of(Standing(principal=Principal(key_hash="k")), None) == "k"


class AwayDesk(Desk):
    """Its database does not answer."""

    async def read(self, _work: Callable[[Connection], T]) -> T:
        raise StoreAway("away")


class BrokenDesk(Desk):
    """Its database answers with words of its own."""

    async def read(self, _work: Callable[[Connection], T]) -> T:
        raise OperationalError("SELECT secret", {}, Exception("secret"))


@pytest.mark.parametrize(("desk", "status"), [(AwayDesk, 503), (BrokenDesk, 500)])
async def test_a_database_that_is_away_is_told_in_the_same_shape(
    tmp_path: Path, clock: FakeClock, desk: type[Desk], status: int
) -> None:
    world = Admin(tmp_path, clock, desk=desk)
    populate(world)
    reply = await world.get("/key/list", token=key_of("U"))
    world.close()
    assert reply.status == status
    assert len(reply.error["message"]) > 3
    assert b"secret" not in reply.body


async def test_a_teams_administrator_becomes_nobody_by_the_keys_that_they_make(world: Admin) -> None:
    """A key of a team stands for its user there only: the administrator of the team may make and rotate it."""
    for user in ("user-A", "user-O", "user-V"):
        member = {"team_id": HOME.team, "member": {"user_id": user}}
        assert (await world.post("/team/member_add", member, token=key_of("T"))).status == 200
        made = await world.post("/key/generate", {"team_id": HOME.team, "user_id": user}, token=key_of("T"))
        key = made.json["key"]
        assert (await world.post("/key/generate", {}, token=key)).status == 403
        assert (await world.get("/user/list", token=key)).status == 403
        assert (await world.get("/key/info", key=key_of(user[-1]), token=key)).status == 403
        assert (await world.post("/user/update", {"user_id": user, "user_alias": "x"}, token=key)).status == 403
        listed = (await world.get("/key/list", token=key)).json["keys"]
        assert listed == [made.json["token"]]
    new = (await world.post("/key/regenerate", {"key": HOME.team_key}, token=key_of("T"))).json["key"]
    assert (await world.get("/user/info", token=new)).json["user_id"] == HOME.member
    assert (await world.post("/key/generate", {}, token=new)).status == 403


async def test_an_organisations_administrator_becomes_nobody_either(world: Admin) -> None:
    body = {"organization_id": HOME.organization, "user_id": "user-A"}
    member = {"organization_id": HOME.organization, "member": {"user_id": "user-A", "role": "internal_user"}}
    assert (await world.post("/organization/member_add", member)).status == 200
    key = (await world.post("/key/generate", body, token=key_of("O"))).json["key"]
    for path in ("/user/list", "/audit"):
        assert (await world.get(path, token=key)).status == 403
    listed = (await world.get("/organization/list", token=key)).json
    assert [one["organization_id"] for one in listed] == [HOME.organization], "their own"
    assert (await world.post("/key/generate", {}, token=key)).status == 403
    assert (await world.post("/key/update", {"key": key, "organization_id": None}, token=key_of("O"))).status == 403


@pytest.mark.parametrize(
    ("said", "on_record", "role"),
    [
        ("internal_user", "proxy_admin", Role.INTERNAL_USER),
        ("internal_user_viewer", None, Role.INTERNAL_USER_VIEWER),
        ("proxy_admin_viewer", None, Role.PROXY_ADMIN_VIEWER),
        ("", "proxy_admin", Role.INTERNAL_USER_VIEWER),
        ("superuser", None, Role.INTERNAL_USER_VIEWER),
    ],
)
def test_whom_the_operators_function_names_has_the_role_that_it_says(
    said: str, on_record: str | None, role: Role
) -> None:
    found = None if on_record is None else UserStanding(on_record, blocked=False, teams=(), organizations=())
    standing = standing_from(Principal(key_hash="k", user_id="me", role=said, is_vouched=True), found)
    assert standing.role is role


class Vouching:
    """Callers as an operator's function names them: by their role."""

    async def by_key(self, headers: Mapping[str, str], _scope: object = None) -> Principal:
        return Principal(key_hash="k", role=headers["authorization"].removeprefix("Bearer "), is_vouched=True)

    async def recognise(self, headers: Mapping[str, str], scope: object = None, _body: object = None) -> Principal:
        return await self.by_key(headers, scope)

    def close(self) -> None:
        """Nothing is held."""


async def test_an_administrator_by_the_operators_function(admin: Admin) -> None:
    admin.callers = Vouching()
    for role, status in (("proxy_admin", 200), ("proxy_admin_viewer", 403), ("internal_user", 403)):
        assert (await admin.post("/user/new", {"user_id": f"u-{role}"}, token=role)).status == status
    assert (await admin.get("/user/list", token="proxy_admin_viewer")).status == 200
