"""What the bodies of all management requests have in common: what is read, refused by name, or unknown.

Flows in: JSON bodies. Flows out: checked values, and names for the warning header. Must stay true: a setting that this
version does not enforce is refused when it is set, never stored and forgotten; an absent field leaves the stored
value, null unsets it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sekisho.api.admin.limit_fields import IN_METADATA, LimitFields, Name, Sent, limits_from
from sekisho.api.admin.refused import REFUSED_FIELDS, REFUSED_METADATA
from sekisho.core.errors import CallerError, ErrorClass, MalformedRequest
from sekisho.store.limits import Limits

_HEADER_SAFE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
#: Unknown fields named in one answer.
NAMED_MAX = 20
ITEMS_MAX = 1_000

Names = Annotated[list[Name], Field(max_length=ITEMS_MAX)]
Aliases = Annotated[dict[Name, Name], Field(max_length=ITEMS_MAX)]


class NotEnforced(CallerError):
    """A setting of LiteLLM's that would have no effect here."""

    error_class = ErrorClass.UNSUPPORTED_FEATURE

    def __init__(self, name: str, advice: str = "Leave it out or send null.") -> None:
        super().__init__(f"'{name}' is not enforced by this version of Sekisho. {advice}", param=name)


class UnknownObject(CallerError):
    """What a request names does not exist."""

    error_class = ErrorClass.NOT_FOUND

    def __init__(self, param: str, what: str) -> None:
        super().__init__(f"'{param}' names no {what.replace('_', ' ')}.", param=param)


class ResidencyFields(BaseModel):
    """Where calls may be processed and by whom, in the words of `sekisho.residency`."""

    model_config = ConfigDict(extra="forbid")

    regions: Annotated[list[Name], Field(max_length=100, default_factory=list)]
    providers: Annotated[list[Name], Field(max_length=100, default_factory=list)]
    accounts: Annotated[list[Name], Field(max_length=100, default_factory=list)]

    @property
    def column(self) -> dict[str, Any]:
        """As it is stored: only what is said."""
        said = {"regions": self.regions, "providers": self.providers, "accounts": self.accounts}
        return {name: value for name, value in said.items() if value}


class Body(Sent):
    """Any request: fields beyond those of its class are refused or named in the answer's header."""


class Described(LimitFields):
    """A body with limits, metadata and tags: keys, users, teams, projects, organisations."""

    metadata: dict[str, Any] | None = None
    tags: Annotated[list[Name], Field(max_length=100)] | None = None


def refuse_unenforced(body: BaseModel) -> None:
    """Raises NotEnforced naming the first field that is set and has no effect in this version."""
    extra = body.model_extra or {}
    for name in sorted(REFUSED_FIELDS & extra.keys()):
        if not is_empty(extra[name]):
            raise NotEnforced(name)
    metadata = getattr(body, "metadata", None) or {}
    for name in sorted(REFUSED_METADATA & metadata.keys()):
        if not is_empty(metadata[name]):
            raise NotEnforced(f"metadata.{name}")


def unknown_fields(body: BaseModel) -> str:
    """The names in a body that mean nothing here, as a header's value; empty when there are none."""
    names = (body.model_extra or {}).keys() - REFUSED_FIELDS
    return ", ".join(sorted(name for name in names if _HEADER_SAFE.fullmatch(name))[:NAMED_MAX])


def answer(value: Any, body: BaseModel | None = None) -> Response:
    """A JSON answer; names the fields of the request that meant nothing."""
    response = Response(msgspec.json.encode(value), media_type="application/json")
    unknown = unknown_fields(body) if body is not None else ""
    if unknown:
        response.headers["x-sekisho-unknown-fields"] = unknown
    return response


def plain(sent: BaseModel, *names: str) -> dict[str, Any]:
    """The columns of these names that a body sets: empty texts are none, lists are tuples, no truth is a lie."""
    fields: dict[str, Any] = {}
    for name in names:
        if name not in sent.model_fields_set:
            continue
        value = getattr(sent, name)
        if name == "blocked":
            fields[name] = bool(value)
        elif name in {"models", "allowed_routes"}:
            fields[name] = tuple(value or ())
        else:
            fields[name] = value or None
    return fields


def described(sent: Described, metadata: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """The columns `metadata` and `limits` that a body sets, over those that there are.

    Metadata is replaced whole; tags stand inside it, and go into the present one when they come alone. Limits that
    LiteLLM's clients send inside the metadata are taken for the fields they are. Raises MalformedRequest.
    """
    given = sent.model_fields_set
    fields: dict[str, Any] = {}
    sent_limits: LimitFields = sent
    if {"metadata", "tags"} & given:
        fresh = dict(sent.metadata or {}) if "metadata" in given else dict(metadata)
        inside = {name: fresh.pop(name) for name in IN_METADATA if name in fresh}
        if inside:
            told = {name: getattr(sent, name) for name in given & LimitFields.model_fields.keys()}
            sent_limits = _inside(inside | told)
        if "tags" in given:
            fresh.pop("tags", None)
            if sent.tags:
                fresh["tags"] = sent.tags
        fields["metadata"] = storable(fresh)
    changed = limits_from(sent_limits, limits)
    return fields if changed == limits else fields | {"limits": changed}


def _inside(fields: dict[str, Any]) -> LimitFields:
    try:
        return LimitFields.model_validate(fields)
    except ValidationError as error:
        name = ".".join(["metadata", *map(str, error.errors()[0]["loc"][:1])])
        raise MalformedRequest(f"'{name}': {error.errors()[0]['msg']}", param=name) from None


def storable(metadata: dict[str, Any]) -> dict[str, Any]:
    """The same. Raises MalformedRequest for what no JSON column holds."""
    try:
        text = msgspec.json.encode(metadata)
    except (UnicodeEncodeError, RecursionError):
        message = "'metadata' is nested too deep or holds text that is not Unicode."
        raise MalformedRequest(message, param="metadata") from None
    if b"\\u0000" in text:
        raise MalformedRequest("'metadata' holds a NUL, which no database keeps.", param="metadata")
    return metadata


def is_empty(value: Any) -> bool:
    """Not set: null, "", [], {} or false. Zero is a limit."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)
