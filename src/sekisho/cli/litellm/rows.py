"""LiteLLM's rows as ours: who there is, and what binds them. Keys and models are read in files of their own.

Flows in: a `Source`. Flows out: rows. Must stay true: a row that cannot be read is told and left out, the others stand;
a budget that a row names binds it here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

import msgspec

from sekisho.api.admin.permissions import Role
from sekisho.cli.litellm.fields import CannotImport, document, documents, limits_of, metadata_of, names, spend, stamps
from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.source import Row, Source
from sekisho.store.directory import (
    BudgetRow,
    EndUserRow,
    OrganizationMemberRow,
    OrganizationRow,
    ProjectRow,
    TagRow,
    TeamMemberRow,
    TeamRow,
    UserRow,
)
from sekisho.store.limits import NO_LIMITS, Limits, laid_over

R = TypeVar("R", bound=msgspec.Struct)

_ROLES: Final = frozenset(role.value for role in Role)
_ORGANIZATION_ROLES: Final = frozenset({"org_admin", "internal_user", "internal_user_viewer"})
#: In LiteLLM's metadata of a team: the budget of members that have none of their own.
_MEMBER_BUDGET: Final = "team_member_budget_id"


class Directory:
    """Reads one source. What has no counterpart goes into `findings`."""

    def __init__(self, source: Source, findings: Findings, now_us: int) -> None:
        self._tables = source.tables
        self._findings = findings
        self._now_us = now_us
        self._aliases = {row.get("id"): document(row.get("aliases")) for row in self._tables["aliases"]}
        self._budgets: dict[str, Limits] = {}

    def budgets(self) -> list[BudgetRow]:
        """Shared budgets; first, for others' limits are read off them."""

        def budget(row: Row, name: str) -> BudgetRow:
            metadata_of(row, "budgets", name, self._findings)
            self._budgets[name] = limits_of(row)
            return BudgetRow(budget_id=name, limits=self._budgets[name], **stamps(row, self._now_us))

        return list(self.each("budgets", "budget_id", budget))

    def organizations(self) -> list[OrganizationRow]:
        def organization(row: Row, name: str) -> OrganizationRow:
            return OrganizationRow(
                organization_id=name,
                organization_alias=row.get("organization_alias") or None,
                budget_id=row.get("budget_id") or None,
                **self._common(row, "organizations", name),
            )

        return list(self.each("organizations", "organization_id", organization))

    def teams(self) -> list[TeamRow]:
        def team(row: Row, name: str) -> TeamRow:
            return TeamRow(
                team_id=name,
                team_alias=row.get("team_alias") or None,
                organization_id=row.get("organization_id") or None,
                aliases={str(k): str(v) for k, v in self._aliases.get(row.get("model_id"), {}).items()},
                member_limits=self._shared(document(row.get("metadata")).get(_MEMBER_BUDGET)),
                member_permissions=names(row.get("team_member_permissions")),
                blocked=bool(row.get("blocked")),
                **self._common(row, "teams", name),
            )

        return list(self.each("teams", "team_id", team))

    def projects(self) -> list[ProjectRow]:
        def project(row: Row, name: str) -> ProjectRow:
            common = self._common(row, "projects", name)
            common["limits"] = laid_over(common["limits"], self._shared(row.get("budget_id")))
            return ProjectRow(
                project_id=name,
                team_id=row.get("team_id") or None,
                project_alias=row.get("project_alias") or None,
                blocked=bool(row.get("blocked")),
                **common,
            )

        return list(self.each("projects", "project_id", project))

    def users(self) -> list[UserRow]:
        """LiteLLM's, and those that its teams name without a row of their own."""

        def user(row: Row, name: str) -> UserRow:
            return UserRow(
                user_id=name,
                user_email=row.get("user_email") or None,
                user_alias=row.get("user_alias") or None,
                user_role=self._role(row.get("user_role"), _ROLES, f"users: {row.get('user_role')}", name),
                sso_user_id=row.get("sso_user_id") or None,
                **self._common(row, "users", name),
            )

        found = list(self.each("users", "user_id", user))
        known = {row.get("user_id") for row in self._tables["users"]}
        named = {name: None for _, name, _ in self._members() if name not in known}
        return found + [UserRow(user_id=name, **stamps({}, self._now_us)) for name in named]

    def team_members(self) -> list[TeamMemberRow]:
        held = {(row["team_id"], row["user_id"]): row for row in self._tables["team_memberships"]}
        teams = {row["team_id"]: document(row.get("metadata")) for row in self._tables["teams"]}
        members: dict[tuple[str, str], TeamMemberRow] = {}
        for team, user, role in self._members():
            default = teams[team].get(_MEMBER_BUDGET)
            try:
                members[team, user] = self._team_member(team, user, role, held.get((team, user), {}), default)
            except CannotImport as error:
                self._findings.add(f"team members not imported: {error}", f"{team}/{user}")
        return list(members.values())

    def organization_members(self) -> list[OrganizationMemberRow]:
        def member(row: Row, name: str) -> OrganizationMemberRow:
            role = self._role(row.get("user_role"), _ORGANIZATION_ROLES, f"members: {row.get('user_role')}", name)
            return OrganizationMemberRow(
                organization_id=row["organization_id"],
                user_id=name,
                role=role,
                limits=self._shared(row.get("budget_id")),
                spend_nano_usd=spend(row),
                **stamps(row, self._now_us),
            )

        return list(self.each("organization_memberships", "user_id", member))

    def end_users(self) -> list[EndUserRow]:
        def end_user(row: Row, name: str) -> EndUserRow:
            metadata_of(row, "end users", name, self._findings)
            return EndUserRow(
                end_user_id=name,
                alias=row.get("alias") or None,
                blocked=bool(row.get("blocked")),
                budget_id=row.get("budget_id") or None,
                default_model=row.get("default_model") or None,
                allowed_model_region=row.get("allowed_model_region") or None,
                spend_nano_usd=spend(row),
                **stamps(row, self._now_us),
            )

        return list(self.each("end_users", "user_id", end_user))

    def tags(self) -> list[TagRow]:
        def tag(row: Row, name: str) -> TagRow:
            ids = document(row.get("model_info"))
            return TagRow(
                name=name,
                description=row.get("description") or None,
                models=tuple(str(ids.get(model, model)) for model in names(row.get("models"))),
                budget_id=row.get("budget_id") or None,
                spend_nano_usd=spend(row),
                **stamps(row, self._now_us),
            )

        return list(self.each("tags", "tag_name", tag))

    def each(self, table: str, column: str, made: Callable[[Row, str], R]) -> Iterator[R]:
        """What is made of each row that can be read; `column` names it."""
        for row in self._tables[table]:
            name = str(row[column])
            try:
                yield made(row, name)
            except CannotImport as error:
                self._findings.add(f"{table.replace('_', ' ')} not imported: {error}", name)

    def _team_member(self, team: str, user: str, role: str, row: Row, default: str | None) -> TeamMemberRow:
        """`default` is the budget that the team writes on all its members."""
        budget = row.get("budget_id")
        return TeamMemberRow(
            team_id=team,
            user_id=user,
            role=role,
            limits=NO_LIMITS if budget == default else self._shared(budget),
            spend_nano_usd=spend(row, "spend", "total_spend"),
            **stamps(row, self._now_us),
        )

    def _common(self, row: Row, kind: str, name: str) -> dict[str, Any]:
        return {
            "models": names(row.get("models")),
            "metadata": metadata_of(row, kind, name, self._findings),
            "limits": limits_of(row),
            "spend_nano_usd": spend(row),
        } | stamps(row, self._now_us)

    def _shared(self, budget_id: Any) -> Limits:
        """The limits of a budget of LiteLLM's. Raises CannotImport where it could not be read."""
        if not budget_id:
            return NO_LIMITS
        if not isinstance(budget_id, str) or budget_id not in self._budgets:
            raise CannotImport(f"its budget '{budget_id}' was not imported")
        return self._budgets[budget_id]

    def _role(self, role: str | None, roles: Iterable[str], what: str, name: str) -> str:
        if role and role not in roles:
            self._findings.add(f"{what} (internal_user_viewer here)", name)
            return Role.INTERNAL_USER_VIEWER.value
        return role or Role.INTERNAL_USER.value

    def _members(self) -> Iterator[tuple[str, str, str]]:
        """(team, user, role) of all members; one that is named by address alone is found by it."""
        addresses = {
            row.get("user_email"): row.get("user_id") for row in self._tables["users"] if row.get("user_email")
        }
        for row in self._tables["teams"]:
            for member in documents(row.get("members_with_roles")):
                user = member.get("user_id") or addresses.get(member.get("user_email"))
                if user:
                    yield row["team_id"], user, "admin" if member.get("role") == "admin" else "user"
                else:
                    self._findings.add("team members without a user", row.get("team_alias") or row["team_id"])
