"""The rows of the directory: who there is, and what binds them. The tables are in domain.py.

Flows in: columns. Flows out: frozen rows. Must stay true: times are epoch µs UTC, money is nano-USD; empty `models`
mean all; `spend_nano_usd` is all-time spend, which only the ledger's transactions add to.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.store import domain, schema
from sekisho.store.access_keys import AccessKeyRow
from sekisho.store.entities import Entities
from sekisho.store.keys import KeyRow
from sekisho.store.limits import NO_LIMITS, Limits


class Stamped(msgspec.Struct, frozen=True, kw_only=True):
    """Who made a row and changed it last, and when."""

    created_us: int
    created_by: str | None = None
    updated_us: int
    updated_by: str | None = None


class BudgetRow(Stamped, frozen=True, kw_only=True):
    """Limits that several scopes share by naming them."""

    budget_id: str
    limits: Limits = NO_LIMITS


class OrganizationRow(Stamped, frozen=True, kw_only=True):
    organization_id: str
    organization_alias: str | None = None
    models: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    limits: Limits = NO_LIMITS
    budget_id: str | None = None
    residency: dict[str, Any] = {}
    blocked: bool = False
    spend_nano_usd: int = 0


class TeamRow(Stamped, frozen=True, kw_only=True):
    """`member_limits` bind a member whose own say nothing; a plain member may do what `member_permissions` name."""

    team_id: str
    team_alias: str | None = None
    organization_id: str | None = None
    models: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    limits: Limits = NO_LIMITS
    member_limits: Limits = NO_LIMITS
    member_permissions: tuple[str, ...] = ()
    bound: dict[str, Any] = {}
    blocked: bool = False
    spend_nano_usd: int = 0


class ProjectRow(Stamped, frozen=True, kw_only=True):
    project_id: str
    team_id: str | None = None
    project_alias: str | None = None
    models: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    limits: Limits = NO_LIMITS
    blocked: bool = False
    spend_nano_usd: int = 0


class UserRow(Stamped, frozen=True, kw_only=True):
    user_id: str
    user_email: str | None = None
    user_alias: str | None = None
    user_role: str = "internal_user"
    models: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    limits: Limits = NO_LIMITS
    sso_user_id: str | None = None
    password_hash: str | None = None
    blocked: bool = False
    spend_nano_usd: int = 0


class TeamMemberRow(Stamped, frozen=True, kw_only=True):
    """`role` is admin or user."""

    team_id: str
    user_id: str
    role: str = "user"
    limits: Limits = NO_LIMITS
    spend_nano_usd: int = 0


class OrganizationMemberRow(Stamped, frozen=True, kw_only=True):
    """`role` is org_admin, internal_user or internal_user_viewer."""

    organization_id: str
    user_id: str
    role: str = "internal_user"
    limits: Limits = NO_LIMITS
    spend_nano_usd: int = 0


class EndUserRow(Stamped, frozen=True, kw_only=True):
    end_user_id: str
    alias: str | None = None
    blocked: bool = False
    limits: Limits = NO_LIMITS
    budget_id: str | None = None
    default_model: str | None = None
    allowed_model_region: str | None = None
    spend_nano_usd: int = 0


class TagRow(Stamped, frozen=True, kw_only=True):
    name: str
    description: str | None = None
    models: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    budget_id: str | None = None
    spend_nano_usd: int = 0


class PoolRow(Stamped, frozen=True, kw_only=True):
    """A budget that chosen keys share; which keys, says `pool_keys`."""

    pool_id: str
    pool_alias: str | None = None
    limits: Limits = NO_LIMITS
    spend_nano_usd: int = 0


class PoolKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key that shares a pool's limits."""

    key_hash: str
    pool_id: str


class ModelRow(Stamped, frozen=True, kw_only=True):
    """A model beside the configuration's. `params` is sealed under `root_id`."""

    model_id: str
    model_name: str
    params: str
    root_id: str
    info: dict[str, Any] = {}
    blocked: bool = False


class CredentialRow(Stamped, frozen=True, kw_only=True):
    """What stored models have alike that name it. `params` is sealed under `root_id`."""

    credential_name: str
    params: str
    root_id: str
    info: dict[str, Any] = {}


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change: who made it, and the row as JSON before and after; None for no row."""

    change_id: str
    at_us: int
    actor: str | None = None
    action: str
    object_kind: str
    object_id: str
    before: str | None = None
    after: str | None = None


BUDGETS = Entities(domain.budgets, "budget", BudgetRow)
ORGANIZATIONS = Entities(domain.organizations, "organization", OrganizationRow)
TEAMS = Entities(domain.teams, "team", TeamRow)
PROJECTS = Entities(domain.projects, "project", ProjectRow)
USERS = Entities(domain.users, "user", UserRow, secret=["password_hash"])
TEAM_MEMBERS = Entities(domain.team_members, "team_member", TeamMemberRow)
ORGANIZATION_MEMBERS = Entities(domain.organization_members, "organization_member", OrganizationMemberRow)
END_USERS = Entities(domain.end_users, "end_user", EndUserRow)
TAGS = Entities(domain.tags, "tag", TagRow)
POOLS = Entities(domain.pools, "pool", PoolRow)
POOL_KEYS = Entities(schema.pool_keys, "pool_key", PoolKeyRow)
MODELS = Entities(domain.models, "model", ModelRow, secret=["params"])
CREDENTIALS = Entities(domain.credentials, "credential", CredentialRow, secret=["params"])
KEYS = Entities(schema.keys, "key", KeyRow)
ACCESS_KEYS = Entities(schema.access_keys, "access_key", AccessKeyRow, secret=["secret"])
AUDIT = Entities(domain.audit_changes, "audit", AuditRow)
