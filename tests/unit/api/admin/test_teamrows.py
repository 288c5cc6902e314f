from __future__ import annotations

from sekisho.api.admin.teamrows import member_budget, membership_row, project_row, team_row
from sekisho.store.directory import ProjectRow, TeamMemberRow, TeamRow
from sekisho.store.limits import NO_LIMITS, Limits
from tests.support.ledger import NOW_US

MEMBER = TeamMemberRow(
    team_id="t",
    user_id="u",
    role="admin",
    limits=Limits(max_budget_nano_usd=10**9, budget_duration="1d"),
    spend_nano_usd=500_000_000,
    created_us=NOW_US,
    updated_us=NOW_US,
)
TEAM = TeamRow(team_id="t", aliases={"a": "b"}, created_us=NOW_US, updated_us=NOW_US)


def test_a_team_is_shown_with_its_members() -> None:
    shown = team_row(TEAM, [MEMBER], {"u": "u@example.com"}, NOW_US)
    assert shown["members_with_roles"] == [{"role": "admin", "user_id": "u", "user_email": "u@example.com"}]
    assert (shown["model_aliases"], shown["team_member_budget_table"]) == ({"a": "b"}, None)


def test_a_membership_is_shown_with_its_budget_and_spend() -> None:
    shown = membership_row(MEMBER, NOW_US)
    assert (shown["spend"], shown["total_spend"], shown["litellm_budget_table"]["max_budget"]) == (0.5, 0.5, 1.0)
    assert shown["budget_reset_at"] == "2023-11-15T00:00:00.000000Z"


def test_what_a_team_gives_its_members_is_shown_where_it_gives_something() -> None:
    assert member_budget(NO_LIMITS) is None
    given = member_budget(Limits(rpm_limit=5))
    assert given is not None
    assert given["rpm_limit"] == 5


def test_a_project_is_shown_with_its_team() -> None:
    row = ProjectRow(project_id="p", team_id="t", limits=Limits(rpm_limit=5), created_us=NOW_US, updated_us=NOW_US)
    shown = project_row(row, NOW_US)
    assert (shown["project_id"], shown["team_id"], shown["rpm_limit"]) == ("p", "t", 5)
