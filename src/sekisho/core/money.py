"""Money as integers: nano-USD (1e-9 USD). No float ever holds an amount that is added or compared.

Flows in: decimal price texts, amounts as people write them. Flows out: integer rates per million tokens, and amounts.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

NANO_PER_USD = 1_000_000_000
TOKENS_PER_RATE = 1_000_000


def rate_nano_usd_per_mtok(usd_per_token: Decimal) -> int:
    """A price in USD per token -> nano-USD per million tokens (exact for every published price)."""
    return int((usd_per_token * TOKENS_PER_RATE * NANO_PER_USD).to_integral_value(ROUND_HALF_EVEN))


def nano_usd(usd: float) -> int:
    """USD as somebody writes it -> nano-USD, exact for what it shows."""
    return int((Decimal(str(usd)) * NANO_PER_USD).to_integral_value())


def usd_text(nano_usd: int) -> str:
    """Nano-USD as a plain decimal text in USD, without trailing zeros: 1500 -> "0.0000015"."""
    sign, nano = ("-", -nano_usd) if nano_usd < 0 else ("", nano_usd)
    whole, part = divmod(nano, NANO_PER_USD)
    digits = f"{part:09d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def usd_float(nano_usd: int) -> float:
    """Nano-USD as the float that LiteLLM's JSON replies carry. For display only: never add these."""
    return nano_usd / NANO_PER_USD
