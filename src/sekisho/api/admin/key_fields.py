"""The fields of LiteLLM's key requests.

Flows in: JSON bodies. Flows out: fields of a `KeyRow`. Must stay true: an absent field leaves the stored one, null
unsets it.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from sekisho.api.admin.fields import Aliases, Body, Described, Names, NotEnforced, described, plain, refuse_unenforced
from sekisho.api.admin.limit_fields import Name, Usd
from sekisho.core.errors import MalformedRequest
from sekisho.core.money import nano_usd
from sekisho.store.keys import KeyRow
from sekisho.store.limits import NO_LIMITS

#: What `key_type` stands for: the groups of routes that such a key may call.
KEY_TYPES: dict[str, tuple[str, ...]] = {
    "default": (),
    "llm_api": ("llm_api_routes",),
    "management": ("management_routes",),
    "read_only": ("info_routes",),
}
#: The groups that `allowed_routes` may name.
ROUTE_GROUPS = frozenset(name for names in KEY_TYPES.values() for name in names)
#: No key lives longer: a guard against dates that no calendar has.
YEARS_MAX = 100
_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d|w|mo)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
#: Keys named by one request.
KEYS_MAX = 400
BULK_MAX = 500


def _none_is_empty(value: Any) -> Any:
    """LiteLLM's client sends null for the list that it does not mean."""
    return [] if value is None else value


Listed = Annotated[list[Name], BeforeValidator(_none_is_empty), Field(max_length=KEYS_MAX, default_factory=list)]


class KeyFields(Described):
    """What `/key/generate` and `/key/update` read; the rest is looked at by `refuse_unenforced`."""

    key: Name | None = None
    key_alias: Name | None = None
    duration: Name | None = None
    models: Names | None = None
    aliases: Aliases | None = None
    spend: Usd | None = None
    user_id: Name | None = None
    team_id: Name | None = None
    organization_id: Name | None = None
    project_id: Name | None = None
    budget_id: Name | None = None
    blocked: bool | None = None
    allowed_routes: list[Name] | None = None
    key_type: Name | None = None


class RegenerateFields(KeyFields):
    """`grace_period`: how long the former key goes on working, as a duration; nothing: not at all."""

    new_key: Name | None = None
    grace_period: Name | None = None
    new_master_key: Name | None = None


class KeyName(Body):
    """One key, by itself or by its hash."""

    key: Name


class KeyNames(Body):
    """Keys to delete or to show."""

    keys: Listed
    key_aliases: Listed


class BulkKeyUpdate(Body):
    """Several updates, each of which stands or falls alone."""

    keys: Annotated[list[KeyFields], Field(min_length=1, max_length=BULK_MAX)]


class ResetSpend(Body):
    reset_to: Usd


class KeyListQuery(BaseModel):
    """Parameters of `/key/list`. The last three ask for what this version does not have."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    size: Annotated[int, Field(ge=1, le=100)] = 10
    user_id: Name | None = None
    team_id: Name | None = None
    organization_id: Name | None = None
    project_id: Name | None = None
    key_hash: Name | None = None
    key_alias: Name | None = None
    return_full_object: bool = False
    include_team_keys: bool = False
    include_created_by_keys: bool = False
    expand: list[Literal["user"]] | None = None
    sort_by: Literal["created_at", "updated_at", "spend", "key_alias", "user_id", "team_id"] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"
    access_group_id: Name | None = None
    agent_id: Name | None = None
    status: Name | None = None

    def refuse_unsupported(self) -> None:
        """Raises NotEnforced naming a parameter that would not narrow the list as asked."""
        for name in ("access_group_id", "agent_id", "status"):
            if getattr(self, name):
                raise NotEnforced(name, "Leave it out.")


def check_key_fields(sent: KeyFields) -> None:
    """Raises NotEnforced for what is set and has no effect in this version."""
    refuse_unenforced(sent)
    unknown = sorted(set(sent.allowed_routes or ()) - ROUTE_GROUPS)
    if unknown:
        raise NotEnforced("allowed_routes", f"Only {', '.join(sorted(ROUTE_GROUPS))} are.")
    if sent.key_type is not None and sent.key_type not in KEY_TYPES:
        raise NotEnforced("key_type", f"Only {', '.join(KEY_TYPES)} are.")
    if isinstance(sent, RegenerateFields) and sent.new_master_key:
        raise NotEnforced("new_master_key", "The master key is changed in the configuration.")


def key_columns(sent: KeyFields, present: KeyRow | None, now_us: int) -> dict[str, Any]:
    """The `KeyRow` fields that a body sets. `present` is the row that an update changes.

    Raises MalformedRequest for a duration, metadata or a limit that cannot be meant.
    """
    given = sent.model_fields_set
    names = ("key_alias", "user_id", "team_id", "organization_id", "project_id", "budget_id")
    fields = plain(sent, *names, "models", "blocked", "allowed_routes")
    if "aliases" in given:
        fields["aliases"] = checked_aliases(sent.aliases or {})
    if sent.key_type is not None:
        fields["key_type"] = sent.key_type
        if not sent.allowed_routes:
            fields["allowed_routes"] = KEY_TYPES[sent.key_type]
    if sent.spend is not None:
        fields["spend_nano_usd"] = nano_usd(sent.spend)
    if "duration" in given:
        fields["expires_us"] = expiry_us(sent.duration, now_us)
    metadata, limits = ({}, NO_LIMITS) if present is None else (present.metadata, present.limits)
    return fields | described(sent, metadata, limits)


def checked_aliases(aliases: dict[str, str]) -> dict[str, str]:
    """The same. Raises MalformedRequest when names lead round in a circle."""
    for first, second in aliases.items():
        name, seen = second, {first}
        while name in aliases and name not in seen:
            seen.add(name)
            name = aliases[name]
        if name in seen and second != first:
            raise MalformedRequest(f"The alias '{first}' leads back to itself.", param="aliases")
    return aliases


def expiry_us(duration: str | None, now_us: int, param: str = "duration") -> int | None:
    """When a key of this life ends (epoch µs): `30s`, `30m`, `30h`, `30d`, `1w`, `1mo`; "-1", "" or None for never."""
    if duration in {None, "", "-1"}:
        return None
    match = _DURATION.fullmatch(duration or "")
    if match is None:
        raise MalformedRequest(f"'{param}' must be like 30s, 30m, 30h, 30d, 1w or 1mo, or -1.", param=param)
    count, unit = int(match[1]), match[2]
    if unit == "mo":
        seconds_us = _months_later_us(now_us, min(count, YEARS_MAX * 12)) - now_us
    else:
        seconds_us = count * _SECONDS[unit] * 1_000_000
    return now_us + min(seconds_us, YEARS_MAX * 366 * 86_400 * 1_000_000)


def _months_later_us(now_us: int, months: int) -> int:
    """The same day and time so many months on, or that month's last day."""
    now = dt.datetime.fromtimestamp(now_us // 1_000_000, dt.UTC)
    years, month = divmod(now.month - 1 + months, 12)
    year = now.year + years
    day = min(now.day, calendar.monthrange(year, month + 1)[1])
    return round(now.replace(year=year, month=month + 1, day=day).timestamp()) * 1_000_000 + now_us % 1_000_000
