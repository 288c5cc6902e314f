"""Budgets, organisations and teams."""

from __future__ import annotations

from typing import Any

from tests.litellm.call import Call
from tests.litellm.shapes import (
    BUDGET,
    GENERATED,
    MEMBERSHIP,
    ORGANIZATION,
    ORGANIZATION_MEMBER,
    TEAM,
    TEAM_MEMBERS_ADDED,
    TOKEN,
    USER,
    Maybe,
    error,
    page,
)

ORGANIZATIONS = [
    Call("POST /budget/new", {"budget_id": "shared", "max_budget": 100, "budget_duration": "1mo"}, 200, BUDGET),
    Call("POST /budget/update", {"budget_id": "shared", "tpm_limit": 5}, 200, BUDGET | {"tpm_limit": 5}),
    Call("POST /budget/info", {"budgets": ["shared"]}, 200, [BUDGET | {"budget_id": "shared"}]),
    Call("GET /budget/settings?budget_id=shared", None, 200, [{"field_name": str, "field_value": Any}]),
    Call("GET /budget/list", None, 200, [BUDGET]),
    Call(
        "POST /organization/new",
        {"organization_alias": "Research", "max_budget": 1_000, "models": ["gpt", "claude"]},
        200,
        ORGANIZATION | {"organization_alias": "Research", "models": ["gpt", "claude"], "spend": 0.0},
        {"org": "organization_id"},
    ),
    Call("POST /organization/new", {"organization_alias": "Sales", "budget_id": "shared"}, 200, ORGANIZATION),
    Call(
        "POST /organization/member_add",
        {"organization_id": "$org", "member": {"role": "org_admin", "user_id": "ada"}},
        200,
        {"organization_id": "$org", "updated_users": [USER], "updated_organization_memberships": [ORGANIZATION_MEMBER]},
    ),
    Call(
        "PATCH /organization/member_update",
        {"organization_id": "$org", "user_id": "ada", "role": "internal_user"},
        200,
        ORGANIZATION_MEMBER | {"user_role": "internal_user"},
    ),
    Call("PATCH /organization/update", {"organization_id": "$org", "metadata": {"a": 1}}, 200, ORGANIZATION),
    Call(
        "GET /organization/info?organization_id=$org",
        None,
        200,
        ORGANIZATION | {"members": [ORGANIZATION_MEMBER], "teams": []},
    ),
    Call("GET /organization/list", None, 200, [ORGANIZATION]),
    Call("DELETE /organization/member_delete", {"organization_id": "$org", "user_id": "ada"}, 200, ORGANIZATION_MEMBER),
]
TEAMS = [
    Call(
        "POST /team/new",
        {"team_alias": "Compilers", "organization_id": "$org", "models": ["gpt"], "max_budget": 50}
        | {"members_with_roles": [{"role": "admin", "user_id": "ada"}], "budget_duration": "7d", "tpm_limit": 9_000},
        200,
        TEAM
        | {"team_alias": "Compilers", "organization_id": "$org", "models": ["gpt"], "max_budget": 50.0, "spend": 0.0}
        | {"members_with_roles": [{"role": "admin", "user_id": "ada"}], "budget_reset_at": str},
        {"team": "team_id"},
    ),
    Call("POST /team/new", {"team_id": "$team", "team_alias": "again"}, 400, error(400)),
    Call(
        "POST /team/member_add",
        {"team_id": "$team", "member": {"role": "user", "user_id": "bob"}, "max_budget_in_team": 2},
        200,
        TEAM_MEMBERS_ADDED | {"updated_team_memberships": [MEMBERSHIP | {"litellm_budget_table": dict}]},
    ),
    Call(
        "POST /team/member_add",
        {"team_id": "$team", "member": [{"role": "user", "user_email": "new@example.com"}]},
        200,
        TEAM_MEMBERS_ADDED,
    ),
    Call(
        "POST /team/member_add",
        {"team_id": "$team", "member": {"role": "user", "user_id": "bob"}},
        400,
        error(400, "team_member_already_in_team"),
    ),
    Call(
        "POST /team/bulk_member_add",
        {"team_id": "$team", "members": [{"role": "user", "user_id": "$grace"}]},
        200,
        {"team_id": "$team", "results": list, "total_requested": 1, "successful_additions": 1, "failed_additions": 0}
        | {"updated_team": TEAM},
    ),
    Call(
        "POST /team/member_update",
        {"team_id": "$team", "user_id": "bob", "max_budget_in_team": 4, "role": "admin", "rpm_limit": 5},
        200,
        {"user_id": "bob", "user_email": Maybe, "team_id": "$team", "max_budget_in_team": 4.0, "rpm_limit": 5}
        | {"tpm_limit": None},
    ),
    Call("POST /team/member_delete", {"team_id": "$team", "user_id": "$grace"}, 200, TEAM),
    Call("POST /team/update", {"team_id": "$team", "rpm_limit": 8}, 200, {"team_id": "$team", "data": TEAM}),
    Call("POST /key/generate", {"team_id": "$team", "user_id": "bob"}, 200, GENERATED, {"team_key": "key"}),
    Call(
        "POST /key/service-account/generate",
        {"team_id": "$team", "key_alias": "robot"},
        200,
        GENERATED | {"team_id": "$team", "user_id": None},
    ),
    Call(
        "GET /team/info?team_id=$team",
        None,
        200,
        {"team_id": "$team", "team_info": TEAM, "keys": [TOKEN], "team_memberships": [MEMBERSHIP]},
    ),
    Call("GET /team/info?team_id=unknown", None, 404, error(404)),
    Call("GET /team/list", None, 200, [TEAM | {"team_memberships": [MEMBERSHIP], "keys": [TOKEN]}]),
    Call("GET /team/list?user_id=bob", None, 200, [TEAM | {"team_id": "$team"}]),
    Call("GET /v2/team/list", None, 200, page("teams", [TEAM | {"members_count": 3, "keys_count": 2}])),
    Call("GET /team/available", None, 200, []),
    Call("POST /team/block", {"team_id": "$team"}, 200, TEAM | {"blocked": True}),
    Call("POST /team/unblock", {"team_id": "$team"}, 200, TEAM | {"blocked": False}),
    Call("POST /team/model/add", {"team_id": "$team", "models": ["claude"]}, 200, TEAM | {"models": ["gpt", "claude"]}),
    Call("POST /team/model/delete", {"team_id": "$team", "models": ["claude"]}, 200, TEAM | {"models": ["gpt"]}),
    Call(
        "GET /team/permissions_list?team_id=$team",
        None,
        200,
        {"team_id": "$team", "team_member_permissions": ["/key/info", "/key/health"]}
        | {"all_available_permissions": [str]},
    ),
    Call(
        "POST /team/permissions_update",
        {"team_id": "$team", "team_member_permissions": ["/key/info", "/key/generate"]},
        200,
        {"team_id": "$team", "team_member_permissions": ["/key/info", "/key/generate"]},
    ),
]
