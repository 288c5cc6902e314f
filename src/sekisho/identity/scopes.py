"""What binds a caller: the scopes whose models, limits and blocks all hold together.

Flows in: rows of a key, its team, organisation, user, the user's memberships in both, project and pools. Flows out:
`Scope`s. Must stay true: a scope that exists binds; a user's own limits bind keys without a team only, unless the
user's metadata says otherwise; what a scope names itself holds over the shared budget that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from sekisho.store.bindings import BINDS_TEAM_KEYS, Binding, Columns, member_id
from sekisho.store.limits import NO_LIMITS, Limits, decode_limits, laid_over

Kind = Literal[
    "organization",
    "organization_member",
    "team",
    "project",
    "team_member",
    "user",
    "key",
    "end_user",
    "tag",
    "pool",
    "gateway",
]
#: Special names in a list of models.
ALL_MODELS = frozenset({"all-proxy-models", "all-team-models", "*"})
NO_MODELS = "no-default-models"

_names = msgspec.json.Decoder(tuple[str, ...])
_map = msgspec.json.Decoder(dict[str, str])
_object = msgspec.json.Decoder(dict[str, Any])


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that binds a caller. `name` is what people call it. Empty `models` mean all; `aliases` are model name
    -> model name. `since_us` is when it was made (epoch µs UTC).
    """

    kind: Kind
    id: str
    name: str = ""
    limits: Limits = NO_LIMITS
    models: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    blocked: bool = False
    since_us: int = 0


def scopes_of(binding: Binding) -> tuple[Scope, ...]:
    """All that bind this key, from the key outwards."""
    return tuple(_scopes(binding))


def scope_of_row(kind: Kind, name: str, row: Columns, base: Limits = NO_LIMITS) -> Scope:
    """A scope from its row: `{kind}_id` or `id`, `limits`, and `models`, `aliases`, `blocked` where it has them."""
    return Scope(
        kind=kind,
        id=row["id"] if "id" in row else row[f"{kind}_id"],
        name=name,
        limits=laid_over(decode_limits(row["limits"]), base),
        models=_names.decode(row["models"]) if "models" in row else (),
        aliases=_map.decode(row["aliases"]) if "aliases" in row else {},
        blocked=bool(row.get("blocked", False)),
        since_us=row["created_us"],
    )


def depends_on(binding: Binding) -> frozenset[tuple[str, str]]:
    """(kind, id) of everything whose change changes what binds this key, also of what does not exist yet."""
    key, parts = binding.key, binding.parts
    organization_id = key.organization_id or parts.get("team", {}).get("organization_id")
    ids = {
        ("key", key.token),
        ("team", key.team_id),
        ("user", key.user_id),
        ("project", key.project_id),
        ("organization", organization_id),
        ("budget", key.budget_id),
        ("budget", parts.get("organization", {}).get("budget_id")),
        *(("pool", pool["pool_id"]) for pool in binding.pools),
    }
    if key.user_id is not None:
        places = (("team_member", key.team_id), ("organization_member", organization_id))
        ids.update((kind, f"{place}/{key.user_id}") for kind, place in places if place is not None)
    return frozenset((kind, name) for kind, name in ids if name is not None)


def residency_of(binding: Binding) -> tuple[dict[str, Any], ...]:
    """Where calls of this key may be processed, in the words of `sekisho.residency`: each of these holds."""
    rules = (("team", "bound"), ("organization", "residency"))
    texts = (binding.parts[part][name] for part, name in rules if part in binding.parts)
    return tuple(_object.decode(text) for text in texts if text != "{}")


def role_of(binding: Binding) -> str:
    """The role of the key's user; "" without a user."""
    return str(binding.parts["user"]["user_role"]) if "user" in binding.parts else ""


def tags_of(binding: Binding) -> tuple[str, ...]:
    """The tags that the key and its team put on every call."""
    team = binding.parts.get("team")
    named = [binding.key.metadata.get("tags"), _object.decode(team["metadata"]).get("tags") if team else None]
    return tuple(dict.fromkeys(str(tag) for tags in named if isinstance(tags, list) for tag in tags))


