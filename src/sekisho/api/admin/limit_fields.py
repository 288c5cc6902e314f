"""LiteLLM's fields for budgets and rates, on whatever they are set.

Flows in: JSON fields (money in USD). Flows out: a `Limits` (nano-USD). Must stay true: an absent field leaves the
stored limit, null unsets it, and a limit that could never work is refused by name.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sekisho.core.errors import MalformedRequest
from sekisho.core.money import nano_usd
from sekisho.limits.periods import check_duration
from sekisho.store.limits import BudgetWindow, Limits

#: No budget is larger: all of them together fit a BIGINT in nano-USD.
USD_MAX = 1e9
COUNT_MAX = 10**15
#: Models, and further windows, of one scope.
MODELS_MAX = 1_000
WINDOWS_MAX = 10
#: Faults of one body that are told each; more are one of this kind.
FAULTS_MAX = 100
TOO_MANY_FAULTS = "too_many_faults"
#: Of dates.
MIN_YEAR, MAX_YEAR = 2000, 2200


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL, which no database keeps.")
    return text


Name = Annotated[str, Field(max_length=256), AfterValidator(_no_nul)]
#: Many names, by commas.
NameList = Annotated[str, Field(max_length=10_000), AfterValidator(_no_nul)]
Text = Annotated[str, Field(max_length=2_000), AfterValidator(_no_nul)]
Usd = Annotated[float, Field(ge=0, le=USD_MAX, allow_inf_nan=False)]
OptionalUsd = Annotated[Usd | None, BeforeValidator(_none_if_empty)]
OptionalCount = Annotated[
    Annotated[int, Field(ge=0, le=COUNT_MAX)] | None,
    BeforeValidator(_none_if_empty),
]
Duration = Annotated[Name | None, BeforeValidator(_none_if_empty)]
ModelCounts = Annotated[dict[Name, Annotated[int, Field(ge=0, le=COUNT_MAX)]], Field(max_length=MODELS_MAX)]


class ModelBudget(BaseModel):
    """A model's budget in either of LiteLLM's spellings."""

    model_config = ConfigDict(extra="forbid")

    budget_limit: OptionalUsd = None
    max_budget: OptionalUsd = None
    time_period: Duration = None
    budget_duration: Duration = None


class Window(BaseModel):
    """A further budget. Its answers carry `reset_at`, which may come back and means nothing."""

    max_budget: Usd
    budget_duration: Name
    reset_at: Name | None = None


class Sent(BaseModel):
    """Any body. To word each of a hundred thousand faults would hold up the event loop for seconds."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _few_faults(cls, sent: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(sent)
        except ValidationError as error:
            if error.error_count() <= FAULTS_MAX:
                raise
            raise PydanticCustomError(TOO_MANY_FAULTS, "The body has more than a hundred fields at fault.") from None


class LimitFields(Sent):
    """What may be set of a scope's limits; the last four are our own."""

    max_budget: OptionalUsd = None
    soft_budget: OptionalUsd = None
    budget_duration: Duration = None
    budget_limits: Annotated[list[Window], Field(max_length=WINDOWS_MAX)] | None = None
    model_max_budget: Annotated[dict[Name, ModelBudget | Usd], Field(max_length=MODELS_MAX)] | None = None
    tpm_limit: OptionalCount = None
    rpm_limit: OptionalCount = None
    max_parallel_requests: OptionalCount = None
    model_tpm_limit: ModelCounts | None = None
    model_rpm_limit: ModelCounts | None = None
    temp_budget_increase: OptionalUsd = None
    temp_budget_expiry: Annotated[dt.datetime | None, BeforeValidator(_none_if_empty)] = None
    input_tpm_limit: OptionalCount = None
    output_tpm_limit: OptionalCount = None
    time_zone: Duration = None
    budget_mode: Literal["hard", "expected"] | None = None


