"""What cannot be meant is refused by name, in LiteLLM's shape, and leaves every table as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from sekisho.core.clock import FakeClock
from sekisho.store.schema import metadata
from tests.support.admin import Admin
from tests.support.directory import HOME, populate

#: Where limits may be set: request, what else it needs.
LIMITED: dict[str, dict[str, Any]] = {
    "POST /key/generate": {},
    "POST /key/update": {"key": HOME.service_key},
    "POST /user/new": {},
    "POST /user/update": {"user_id": "user-U"},
    "POST /team/new": {},
    "POST /team/update": {"team_id": HOME.team},
    "POST /project/new": {"team_id": HOME.team},
    "POST /project/update": {"project_id": HOME.project},
    "POST /organization/new": {"organization_alias": "new"},
    "PATCH /organization/update": {"organization_id": HOME.organization},
    "POST /budget/new": {},
    "POST /budget/update": {"budget_id": "b1"},
    "POST /customer/new": {"user_id": "new"},
    "POST /customer/update": {"user_id": "e1"},
    "POST /tag/new": {"name": "new"},
    "POST /tag/update": {"name": "g1"},
    "POST /sekisho/v1/pools": {},
    "PATCH /sekisho/v1/pools/pool1": {},
}
#: Limits that could never work -> the field that is named.
IMPOSSIBLE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"max_budget": -1}, "max_budget"),
    ({"max_budget": 1e300}, "max_budget"),
    ({"max_budget": "much"}, "max_budget"),
    ({"soft_budget": -0.01}, "soft_budget"),
    ({"max_budget": 1, "budget_duration": "0d"}, "budget_duration"),
    ({"max_budget": 1, "budget_duration": "-1d"}, "budget_duration"),
    ({"max_budget": 1, "budget_duration": "1 fortnight"}, "budget_duration"),
    ({"max_budget": 1, "budget_duration": "1d", "time_zone": "Mars/Olympus_Mons"}, "time_zone"),
    ({"time_zone": "../../etc/passwd"}, "time_zone"),
    ({"rpm_limit": -1}, "rpm_limit"),
    ({"tpm_limit": 1.5}, "tpm_limit"),
    ({"tpm_limit": 10**30}, "tpm_limit"),
    ({"max_parallel_requests": -1}, "max_parallel_requests"),
    ({"model_rpm_limit": {"m": -1}}, "model_rpm_limit"),
    ({"model_max_budget": {"m": {"budget_limit": -1, "time_period": "1d"}}}, "model_max_budget"),
    ({"model_max_budget": {"m": {"budget_limit": 1, "time_period": "1y2"}}}, "budget_duration"),
    ({"model_max_budget": {"m": {}}}, "model_max_budget"),
    ({"budget_limits": [{"max_budget": 1}]}, "budget_limits"),
    ({"budget_limits": [{"max_budget": -1, "budget_duration": "1d"}]}, "budget_limits"),
    ({"temp_budget_increase": 1}, "temp_budget_increase"),
    ({"temp_budget_increase": 1, "temp_budget_expiry": "0001-01-01"}, "temp_budget_expiry"),
    ({"budget_mode": "soft"}, "budget_mode"),
)
#: Everything else that cannot be meant: request, body, the field that is named.
REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    # negative budgets of members
    (
        "POST /team/member_add",
        {"team_id": "t1", "member": {"user_id": "user-U"}, "max_budget_in_team": -1},
        "max_budget_in_team",
    ),
    (
        "POST /team/member_update",
        {"team_id": "t1", "user_id": "user-M", "max_budget_in_team": -1},
        "max_budget_in_team",
    ),
    ("POST /team/update", {"team_id": "t1", "team_member_budget": -1}, "team_member_budget"),
    ("POST /team/update", {"team_id": "t1", "team_member_budget_duration": "1x"}, "budget_duration"),
    (
        "POST /organization/member_add",
        {"organization_id": "o1", "member": {"user_id": "user-U"}, "max_budget_in_organization": -1},
        "max_budget_in_organization",
    ),
    ("POST /user/new", {"teams": [{"team_id": "t1", "max_budget_in_team": -1}]}, "teams"),
    ("POST /key/generate", {"spend": -1}, "spend"),
    (f"POST /key/{HOME.team_key}/reset_spend", {"reset_to": -1}, "reset_to"),
    (f"POST /key/{HOME.team_key}/reset_spend", {"reset_to": 1}, "reset_to"),
    # scopes that nobody knows
    ("POST /key/generate", {"team_id": "none"}, "team_id"),
    ("POST /key/generate", {"organization_id": "none"}, "organization_id"),
    ("POST /key/generate", {"project_id": "none"}, "project_id"),
    ("POST /key/generate", {"budget_id": "none"}, "budget_id"),
    ("POST /key/generate", {"project_id": "p1", "team_id": "t2"}, "project_id"),
    ("POST /key/generate", {"team_id": "t1", "organization_id": "o2"}, "organization_id"),
    ("POST /key/update", {"key": "sk-none"}, "key"),
    ("POST /key/delete", {"keys": [HOME.team_key, "sk-none"]}, "keys"),
    ("POST /team/new", {"organization_id": "none"}, "organization_id"),
    ("POST /team/update", {"team_id": "none"}, "team_id"),
    ("POST /team/delete", {"team_ids": ["t1", "none"]}, "team_id"),
    ("POST /project/new", {"team_id": "none"}, "team_id"),
    ("POST /project/update", {"project_id": "none"}, "project_id"),
    ("POST /organization/new", {"organization_alias": "new", "budget_id": "none"}, "budget_id"),
    ("POST /organization/delete", {"organization_ids": ["o1"]}, "organization_ids"),
    ("POST /user/new", {"teams": ["none"]}, "teams"),
    ("POST /user/new", {"organizations": ["none"]}, "organizations"),
    ("POST /user/update", {"user_id": "none"}, "user_id"),
    ("POST /user/delete", {"user_ids": ["user-U", "none"]}, "user_id"),
    ("POST /customer/new", {"user_id": "new", "budget_id": "none"}, "budget_id"),
    ("POST /tag/new", {"name": "new", "budget_id": "none"}, "budget_id"),
    ("POST /sekisho/v1/pools", {"keys": ["sk-none"]}, "keys"),
    ("POST /model/update", {"model_info": {"id": "none"}}, "id"),
    # aliases that lead round in a circle
    ("POST /key/generate", {"aliases": {"a": "b", "b": "c", "c": "a"}}, "aliases"),
    ("POST /key/update", {"key": HOME.team_key, "aliases": {"a": "b", "b": "a"}}, "aliases"),
    ("POST /team/new", {"model_aliases": {"a": "b", "b": "a"}}, "aliases"),
    # members of no team
    ("POST /team/member_update", {"team_id": "t1", "user_id": "user-U"}, "user_id"),
    ("POST /team/member_delete", {"team_id": "t1", "user_id": "user-U"}, "user_id"),
    ("POST /team/member_delete", {"team_id": "t1", "user_email": "x@example.com"}, "user_email"),
    ("POST /team/member_add", {"team_id": "t1", "member": {"role": "user"}}, "member"),
    ("POST /team/member_add", {"team_id": "t1", "member": [{"user_id": "user-U"}, {"user_id": "user-M"}]}, "member"),
    ("POST /organization/member_update", {"organization_id": "o1", "user_id": "user-U"}, "user_id"),
    ("POST /organization/member_delete", {"organization_id": "o1", "user_id": "user-U"}, "user_id"),
    # names that are taken
    ("POST /key/generate", {"key": HOME.team_key}, "key"),
    ("POST /key/generate", {"key_alias": "taken"}, "key_alias"),
    ("POST /key/update", {"key": HOME.team_key, "key_alias": "taken"}, "key_alias"),
    ("POST /user/new", {"user_id": "user-U"}, "user_id"),
    ("POST /user/new", {"user_email": "x@example.com"}, "user_email"),
    ("POST /user/update", {"user_id": "user-U", "user_email": "x@example.com"}, "user_email"),
    ("POST /team/new", {"team_id": "t1"}, "team_id"),
    ("POST /project/new", {"team_id": "t1", "project_id": "p1"}, "project_id"),
    ("POST /organization/new", {"organization_alias": "alias of o1"}, "organization_alias"),
    ("POST /organization/new", {"organization_alias": "new", "organization_id": "o1"}, "organization_id"),
    (
        "PATCH /organization/update",
        {"organization_id": "o2", "organization_alias": "alias of o1"},
        "organization_alias",
    ),
    ("POST /budget/new", {"budget_id": "b1"}, "budget_id"),
    ("POST /customer/new", {"user_id": "e1"}, "user_id"),
    ("POST /tag/new", {"name": "g1"}, "name"),
    ("POST /sekisho/v1/pools", {"pool_id": "pool1"}, "pool_id"),
    # what no column holds
    ("POST /key/generate", {"key_alias": "a\x00b"}, "key_alias"),
    ("POST /key/generate", {"metadata": {"a": "\x00"}}, "metadata"),
    ("POST /team/new", {"team_alias": "a" * 300}, "team_alias"),
    ("POST /user/new", {"user_email": "no address"}, "user_email"),
    ("POST /key/generate", {"duration": "yesterday"}, "duration"),
    ("POST /key/generate", {"models": "all"}, "models"),
    ("POST /key/generate", {"key": "no prefix"}, "key"),
)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """A world that nobody changes: everything that is sent to it is refused."""
    admin = Admin(tmp_path_factory.mktemp("still"), FakeClock())
    populate(admin)
    yield admin
    admin.close()


@pytest.fixture
async def named(still: Admin) -> Admin:
    await still.post("/key/update", {"key": HOME.service_key, "key_alias": "taken"})
    return still


def everything(admin: Admin) -> dict[str, Any]:
    """Every row of every table."""
    return admin.db.read_now(
        lambda connection: {
            table.name: [tuple(row) for row in connection.execute(select(table))] for table in metadata.sorted_tables
        }
    )


async def refuse(admin: Admin, request_line: str, body: dict[str, Any], param: str) -> None:
    method, path = request_line.split(" ")
    before = everything(admin)
    reply = await admin.call(method, path, admin.encoded(body))
    assert reply.status in {400, 404, 409}, reply.body
    assert str(reply.error["param"]).split(".")[0] == param
    assert len(reply.error["message"]) > len(param)
    assert everything(admin) == before


@pytest.mark.parametrize("request_line", LIMITED)
@pytest.mark.parametrize(("limits", "param"), IMPOSSIBLE, ids=[str(limits)[:60] for limits, _ in IMPOSSIBLE])
async def test_a_limit_that_could_never_work_is_refused(
    still: Admin, request_line: str, limits: dict[str, Any], param: str
) -> None:
    await refuse(still, request_line, LIMITED[request_line] | limits, param)


@pytest.mark.parametrize(("request_line", "body", "param"), REFUSED, ids=lambda value: str(value)[:70])
async def test_what_cannot_be_meant_is_refused(
    named: Admin, request_line: str, body: dict[str, Any], param: str
) -> None:
    await refuse(named, request_line, body, param)


INJECTED = ["'; DROP TABLE keys; --", '" OR 1=1 --', "' OR ''='", "%", "_", "\\", "$1", ":name", "{0}", "%s"]


@pytest.mark.parametrize("text", INJECTED)
@pytest.mark.parametrize(
    ("path", "name", "rows"),
    [
        ("/key/list", "key_alias", "keys"),
        ("/key/list", "team_id", "keys"),
        ("/user/list", "user_email", "users"),
        ("/user/list", "user_ids", "users"),
        ("/user/list", "search", "users"),
        ("/v2/team/list", "team_alias", "teams"),
        ("/audit", "object_id", "audit_logs"),
    ],
)
async def test_sql_is_a_name_like_any_other_and_nobodys(
    still: Admin, path: str, name: str, rows: str, text: str
) -> None:
    reply = await still.get(path, **{name: text})
    assert (reply.status, reply.json[rows]) == (200, [])


@pytest.mark.parametrize("text", INJECTED)
async def test_sql_is_kept_as_it_was_written(world: Admin, text: str) -> None:
    made = (await world.post("/team/new", {"team_id": f"id {text}", "team_alias": text, "metadata": {text: text}})).json
    assert (made["team_id"], made["team_alias"], made["metadata"]) == (f"id {text}", text, {text: text})
    shown = (await world.get("/team/info", team_id=f"id {text}")).json
    assert shown["team_info"]["team_alias"] == text
    assert (await world.get("/v2/team/list", team_alias=text)).json["total"] == 1


async def test_a_column_to_sort_by_is_one_of_ours(still: Admin) -> None:
    for path in ("/key/list", "/user/list", "/v2/team/list"):
        reply = await still.get(path, sort_by="spend; DROP TABLE keys")
        assert (reply.status, reply.error["param"]) == (400, "sort_by")


async def test_no_header_is_made_of_what_a_caller_writes(world: Admin) -> None:
    """Names of fields that nobody knows come back in a header, but not these."""
    body = {"x\r\nset-cookie: a=b": 1, "鍵": 1, "a b": 1, "known-by-nobody": 1}
    reply = await world.post("/key/generate", body)
    assert reply.headers["x-sekisho-unknown-fields"] == "known-by-nobody"
    assert "set-cookie" not in reply.headers
    changed_by = [(b"litellm-changed-by", b"hanako\xff" + b"x" * 1_000)]
    reply = await world.call("POST", "/key/generate", b"{}", headers=changed_by)
    assert reply.status == 200
    assert all("hanako" not in value for value in reply.headers.values())
    (line,) = (await world.get("/audit", object_id=reply.json["token_id"])).json["audit_logs"]
    assert line["changed_by"] == ("hanakoÿ" + "x" * 1_000)[:256]