def joined(scopes: tuple[Scope, ...], declared: tuple[Scope, ...]) -> tuple[Scope, ...]:
    """Both; of two of the same thing one, in which what is declared of it holds, field by field."""
    known = {(scope.kind, scope.id): scope for scope in declared}
    kept = tuple(scope for scope in scopes if (scope.kind, scope.id) not in known)
    for scope in scopes:
        if (other := known.get((scope.kind, scope.id))) is not None:
            limits = laid_over(other.limits, scope.limits)
            known[scope.kind, scope.id] = msgspec.structs.replace(other, limits=limits)
    return (*kept, *known.values())


def lists(models: Sequence[str], names: Iterable[str]) -> bool:
    """Whether a list of models admits one of these names of a model.

    No list admits every model. Names match exactly, or as wildcards (`openai/*`). `all-team-models` admits all, for the
    team's own list holds too. `no-default-models` admits nothing by itself.
    """
    if not models or not ALL_MODELS.isdisjoint(models):
        return True
    return any(pattern != NO_MODELS and _matches(pattern, name) for pattern in models for name in names)


def _scopes(binding: Binding) -> Iterator[Scope]:
    key, parts = binding.key, binding.parts
    yield Scope(
        kind="key",
        id=key.token,
        name=key.key_alias or key.key_name,
        limits=laid_over(key.limits, _shared(parts.get("budget_of_key"))),
        models=key.models,
        aliases=key.aliases,
        blocked=key.blocked,
        since_us=key.created_us,
    )
    for pool in binding.pools:
        yield scope_of_row("pool", pool["pool_alias"] or pool["pool_id"], pool)
    if key.user_id is not None and "team" in parts:
        yield _member(key.user_id, parts["team"], parts.get("team_member"))
    if (user := parts.get("user")) is not None:
        yield from _user(user, has_team=key.team_id is not None)
    if (project := parts.get("project")) is not None:
        yield scope_of_row("project", project["project_alias"] or project["project_id"], project)
    if (team := parts.get("team")) is not None:
        yield scope_of_row("team", team["team_alias"] or team["team_id"], team)
    if (organization := parts.get("organization")) is not None:
        name = organization["organization_alias"] or organization["organization_id"]
        if (member := parts.get("organization_member")) is not None:
            yield _member_of_organization(member, name)
        yield scope_of_row("organization", name, organization, _shared(parts.get("budget_of_organization")))


def _member(user_id: str, team: Columns, member: Columns | None) -> Scope:
    """What the team lets this member have; its common limits for members hold where the member's own say nothing."""
    own = decode_limits(member["limits"]) if member is not None else NO_LIMITS
    return Scope(
        kind="team_member",
        id=member_id(team["team_id"], user_id),
        name=f"{user_id} in {team['team_alias'] or team['team_id']}",
        limits=laid_over(own, decode_limits(team["member_limits"])),
        since_us=member["created_us"] if member is not None else team["created_us"],
    )


def _member_of_organization(member: Columns, name: str) -> Scope:
    """What the organisation of this name lets this member have, with keys of its teams too."""
    return Scope(
        kind="organization_member",
        id=member_id(member["organization_id"], member["user_id"]),
        name=f"{member['user_id']} in {name}",
        limits=decode_limits(member["limits"]),
        since_us=member["created_us"],
    )


def _user(user: Columns, *, has_team: bool) -> Iterator[Scope]:
    """The user's scope; of a key with a team only that a blocked user is blocked."""
    whole = scope_of_row("user", user["user_alias"] or user["user_email"] or user["user_id"], user)
    if not has_team or _object.decode(user["metadata"]).get(BINDS_TEAM_KEYS) is True:
        yield whole
    elif whole.blocked:
        yield msgspec.structs.replace(whole, limits=NO_LIMITS, models=())


def _shared(budget: Columns | None) -> Limits:
    return decode_limits(budget["limits"]) if budget is not None else NO_LIMITS


def _matches(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern == name
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None
