"""Who may call what of the management API: one table, endpoint by endpoint.

Flows in: a method and a path. Flows out: the endpoint's `Rule`. Must stay true: an endpoint without a line here is
served to nobody but proxy administrators (a test compares the table with the routes); a viewer's role never writes.

A proxy administrator (and the master key) may do everything. `proxy_admin_viewer` sees everything: the lines that
read. Everybody else needs one of the line's reaches over the very object that is asked for; see `access.py`.
"""

from __future__ import annotations

import enum
import functools

import msgspec


class Role(enum.StrEnum):
    """LiteLLM's `user_role`. A key without a user has none of its own: it is treated as `internal_user`."""

    PROXY_ADMIN = "proxy_admin"
    PROXY_ADMIN_VIEWER = "proxy_admin_viewer"
    INTERNAL_USER = "internal_user"
    INTERNAL_USER_VIEWER = "internal_user_viewer"


class Reach(enum.Flag):
    """By what a caller may have to do with an object."""

    NONE = 0
    #: It belongs to an organisation that the caller administers.
    ORGANIZATION = enum.auto()
    #: It is, or belongs to, a team that the caller administers.
    TEAM = enum.auto()
    #: The caller belongs to the team or organisation, which has no more to say.
    MEMBER = enum.auto()
    #: A key of the caller's team, its own or nobody's, and the team's `team_member_permissions` name the path.
    PERMITTED = enum.auto()
    #: It is the caller itself, or a key of the caller's that belongs to no team.
    SELF = enum.auto()
    #: It is the key that asks, or the team of that key.
    KEY = enum.auto()


ORGANIZATION, TEAM, MEMBER, PERMITTED, SELF, KEY = (
    Reach.ORGANIZATION,
    Reach.TEAM,
    Reach.MEMBER,
    Reach.PERMITTED,
    Reach.SELF,
    Reach.KEY,
)
NOBODY = Reach.NONE
#: Every caller with a key, of something that is its own in some way.
ANYBODY = ORGANIZATION | TEAM | MEMBER | PERMITTED | SELF | KEY
_LEADERS = ORGANIZATION | TEAM
_KEYS = _LEADERS | PERMITTED | SELF
#: What was used: everybody sees their own (visible.py).
_SPEND = _LEADERS | SELF | KEY


class Rule(msgspec.Struct, frozen=True):
    """One endpoint: whether it only reads, and who besides proxy administrators (and viewers, if it reads) may."""

    method: str
    path: str
    reads: bool
    reach: Reach

    @property
    def permission(self) -> str:
        """What a team's `team_member_permissions` call this endpoint."""
        return "/key/regenerate" if self.path == "/key/{key}/regenerate" else self.path


def _reads(method: str, path: str, reach: Reach = NOBODY) -> Rule:
    return Rule(method, path, True, reach)


def _writes(path: str, reach: Reach = NOBODY, method: str = "POST") -> Rule:
    return Rule(method, path, False, reach)


