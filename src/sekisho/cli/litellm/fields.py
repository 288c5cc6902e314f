"""The columns that many of LiteLLM's tables have alike, in our words.

Flows in: rows of LiteLLM's. Flows out: fields of our rows. Must stay true: money becomes nano-USD by its decimal
digits; a setting that has no effect here is told and not stored; a limit that cannot be read keeps its row out, so
that nothing is imported without what binds it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from sekisho.api.admin.fields import is_empty, storable
from sekisho.api.admin.limit_fields import IN_METADATA, LIMIT_FIELDS, USD_MAX, LimitFields, limits_from
from sekisho.api.admin.refused import REFUSED_FIELDS, REFUSED_METADATA
from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.source import Row
from sekisho.core.errors import MalformedRequest, OperatorError
from sekisho.core.money import nano_usd
from sekisho.store.limits import NO_LIMITS, Limits

#: Who made and changed what was imported, in the audit.
ACTOR: Final = "sekisho import litellm"
#: Columns of LiteLLM's that steer calls, beside those that its API calls the same.
_REFUSED: Final = REFUSED_FIELDS | {"object_permission_id", "allowed_models", "description"}
_MONEY: Final = frozenset({"max_budget", "soft_budget"})
_MODEL_BUDGET: Final = ("budget_limit", "max_budget", "time_period", "budget_duration")


class CannotImport(OperatorError):
    """Why a row stays out. The message may be shown."""


def document(value: Any) -> dict[str, Any]:
    """A JSON column: an object, or the text of one, as some versions of LiteLLM wrote it."""
    value = _decoded(value)
    return value if isinstance(value, dict) else {}


def documents(value: Any) -> list[dict[str, Any]]:
    """The same of a JSON column that holds a list of objects."""
    value = _decoded(value)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def names(value: Any) -> tuple[str, ...]:
    """A column of names."""
    return tuple(map(str, value)) if isinstance(value, list) else ()


def spend(row: Row, *columns: str) -> int:
    """The highest of these columns (USD), in nano-USD. Raises CannotImport for what is no amount."""
    values = [row.get(name) or 0 for name in columns or ("spend",)]
    if not all(isinstance(value, int | float) for value in values):  # PostgreSQL's NaN and infinity come as texts
        raise CannotImport("its spend is no amount")
    return max(map(nano_usd, values))


def at_us(text: str | None) -> int | None:
    """LiteLLM's times, which are UTC without saying so, as epoch µs. Raises CannotImport for what is none."""
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:  # PostgreSQL's infinity
        raise CannotImport(f"'{text[:40]}' is no time") from error
    moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
    return (moment - dt.datetime.fromtimestamp(0, dt.UTC)) // dt.timedelta(microseconds=1)


def stamps(row: Row, now_us: int) -> dict[str, Any]:
    """Made when and by whom LiteLLM says, changed by the import. Raises CannotImport."""
    return {
        "created_us": at_us(row.get("created_at")) or now_us,
        "created_by": row.get("created_by") or None,
        "updated_us": now_us,
        "updated_by": ACTOR,
    }


def limits_of(row: Row) -> Limits:
    """The limits that a row's columns and metadata say. Raises CannotImport."""
    inside = document(row.get("metadata"))
    told = {name: inside[name] for name in IN_METADATA if not is_empty(inside.get(name))}
    told |= {name: row[name] for name in LIMIT_FIELDS if not is_empty(row.get(name))}
    large = {name for name in _MONEY & told.keys() if isinstance(told[name], int | float) and told[name] > USD_MAX}
    told |= dict.fromkeys(large, USD_MAX)  # somebody's "no limit"
    if "model_max_budget" in told:
        told["model_max_budget"] = {k: _model_budget(v) for k, v in document(told["model_max_budget"]).items()}
    try:
        return limits_from(LimitFields.model_validate(told), NO_LIMITS)
    except ValidationError as error:
        problem = error.errors()[0]
        raise CannotImport(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    except MalformedRequest as error:
        raise CannotImport(str(error)) from error


def metadata_of(row: Row, kind: str, name: str, findings: Findings) -> dict[str, Any]:
    """The metadata that is stored. What of the whole row has no effect here is told."""
    metadata = document(row.get("metadata"))
    for column in sorted(_REFUSED & row.keys()):
        if not is_empty(row[column]):
            findings.add(f"{kind}: {column}", name)
    refused = REFUSED_METADATA | set(IN_METADATA)
    for field in sorted(REFUSED_METADATA & metadata.keys() - {"team_member_budget_id"}):
        if not is_empty(metadata[field]):
            findings.add(f"{kind}: metadata.{field}", name)
    try:
        return storable({field: value for field, value in metadata.items() if field not in refused})
    except MalformedRequest as error:
        raise CannotImport(str(error)) from error


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return None


def _model_budget(value: Any) -> Any:
    """In either of LiteLLM's spellings, without what it says of nothing."""
    return {name: value[name] for name in _MODEL_BUDGET if name in value} if isinstance(value, dict) else value
