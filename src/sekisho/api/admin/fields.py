"""The fields of LiteLLM's key requests: what is read, what is refused by name, what is unknown.

Flows in: JSON bodies. Flows out: fields of a `KeyRow`. Must stay true: a field that this version does not enforce is
refused when it is set, never stored and forgotten; an absent field leaves the stored one, null unsets it.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from sekisho.api.admin.refused import REFUSED_FIELDS, REFUSED_METADATA
from sekisho.core.errors import CallerError, ErrorClass, MalformedRequest
from sekisho.core.money import NANO_PER_USD
from sekisho.store.keys import KeyRow

#: What `key_type` stands for: the routes that such a key may call.
KEY_TYPES = {"default": (), "llm_api": ("llm_api_routes",)}
#: The only value of `allowed_routes` that is enforced.
LLM_ROUTES = ["llm_api_routes"]

Name = Annotated[str, Field(max_length=256)]
#: No key lives longer: a guard against dates that no calendar has.
YEARS_MAX = 100
_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d|w|mo)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_HEADER_SAFE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class NotEnforced(CallerError):
    """A setting of LiteLLM's that would have no effect here."""

    error_class = ErrorClass.UNSUPPORTED_FEATURE

    def __init__(self, name: str, advice: str = "Leave it out or send null.") -> None:
        super().__init__(f"'{name}' is not enforced by this version of Sekisho. {advice}", param=name)


class KeyFields(BaseModel):
    """What `/key/generate` and `/key/update` read; the rest is looked at by `refuse_unenforced`."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    key: Name | None = None
    key_alias: Name | None = None
    duration: Name | None = None
    models: Annotated[list[Name], Field(max_length=1_000)] | None = None
    aliases: dict[Name, Name] | None = None
    spend: Annotated[float, Field(ge=0, le=1e9)] | None = None
    user_id: Name | None = None
    team_id: Name | None = None
    metadata: dict[str, Any] | None = None
    tags: Annotated[list[Name], Field(max_length=100)] | None = None
    blocked: bool | None = None
    allowed_routes: list[Name] | None = None
    key_type: Name | None = None


class KeyName(BaseModel):
    """One key, by itself or by its hash."""

    model_config = ConfigDict(extra="allow")

    key: Name


class KeyNames(BaseModel):
    """Keys to delete."""

    model_config = ConfigDict(extra="allow")

    keys: Annotated[list[Name], Field(max_length=400)] = []
    key_aliases: Annotated[list[Name], Field(max_length=400)] = []


class KeyListQuery(BaseModel):
    """Parameters of `/key/list`. The last five ask for what this version does not have."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    size: Annotated[int, Field(ge=1, le=100)] = 10
    user_id: Name | None = None
    team_id: Name | None = None
    key_hash: Name | None = None
    key_alias: Name | None = None
    return_full_object: bool = False
    sort_by: Literal["created_at", "updated_at", "spend", "key_alias", "user_id", "team_id"] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"
    organization_id: Name | None = None
    project_id: Name | None = None
    access_group_id: Name | None = None
    status: Name | None = None
    expand: list[Name] | None = None

    def refuse_unsupported(self) -> None:
        """Raises NotEnforced naming a parameter that would not narrow the list as asked."""
        for name in ("organization_id", "project_id", "access_group_id", "status", "expand"):
            if getattr(self, name):
                raise NotEnforced(name, "Leave it out.")


def refuse_unenforced(fields: KeyFields) -> None:
    """Raises NotEnforced naming the first field that is set and has no effect in this version."""
    extra = fields.model_extra or {}
    for name in sorted(REFUSED_FIELDS & extra.keys()):
        if not _is_empty(extra[name]):
            raise NotEnforced(name)
    for name in sorted(REFUSED_METADATA & (fields.metadata or {}).keys()):
        if not _is_empty((fields.metadata or {})[name]):
            raise NotEnforced(f"metadata.{name}")
    if fields.allowed_routes and fields.allowed_routes != LLM_ROUTES:
        raise NotEnforced("allowed_routes", f"Only {LLM_ROUTES} is.")
    if fields.key_type is not None and fields.key_type not in KEY_TYPES:
        raise NotEnforced("key_type", f"Only {', '.join(KEY_TYPES)} are.")


def unknown_fields(body: BaseModel) -> str:
    """The names in a body that mean nothing here, as a header's value; empty when there are none."""
    names = (body.model_extra or {}).keys() - REFUSED_FIELDS
    return ", ".join(sorted(name for name in names if _HEADER_SAFE.fullmatch(name))[:20])


def row_fields(sent: KeyFields, present: KeyRow | None, now_us: int) -> dict[str, Any]:
    """The `KeyRow` fields that a body sets. `present` is the row that an update changes.

    Raises MalformedRequest for a duration or metadata that cannot be read.
    """
    given = sent.model_fields_set
    fields: dict[str, Any] = {
        name: value
        for name, value in (
            ("key_alias", sent.key_alias or None),
            ("user_id", sent.user_id or None),
            ("team_id", sent.team_id or None),
            ("models", tuple(sent.models or ())),
            ("aliases", sent.aliases or {}),
            ("blocked", bool(sent.blocked)),
            ("allowed_routes", tuple(sent.allowed_routes or ())),
        )
        if name in given
    }
    if sent.key_type is not None and not sent.allowed_routes:
        fields["allowed_routes"] = KEY_TYPES[sent.key_type]
    if sent.spend is not None:
        fields["spend_nano_usd"] = int((Decimal(str(sent.spend)) * NANO_PER_USD).to_integral_value())
    if "duration" in given:
        fields["expires_us"] = expiry_us(sent.duration, now_us)
    if {"metadata", "tags"} & given:
        fields["metadata"] = _metadata(sent, present)
    return fields


def expiry_us(duration: str | None, now_us: int) -> int | None:
    """When a key of this life ends (epoch µs): `30s`, `30m`, `30h`, `30d`, `1w`, `1mo`; "-1", "" or None for never."""
    if duration in {None, "", "-1"}:
        return None
    match = _DURATION.fullmatch(duration or "")
    if match is None:
        raise MalformedRequest("'duration' must be like 30s, 30m, 30h, 30d, 1w or 1mo, or -1.", param="duration")
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


def _metadata(sent: KeyFields, present: KeyRow | None) -> dict[str, Any]:
    """Metadata is replaced whole; tags stand inside it, and go into the present one when they come alone."""
    if "metadata" in sent.model_fields_set:
        metadata = dict(sent.metadata or {})
    else:
        metadata = dict(present.metadata) if present is not None else {}
    if "tags" in sent.model_fields_set:
        metadata.pop("tags", None)
        if sent.tags:
            metadata["tags"] = sent.tags
    try:
        msgspec.json.encode(metadata)
    except (UnicodeEncodeError, RecursionError):
        raise MalformedRequest(
            "'metadata' is nested too deep or holds text that is not Unicode.", param="metadata"
        ) from None
    return metadata


def _is_empty(value: Any) -> bool:
    """Not set: null, "", [], {} or false. Zero is a limit."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)