RULES: tuple[Rule, ...] = (
    # keys
    _writes("/key/generate", _KEYS),
    _writes("/key/service-account/generate", _LEADERS | PERMITTED),
    _writes("/key/update", _KEYS),
    _writes("/key/bulk_update"),
    _writes("/key/delete", _KEYS),
    _writes("/key/regenerate", _KEYS),
    _writes("/key/{key}/regenerate", _KEYS),
    _writes("/key/block", _LEADERS | PERMITTED),
    _writes("/key/unblock", _LEADERS | PERMITTED),
    _writes("/key/{key}/reset_spend", _LEADERS),
    _reads("GET", "/key/info", _KEYS | KEY),
    _reads("POST", "/v2/key/info", _KEYS | KEY),
    _reads("GET", "/key/list", ANYBODY),
    _reads("GET", "/key/aliases", ANYBODY),
    _reads("POST", "/key/health", ANYBODY),
    # users
    _writes("/user/new", ORGANIZATION),
    _writes("/user/update", SELF),
    _writes("/user/bulk_update"),
    _writes("/user/delete"),
    _reads("GET", "/user/info", ORGANIZATION | SELF | KEY),
    _reads("GET", "/v2/user/info", ORGANIZATION | SELF | KEY),
    _reads("GET", "/user/list", ORGANIZATION),
    _reads("GET", "/user/available_roles", ANYBODY),
    _reads("GET", "/user/available_users"),
    _reads("GET", "/user/filter/ui", ORGANIZATION),
    _reads("GET", "/user/daily/activity", ORGANIZATION | TEAM | SELF),
    _reads("GET", "/user/daily/activity/aggregated", ORGANIZATION | TEAM | SELF),
    # teams
    _writes("/team/new", ORGANIZATION),
    _writes("/team/update", _LEADERS),
    _writes("/team/delete", ORGANIZATION),
    _writes("/team/block", ORGANIZATION),
    _writes("/team/unblock", ORGANIZATION),
    _writes("/team/member_add", _LEADERS),
    _writes("/team/bulk_member_add", _LEADERS),
    _writes("/team/member_update", _LEADERS),
    _writes("/team/member_delete", _LEADERS),
    _writes("/team/permissions_update", _LEADERS),
    _writes("/team/model/add", ORGANIZATION),
    _writes("/team/model/delete", ORGANIZATION),
    _reads("GET", "/team/permissions_list", _LEADERS | MEMBER),
    _reads("GET", "/team/info", _LEADERS | MEMBER | KEY),
    _reads("GET", "/team/list", ANYBODY),
    _reads("GET", "/team/available", ANYBODY),
    _reads("GET", "/v2/team/list", ANYBODY),
    _reads("GET", "/team/daily/activity", _LEADERS),
    # projects
    _writes("/project/new", _LEADERS),
    _writes("/project/update", _LEADERS),
    _writes("/project/delete", _LEADERS),
    _reads("GET", "/project/info", _LEADERS | MEMBER),
    _reads("GET", "/project/list", ANYBODY),
    # organisations
    _writes("/organization/new"),
    _writes("/organization/update"),
    _writes("/organization/update", method="PATCH"),
    _writes("/v2/organization/{organization_id}", method="PATCH"),
    _writes("/organization/delete"),
    _writes("/organization/delete", method="DELETE"),
    _writes("/organization/member_add", ORGANIZATION),
    _writes("/organization/member_update", ORGANIZATION),
    _writes("/organization/member_update", ORGANIZATION, method="PATCH"),
    _writes("/organization/member_delete", ORGANIZATION),
    _writes("/organization/member_delete", ORGANIZATION, method="DELETE"),
    _reads("GET", "/organization/info", ORGANIZATION | MEMBER),
    _reads("GET", "/organization/list", ANYBODY),
    _reads("GET", "/organization/daily/activity", ORGANIZATION),
    # budgets, customers, tags, pools
    _writes("/budget/new"),
    _writes("/budget/update"),
    _writes("/budget/delete"),
    _reads("POST", "/budget/info"),
    _reads("GET", "/budget/settings"),
    _reads("GET", "/budget/list"),
    *(
        rule
        for name in ("customer", "end_user")
        for rule in (
            _writes(f"/{name}/new"),
            _writes(f"/{name}/update"),
            _writes(f"/{name}/delete"),
            _writes(f"/{name}/block"),
            _writes(f"/{name}/unblock"),
            _reads("GET", f"/{name}/info"),
            _reads("GET", f"/{name}/list"),
            _reads("GET", f"/{name}/daily/activity"),
        )
    ),
    _writes("/tag/new"),
    _writes("/tag/update"),
    _writes("/tag/delete"),
    _reads("POST", "/tag/info"),
    _reads("GET", "/tag/list"),
    _reads("GET", "/tag/daily/activity"),
    _writes("/sekisho/v1/pools"),
    _writes("/sekisho/v1/pools/{pool_id}", method="PATCH"),
    _writes("/sekisho/v1/pools/{pool_id}", method="DELETE"),
    _reads("GET", "/sekisho/v1/pools"),
    # spend and audit
    *(
        _reads("GET", path, _SPEND)
        for path in (
            "/spend/logs",
            "/spend/logs/v2",
            "/spend/logs/ui",
            "/spend/logs/ui/{request_id}",
            "/spend/logs/session/ui",
            "/spend/keys",
            "/spend/users",
            "/spend/tags",
            "/global/spend",
            "/global/spend/logs",
            "/global/spend/keys",
            "/global/spend/teams",
            "/global/spend/models",
            "/global/spend/provider",
            "/global/spend/report",
            "/global/spend/tags",
            "/global/spend/all_tag_names",
            "/global/activity",
            "/global/activity/model",
        )
    ),
    _reads("POST", "/global/spend/end_users", _SPEND),
    _writes("/global/spend/reset"),
    _reads("POST", "/spend/calculate", ANYBODY),
    _reads("POST", "/cost/estimate", ANYBODY),
    _reads("GET", "/sekisho/v1/usage", _SPEND),
    _reads("GET", "/sekisho/v1/me", ANYBODY),
    _reads("GET", "/openapi.json", ANYBODY),
    _reads("GET", "/audit"),
    _reads("GET", "/audit/{change_id}"),
    # models
    _writes("/model/new"),
    _writes("/model/update"),
    _writes("/model/{model_id}/update", method="PATCH"),
    _writes("/model/delete"),
    _writes("/credentials"),
    _writes("/credentials/{credential_name}", method="PATCH"),
    _writes("/credentials/{credential_name}", method="DELETE"),
    _reads("GET", "/credentials"),
    _reads("GET", "/credentials/by_name/{credential_name}"),
    # access-key pairs
    _writes("/sekisho/v1/key/aws-credentials"),
    _writes("/sekisho/v1/key/aws-credentials/{access_key_id}", method="DELETE"),
    _writes("/sekisho/v1/key/aws-credentials/{access_key_id}/block"),
    _writes("/sekisho/v1/key/aws-credentials/{access_key_id}/unblock"),
    _reads("GET", "/sekisho/v1/key/aws-credentials"),
)

_EXACT = {(rule.method, rule.path): rule for rule in RULES if "{" not in rule.path}
_PATTERNS = tuple(rule for rule in RULES if "{" in rule.path)

#: What `team_member_permissions` may name, and what a team's members may do where it names nothing.
MEMBER_PERMISSIONS = tuple(
    dict.fromkeys(rule.permission for rule in RULES if PERMITTED in rule.reach and rule.path.startswith("/key/"))
)
DEFAULT_MEMBER_PERMISSIONS = ("/key/info", "/key/health")


@functools.lru_cache(maxsize=1024)
def rule_for(method: str, path: str) -> Rule | None:
    """The line of the table for a request; None for a path that no line names."""
    return _EXACT.get((method, path)) or next(
        (rule for rule in _PATTERNS if rule.method == method and _fits(rule.path, path)), None
    )


def _fits(pattern: str, path: str) -> bool:
    """Segment by segment, `{name}` taking any one that is not empty."""
    wanted, given = pattern.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        part == segment or (part.startswith("{") and segment != "") for part, segment in zip(wanted, given, strict=True)
    )
