"""What binds one scope (a key, a team, a member, …): budgets and rates, as they are stored.

Flows in: the JSON text of a `limits` column. Flows out: frozen values. Must stay true: money is nano-USD, times are
epoch µs UTC, and what is absent does not limit; a text written by an earlier version reads the same later.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class BudgetWindow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So much in each period. `budget_duration` as in `Limits`."""

    max_budget_nano_usd: int
    budget_duration: str | None = None


class Forgiven(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the budget of this duration, time zone and model (as in `Limits`; "" of all) does not count in its period
    [starts_us, ends_us): an administrator has set back what was spent. The ledger keeps it.
    """

    nano_usd: int
    starts_us: int
    ends_us: int
    budget_duration: str | None = None
    time_zone: str = "UTC"
    model: str = ""


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The limits of one scope. None, and an empty collection, mean no limit; 0 means nothing at all.

    `budget_duration` is LiteLLM's ("30s 30m 1h 1d 7d 30d 1mo"), aligned to the calendar of `time_zone` (IANA); None
    is for ever. `windows` are further budgets beside the first. `model_max_budget`, `model_tpm_limit` and
    `model_rpm_limit` are by model. Rates are a minute's. `increase_nano_usd` is added to the first budget before
    `increase_until_us`; what is `forgiven` a budget does not count in its period. `mode` says what a call reserves:
    what it may cost at most, or what calls like it have cost.
    """

    max_budget_nano_usd: int | None = None
    soft_budget_nano_usd: int | None = None
    budget_duration: str | None = None
    time_zone: str = "UTC"
    windows: tuple[BudgetWindow, ...] = ()
    model_max_budget: dict[str, BudgetWindow] = {}
    tpm_limit: int | None = None
    input_tpm_limit: int | None = None
    output_tpm_limit: int | None = None
    rpm_limit: int | None = None
    max_parallel_requests: int | None = None
    model_tpm_limit: dict[str, int] = {}
    model_rpm_limit: dict[str, int] = {}
    increase_nano_usd: int = 0
    increase_until_us: int | None = None
    mode: Literal["hard", "expected"] = "hard"
    forgiven: tuple[Forgiven, ...] = ()


NO_LIMITS = Limits()
_NONE_TEXTS = frozenset({None, "", "{}"})
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Limits)


def encode_limits(limits: Limits) -> str:
    """The text of a `limits` column."""
    return _encoder.encode(limits).decode()


def decode_limits(text: str | None) -> Limits:
    """The other way; no text is no limits. Raises msgspec.MsgspecError for what no version wrote."""
    return NO_LIMITS if text in _NONE_TEXTS else _decoder.decode(text or "{}")


def laid_over(limits: Limits, base: Limits) -> Limits:
    """The limits of a scope that names a shared budget (`base`): what the scope sets itself holds, field by field."""
    if base == NO_LIMITS:
        return limits
    own = {name: value for name in Limits.__struct_fields__ if (value := getattr(limits, name)) != _DEFAULTS[name]}
    return msgspec.structs.replace(base, **own)


_DEFAULTS = msgspec.structs.asdict(NO_LIMITS)
