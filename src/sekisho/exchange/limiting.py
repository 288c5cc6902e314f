"""What limits are kept with. Built once by app.py; what has been counted and learnt outlives a reload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from sekisho.identity.scopes import Scope
from sekisho.limits.estimate import Estimator
from sekisho.limits.limiter import Limiter
from sekisho.limits.rulebook import Rulebook
from sekisho.limits.soft import SoftBudgets
from sekisho.providers.deployment import Deployment


class Limiting(msgspec.Struct, frozen=True, kw_only=True):
    """`everybody` binds all calls, `floor_tokens` is the least that an answer is cut to,
    `priceless` says whether a model without a price may be called under a budget.
    """

    limiter: Limiter
    estimator: Estimator
    rulebook: Rulebook
    soft: SoftBudgets
    #: Tokens of the longest prompt that a deployment takes; None where nobody says.
    window: Callable[[Deployment], int | None]
    everybody: tuple[Scope, ...] = ()
    floor_tokens: int = 1_024
    priceless: Literal["allow", "refuse"] = "refuse"
    #: The status of an exhausted budget for callers that are no coding agents.
    budget_status: int = 429
