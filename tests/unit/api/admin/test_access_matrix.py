"""Every endpoint × every kind of caller × what is theirs and what is foreign.

Each line says who is let in: letters of `PEOPLE` (tests/support/directory.py). What is changed is undone after each
request, so that each meets the same world. A caller who is not let in gets 403; one who is, anything but 401, 403, 5xx.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from sqlalchemy.engine import Connection

from sekisho.api.admin.app import MODULES
from sekisho.api.admin.desk import Desk
from sekisho.api.admin.permissions import RULES
from sekisho.core.clock import FakeClock
from sekisho.identity.keys import token_hash
from sekisho.store.bindings import BINDS_TEAM_KEYS
from sekisho.store.directory import USERS
from sekisho.store.edit import Edit
from tests.support.admin import Admin
from tests.support.directory import ABROAD, FOREIGN_KEY, HOME, PEOPLE, PERSONAL_KEY, key_of, populate

T = TypeVar("T")
#: Whose own budget binds keys of teams too.
SPARING = "user-sparing"
EVERYBODY = "AVOTMSUW"

#: Request, body or query -> who is let in. `A` is let in everywhere, and not written.
LINES: list[tuple[str, dict[str, Any], str]] = [
    # keys: making them
    ("POST /key/generate", {}, "OTMU"),
    ("POST /key/generate", {"user_id": "user-U"}, "U"),
    ("POST /key/generate", {"user_id": "user-X"}, ""),
    ("POST /key/generate", {"team_id": HOME.team}, "OT"),
    ("POST /key/generate", {"team_id": HOME.team, "user_id": HOME.member}, "OT"),
    ("POST /key/generate", {"team_id": ABROAD.team}, ""),
    ("POST /key/generate", {"organization_id": HOME.organization}, "O"),
    ("POST /key/generate", {"organization_id": ABROAD.organization}, ""),
    ("POST /key/generate", {"project_id": HOME.project}, "OT"),
    ("POST /key/generate", {"project_id": ABROAD.project}, ""),
    ("POST /key/service-account/generate", {"team_id": HOME.team}, "OT"),
    ("POST /key/service-account/generate", {"team_id": ABROAD.team}, ""),
    # keys: changing them. The team lets its members see and update its keys: their own, and nobody's.
    *(
        (f"POST {path}", {"key": key}, people)
        for path, key, people in (
            ("/key/update", HOME.team_key, "OTM"),
            ("/key/update", HOME.service_key, "OTM"),
            ("/key/update", PERSONAL_KEY, "U"),
            ("/key/update", ABROAD.team_key, ""),
            ("/key/update", FOREIGN_KEY, ""),
            ("/key/regenerate", HOME.team_key, "OT"),
            ("/key/regenerate", PERSONAL_KEY, "U"),
            ("/key/regenerate", FOREIGN_KEY, ""),
            ("/key/block", HOME.team_key, "OT"),
            ("/key/block", PERSONAL_KEY, ""),
            ("/key/block", ABROAD.service_key, ""),
            ("/key/unblock", HOME.service_key, "OT"),
            ("/key/unblock", ABROAD.service_key, ""),
        )
    ),
    (f"POST /key/{HOME.team_key}/regenerate", {}, "OT"),
    (f"POST /key/{PERSONAL_KEY}/regenerate", {}, "U"),
    (f"POST /key/{ABROAD.team_key}/regenerate", {}, ""),
    (f"POST /key/{HOME.team_key}/reset_spend", {"reset_to": 0}, "OT"),
    (f"POST /key/{PERSONAL_KEY}/reset_spend", {"reset_to": 0}, ""),
    (f"POST /key/{ABROAD.team_key}/reset_spend", {"reset_to": 0}, ""),
    ("POST /key/bulk_update", {"keys": [{"key": HOME.team_key}]}, ""),
    ("POST /key/delete", {"keys": [HOME.team_key]}, "OT"),
    ("POST /key/delete", {"keys": [PERSONAL_KEY]}, "U"),
    ("POST /key/delete", {"keys": [PERSONAL_KEY, FOREIGN_KEY]}, ""),
    # keys: seeing them
    ("GET /key/info", {}, "VOTMSUW"),
    ("GET /key/info", {"key": HOME.team_key}, "VOTM"),
    ("GET /key/info", {"key": HOME.service_key}, "VOTMS"),
    ("GET /key/info", {"key": PERSONAL_KEY}, "VU"),
    ("GET /key/info", {"key": ABROAD.team_key}, "V"),
    ("GET /key/info", {"key": FOREIGN_KEY}, "V"),
    ("POST /v2/key/info", {"keys": [FOREIGN_KEY]}, "VOTMSUW"),
    ("GET /key/list", {}, "VOTMSUW"),
    ("GET /key/aliases", {}, "VOTMSUW"),
    ("POST /key/health", {}, "VOTMSUW"),
    # users
    ("POST /user/new", {}, ""),
    ("POST /user/new", {"organizations": [HOME.organization]}, "O"),
    ("POST /user/new", {"organizations": [ABROAD.organization]}, ""),
    ("POST /user/new", {"organizations": [HOME.organization], "user_role": "proxy_admin"}, ""),
    ("POST /user/update", {"user_id": "user-U", "user_alias": "a"}, "U"),
    ("POST /user/update", {"user_id": "user-U", "max_budget": 1}, ""),
    ("POST /user/update", {"user_id": "user-M", "user_alias": "a"}, "M"),
    ("POST /user/update", {"user_id": "user-X", "user_alias": "a"}, ""),
    ("POST /user/bulk_update", {"users": [{"user_id": "user-U"}]}, ""),
    ("POST /user/delete", {"user_ids": ["user-U"]}, ""),
    ("GET /user/info", {}, "VOTMSUW"),
    ("GET /user/info", {"user_id": "user-M"}, "VOM"),
    ("GET /user/info", {"user_id": "user-U"}, "VU"),
    ("GET /user/info", {"user_id": "user-X"}, "V"),
    ("GET /v2/user/info", {"user_id": "user-M"}, "VOM"),
    ("GET /v2/user/info", {"user_id": "user-X"}, "V"),
    ("GET /user/list", {}, "VO"),
    ("GET /user/available_roles", {}, "VOTMSUW"),
    ("GET /user/available_users", {}, "V"),
    ("GET /user/filter/ui", {}, "VO"),
    # teams
    ("POST /team/new", {}, ""),
    ("POST /team/new", {"organization_id": HOME.organization}, "O"),
    ("POST /team/new", {"organization_id": ABROAD.organization}, ""),
    ("POST /team/update", {"team_id": HOME.team, "team_alias": "a"}, "OT"),
    ("POST /team/update", {"team_id": HOME.team, "max_budget": 1}, "O"),
    ("POST /team/update", {"team_id": HOME.team, "organization_id": ABROAD.organization}, ""),
    ("POST /team/update", {"team_id": ABROAD.team, "team_alias": "a"}, ""),
    *(
        (f"POST /team/{path}", {"team_id": team, "models": ["m"]}, people)
        for path in ("block", "unblock", "model/add", "model/delete")
        for team, people in ((HOME.team, "O"), (ABROAD.team, ""))
    ),
    ("POST /team/delete", {"team_ids": [HOME.team]}, "O"),
    ("POST /team/delete", {"team_ids": [HOME.team, ABROAD.team]}, ""),
    *(
        (f"POST /team/{path}", {"team_id": team} | body, people)
        for path, body in (
            ("member_add", {"member": {"user_id": "user-U"}}),
            ("bulk_member_add", {"members": [{"user_id": "user-U"}]}),
            ("permissions_update", {"team_member_permissions": []}),
        )
        for team, people in ((HOME.team, "OT"), (ABROAD.team, ""))
        if (path, team) != ("bulk_member_add", ABROAD.team)
    ),
    *(
        ("POST /team/member_add", {"team_id": HOME.team, "member": {"user_id": user}}, people)
        for user, people in ((ABROAD.member, "OT"), (SPARING, ""))
    ),
    ("POST /team/new", {"organization_id": HOME.organization, "members": [SPARING]}, ""),
    ("POST /team/member_update", {"team_id": HOME.team, "user_id": HOME.member, "role": "admin"}, "OT"),
    ("POST /team/member_update", {"team_id": ABROAD.team, "user_id": ABROAD.member}, ""),
    ("POST /team/member_delete", {"team_id": HOME.team, "user_id": HOME.member}, "OT"),
    ("POST /team/member_delete", {"team_id": ABROAD.team, "user_id": ABROAD.member}, ""),
    ("GET /team/permissions_list", {"team_id": HOME.team}, "VOTM"),
    ("GET /team/permissions_list", {"team_id": ABROAD.team}, "V"),
    ("GET /team/info", {"team_id": HOME.team}, "VOTMS"),
    ("GET /team/info", {"team_id": ABROAD.team}, "V"),
    ("GET /team/list", {}, "VOTMSUW"),
    ("GET /v2/team/list", {}, "VOTMSUW"),
    ("GET /team/available", {}, "VOTMSUW"),
    # projects
    ("POST /project/new", {"team_id": HOME.team}, "OT"),
    ("POST /project/new", {"team_id": ABROAD.team}, ""),
    ("POST /project/update", {"project_id": HOME.project}, "OT"),
    ("POST /project/update", {"project_id": ABROAD.project}, ""),
    ("POST /project/delete", {"project_ids": [HOME.project]}, "OT"),
    ("POST /project/delete", {"project_ids": [ABROAD.project]}, ""),
    ("GET /project/info", {"project_id": HOME.project}, "VOTM"),
    ("GET /project/info", {"project_id": ABROAD.project}, "V"),
    ("GET /project/list", {}, "VOTMSUW"),
    # organisations
    ("POST /organization/new", {"organization_alias": "a"}, ""),
    ("POST /organization/update", {"organization_id": HOME.organization}, ""),
    ("PATCH /organization/update", {"organization_id": HOME.organization}, ""),
    (f"PATCH /v2/organization/{HOME.organization}", {}, ""),
    ("POST /organization/delete", {"organization_ids": [HOME.organization]}, ""),
    ("DELETE /organization/delete", {"organization_ids": [HOME.organization]}, ""),
    *(
        (f"{method} /organization/{path}", {"organization_id": organization} | body, people)
        for method, path, body in (
            ("POST", "member_add", {"member": {"user_id": "user-U"}}),
            ("POST", "member_update", {"user_id": HOME.member}),
            ("PATCH", "member_update", {"user_id": HOME.member}),
            ("POST", "member_delete", {"user_id": HOME.member}),
            ("DELETE", "member_delete", {"user_id": HOME.member}),
        )
        for organization, people in ((HOME.organization, "O"), (ABROAD.organization, ""))
    ),
    *(
        ("POST /organization/member_add", {"organization_id": HOME.organization, "member": {"user_id": user}}, people)
        for user, people in (
            ("user-T", "O"),  # of the organisation's team
            ("user-W", "O"),
            ("user-A", ""),
            ("user-V", ""),
            (ABROAD.member, ""),
        )
    ),
    (
        "POST /organization/member_add",
        {"organization_id": HOME.organization, "member": {"user_email": "x@example.com"}},
        "",
    ),
    ("GET /organization/info", {"organization_id": HOME.organization}, "VOM"),
    ("GET /organization/info", {"organization_id": ABROAD.organization}, "V"),
    ("GET /organization/list", {}, "VOTMSUW"),
    # what is the gateway's
    ("POST /budget/new", {}, ""),
    ("POST /budget/update", {"budget_id": "b1"}, ""),
    ("POST /budget/delete", {"id": "b1"}, ""),
    ("POST /budget/info", {"budgets": ["b1"]}, "V"),
    ("GET /budget/settings", {"budget_id": "b1"}, "V"),
    ("GET /budget/list", {}, "V"),
    *(
        line
        for prefix in ("customer", "end_user")
        for line in (
            (f"POST /{prefix}/new", {"user_id": "e2"}, ""),
            (f"POST /{prefix}/update", {"user_id": "e1"}, ""),
            (f"POST /{prefix}/delete", {"user_ids": ["e1"]}, ""),
            (f"POST /{prefix}/block", {"user_ids": ["e1"]}, ""),
            (f"POST /{prefix}/unblock", {"user_ids": ["e1"]}, ""),
            (f"GET /{prefix}/info", {"end_user_id": "e1"}, "V"),
            (f"GET /{prefix}/list", {}, "V"),
        )
    ),
    ("POST /tag/new", {"name": "g2"}, ""),
    ("POST /tag/update", {"name": "g1"}, ""),
    ("POST /tag/delete", {"name": "g1"}, ""),
    ("POST /tag/info", {"names": ["g1"]}, "V"),
    ("GET /tag/list", {}, "V"),
    ("POST /sekisho/v1/pools", {}, ""),
    ("PATCH /sekisho/v1/pools/pool1", {}, ""),
    ("DELETE /sekisho/v1/pools/pool1", {}, ""),
    ("GET /sekisho/v1/pools", {}, "V"),
    ("POST /model/new", {"model_name": "m", "litellm_params": {"model": "openai/m"}}, ""),
    ("POST /model/update", {"model_info": {"id": "m1"}}, ""),
    ("PATCH /model/m1/update", {}, ""),
    ("POST /model/delete", {"id": "m1"}, ""),
    ("POST /credentials", {"credential_name": "c1", "credential_values": {"api_key": "k"}}, ""),
    ("PATCH /credentials/c1", {}, ""),
    ("DELETE /credentials/c1", {}, ""),
    ("GET /credentials", {}, "V"),
    ("GET /credentials/by_name/c1", {}, "V"),
    ("GET /audit", {}, "V"),
    ("GET /audit/none", {}, "V"),
    ("POST /sekisho/v1/key/aws-credentials", {"key": HOME.service_key}, ""),
    ("GET /sekisho/v1/key/aws-credentials", {}, "V"),
    ("DELETE /sekisho/v1/key/aws-credentials/SKSHAAAAAAAAAAAAAAAA", {}, ""),
    ("POST /sekisho/v1/key/aws-credentials/SKSHAAAAAAAAAAAAAAAA/block", {}, ""),
    ("POST /sekisho/v1/key/aws-credentials/SKSHAAAAAAAAAAAAAAAA/unblock", {}, ""),
    # what was used: everybody asks, and sees their own (test_usage.py, test_spend.py)
    ("GET /spend/logs", {}, "VOTMSUW"),
    *(
        (f"GET {path}", {"start_date": "2023-11-01", "end_date": "2023-11-30"}, "VOTMSUW")
        for path in ("/spend/logs/v2", "/spend/logs/ui", "/sekisho/v1/usage")
    ),
    ("GET /spend/logs/session/ui", {"session_id": "s"}, "VOTMSUW"),
    *(
        (f"GET {path}", {"start_date": "2023-11-01", "end_date": "2023-11-30"}, people)
        for path, people in (
            ("/user/daily/activity", "VOTMUW"),
            ("/user/daily/activity/aggregated", "VOTMUW"),
            ("/team/daily/activity", "VOT"),
            ("/organization/daily/activity", "VO"),
            ("/tag/daily/activity", "V"),
            ("/customer/daily/activity", "V"),
            ("/end_user/daily/activity", "V"),
            ("/global/spend/report", "VOTMSUW"),
            ("/global/activity", "VOTMSUW"),
            ("/global/activity/model", "VOTMSUW"),
            ("/global/spend", "VOTMSUW"),
            ("/global/spend/logs", "VOTMSUW"),
            ("/global/spend/keys", "VOTMSUW"),
            ("/global/spend/teams", "VOTMSUW"),
            ("/global/spend/models", "VOTMSUW"),
            ("/global/spend/provider", "VOTMSUW"),
            ("/global/spend/tags", "VOTMSUW"),
            ("/global/spend/all_tag_names", "VOTMSUW"),
            ("/spend/keys", "VOTMSUW"),
            ("/spend/users", "VOTMSUW"),
            ("/spend/tags", "VOTMSUW"),
        )
    ),
    ("GET /spend/logs/ui/none", {}, "VOTMSUW"),
    ("POST /global/spend/end_users", {}, "VOTMSUW"),
    ("POST /global/spend/reset", {}, ""),
    ("POST /spend/calculate", {"model": "priced", "messages": []}, "VOTMSUW"),
    ("POST /cost/estimate", {"model": "priced", "input_tokens": 1, "output_tokens": 1}, "VOTMSUW"),
    ("GET /sekisho/v1/me", {}, "VOTMSUW"),
    ("GET /openapi.json", {}, "VOTMSUW"),
]


class UndoneDesk(Desk):
    """Changes are made, answered, and taken back."""

    async def edit(self, actor: str | None, work: Callable[[Edit], T]) -> T:
        def undone(inner: Edit) -> T:
            savepoint = inner.connection.begin_nested()
            try:
                return work(inner)
            finally:
                savepoint.rollback()

        return await super().edit(actor, undone)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    folder: Path = tmp_path_factory.mktemp("matrix")
    admin = Admin(folder, FakeClock(), desk=UndoneDesk)
    populate(admin)
    admin.add(USERS, user_id=SPARING, metadata={BINDS_TEAM_KEYS: True})
    yield admin
    admin.close()


def key_by_which(person: str) -> str:
    """The service account calls by its own key; everybody else by a personal one."""
    return HOME.service_key if person == "S" else key_of(person)


@pytest.mark.parametrize(("request_line", "sent", "let_in"), LINES, ids=lambda value: str(value)[:60])
async def test_who_is_let_in(matrix: Admin, request_line: str, sent: dict[str, Any], let_in: str) -> None:
    method, path = request_line.split(" ")
    found = ""
    for person in PEOPLE:
        token = key_by_which(person)
        if method == "GET":
            reply = await matrix.get(path, token=token, **sent)
        else:
            reply = await matrix.call(method, path, msgspec.json.encode(sent), token=token)
        assert reply.status < 500, reply.body
        assert reply.status != 401, reply.body
        if reply.status != 403:
            found += person
            assert reply.status in {200, 400, 404}, (person, reply.body)
    assert found == "A" + let_in


@pytest.mark.parametrize("request_line", sorted({line for line, _, _ in LINES}))
async def test_nobody_without_a_key_is_let_in(matrix: Admin, request_line: str) -> None:
    method, path = request_line.split(" ")
    for token in (None, "sk-unknown"):
        assert (await matrix.call(method, path, b"{}", token=token)).status == 401


async def test_a_request_that_was_taken_back_has_changed_nothing(matrix: Admin) -> None:
    def count(connection: Connection) -> int:
        return len(connection.exec_driver_sql("SELECT token FROM keys").all())

    before = matrix.db.read_now(count)
    assert (await matrix.post("/key/generate", {})).status == 200
    assert matrix.db.read_now(count) == before
    assert token_hash(HOME.service_key) in str((await matrix.get("/key/list", size=100)).json)


def test_every_endpoint_has_its_line_in_the_table_of_permissions() -> None:
    served = {
        (method, route.path)
        for module in MODULES
        for route in module.router.routes
        for method in getattr(route, "methods", ())
        if method != "HEAD"
    }
    assert served == {(rule.method, rule.path) for rule in RULES}


def test_every_line_of_the_table_is_tried() -> None:
    from sekisho.api.admin.permissions import rule_for

    tried = {rule_for(*line.split(" ")) for line, _, _ in LINES}
    assert {f"{rule.method} {rule.path}" for rule in RULES if rule not in tried} == set()
