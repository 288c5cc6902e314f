from __future__ import annotations

from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.rows import Directory
from tests.support.litellm_rows import NOW_US, source_of


def test_a_budget_that_cannot_be_read_takes_those_out_whom_it_binds() -> None:
    findings = Findings()
    source = source_of(
        budgets=[{"budget_id": "b", "budget_duration": "a year"}],
        teams=[
            {"team_id": "t", "metadata": {"team_member_budget_id": "b"}},
            {"team_id": "t2", "members_with_roles": [{"user_id": "u", "role": "user"}]},
        ],
        team_memberships=[{"team_id": "t2", "user_id": "u", "budget_id": "b"}],
        organization_memberships=[{"organization_id": "o", "user_id": "u", "budget_id": "b"}],
        projects=[{"project_id": "p", "budget_id": "b"}],
    )
    directory = Directory(source, findings, NOW_US)
    assert directory.budgets() == []
    assert [row.team_id for row in directory.teams()] == ["t2"]
    assert (directory.team_members(), directory.organization_members(), directory.projects()) == ([], [], [])
    assert findings.lines()[1:] == [
        "organization memberships not imported: its budget 'b' was not imported (1): u",
        "projects not imported: its budget 'b' was not imported (1): p",
        "team members not imported: its budget 'b' was not imported (1): t2/u",
        "teams not imported: its budget 'b' was not imported (1): t",
    ]


def test_a_member_without_a_user_is_told() -> None:
    findings = Findings()
    teams = [{"team_id": "t", "team_alias": "Gate", "members_with_roles": [{"user_email": "x@example.jp"}]}]
    directory = Directory(source_of(teams=teams), findings, NOW_US)
    assert (directory.users(), directory.team_members()) == ([], [])
    assert findings.lines() == ["team members without a user (1): Gate"]


def test_a_team_without_members_has_an_object_in_litellms_table() -> None:
    directory = Directory(source_of(teams=[{"team_id": "t", "members_with_roles": {}}]), Findings(), NOW_US)
    assert directory.team_members() == []


def test_end_users_and_tags_keep_their_budgets_and_spend() -> None:
    source = source_of(
        end_users=[{"user_id": "e", "budget_id": "b", "spend": 1, "allowed_model_region": "eu"}],
        tags=[{"tag_name": "batch", "models": ["m1", "m2"], "model_info": {"m1": "haiku"}, "description": "at night"}],
    )
    directory = Directory(source, Findings(), NOW_US)
    (end_user,), (tag,) = directory.end_users(), directory.tags()
    assert (end_user.spend_nano_usd, end_user.budget_id, end_user.allowed_model_region) == (1_000_000_000, "b", "eu")
    assert (tag.models, tag.description) == (("haiku", "m2"), "at night")