#: The fields of a request that make up the limits.
LIMIT_FIELDS = frozenset(LimitFields.model_fields)
#: Those that LiteLLM keeps in the metadata, where its clients may send them too.
IN_METADATA = ("model_rpm_limit", "model_tpm_limit", "temp_budget_increase", "temp_budget_expiry")
_COUNTS = ("tpm_limit", "rpm_limit", "max_parallel_requests", "input_tpm_limit", "output_tpm_limit")


def limits_from(sent: LimitFields, present: Limits) -> Limits:
    """`present` with what was sent. Raises MalformedRequest naming a field that cannot be meant."""
    given = sent.model_fields_set
    changes: dict[str, Any] = {name: getattr(sent, name) for name in (*_COUNTS, "budget_duration") if name in given}
    if "max_budget" in given:
        changes["max_budget_nano_usd"] = _nano(sent.max_budget)
    if "soft_budget" in given:
        changes["soft_budget_nano_usd"] = _nano(sent.soft_budget)
    if "budget_limits" in given:
        changes["windows"] = tuple(_window(one.max_budget, one.budget_duration) for one in sent.budget_limits or ())
    if "model_max_budget" in given:
        changes["model_max_budget"] = {name: _model_budget(it) for name, it in (sent.model_max_budget or {}).items()}
    if "model_tpm_limit" in given:
        changes["model_tpm_limit"] = sent.model_tpm_limit or {}
    if "model_rpm_limit" in given:
        changes["model_rpm_limit"] = sent.model_rpm_limit or {}
    if "time_zone" in given:
        changes["time_zone"] = sent.time_zone or "UTC"
    if "budget_mode" in given:
        changes["mode"] = sent.budget_mode or "hard"
    if given & {"temp_budget_increase", "temp_budget_expiry"}:
        changes |= _increase(sent)
    limits = msgspec.structs.replace(present, **changes)
    _check(limits)
    return limits


def _increase(sent: LimitFields) -> dict[str, Any]:
    if (sent.temp_budget_increase is None) != (sent.temp_budget_expiry is None):
        message = "Give 'temp_budget_increase' and 'temp_budget_expiry' both, or null for both."
        raise MalformedRequest(message, param="temp_budget_increase")
    if sent.temp_budget_expiry is None or sent.temp_budget_increase is None:
        return {"increase_nano_usd": 0, "increase_until_us": None}
    until = sent.temp_budget_expiry
    until = until.replace(tzinfo=dt.UTC) if until.tzinfo is None else until
    if not MIN_YEAR <= until.year <= MAX_YEAR:
        raise MalformedRequest("'temp_budget_expiry' must be a date of this time.", param="temp_budget_expiry")
    return {
        "increase_nano_usd": nano_usd(sent.temp_budget_increase),
        "increase_until_us": round(until.timestamp()) * 1_000_000,
    }


def _check(limits: Limits) -> None:
    """Every duration and the time zone exist."""
    check_duration("1d", limits.time_zone)
    windows = (*limits.windows, *limits.model_max_budget.values())
    for duration in (limits.budget_duration, *(window.budget_duration for window in windows)):
        if duration is not None:
            check_duration(duration, limits.time_zone)


def _model_budget(sent: ModelBudget | float) -> BudgetWindow:
    if not isinstance(sent, ModelBudget):
        return _window(sent, None)
    amount = sent.max_budget if sent.budget_limit is None else sent.budget_limit
    if amount is None:
        message = "A model's budget is {'budget_limit': USD, 'time_period': '1d'}, or USD alone."
        raise MalformedRequest(message, param="model_max_budget")
    return _window(amount, sent.time_period or sent.budget_duration)


def _window(usd: float, duration: str | None) -> BudgetWindow:
    return BudgetWindow(max_budget_nano_usd=nano_usd(usd), budget_duration=duration)


def _nano(usd: float | None) -> int | None:
    return None if usd is None else nano_usd(usd)
