"""What tokens would cost, before any call is made.

Flows in: a deployment's rates, usage. Flows out: nano-USD. Must stay true: an unknown price is None, never 0.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.ledger.rates import Rates


class Quote(msgspec.Struct, frozen=True):
    """The prices of a model where it is called first. `rates` None: nobody knows them."""

    model: str
    provider: str
    rates: Rates | None

    def cost_nano_usd(self, usage: Usage) -> int | None:
        """Of these tokens, at standard prices."""
        return None if self.rates is None else self.rates.cost_nano_usd(usage)
