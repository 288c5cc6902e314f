"""What one line of an export bills, and the names of models in every spelling.

Flows in: a provider's names and counts. Flows out: values to add up. Must stay true: two spellings of one model are
alike, two models are not: the digits of a name and its letters are compared, in any order.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from sekisho.ledger.invoice.sheet import Line

#: Kinds of token, as they are told.
KINDS: Final = ("input", "cache_read", "cache_write", "cache_write_1h", "output")

#: A day behind a model's name, a version of Bedrock's, a geography and a maker before it, and words for the newest.
_DRESS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"^.*/",
        r"^(global|us-gov|us|eu|apac|jp|au|ca|in)\.(?=[a-z])",
        r"^[a-z0-9]+\.(?=[a-z])",
        r"[-@ ]?\d{4}-\d\d-\d\d",
        r"[-@ ]?20\d{6}",
        r"-v\d+(:\d+)*(:\d+k)?$",
        r"[-@ :](latest|default)$",
    )
)
_PARTS: Final = re.compile(r"[a-z]+|\d+")


class Billed(msgspec.Struct, frozen=True, kw_only=True):
    """`cost_usd` None where the file has no costs; `model` "" where it does not tell them apart. `vague`: a count of
    tokens is there, but not in what unit.
    """

    day: dt.date
    model: str
    cost_usd: Decimal | None = None
    tokens: Mapping[str, int] = {}
    vague: bool = False


class LeftOut(msgspec.Struct, frozen=True):
    """A line that is not for tokens of a model: why, and what it bills."""

    reason: str
    cost_usd: Decimal = Decimal(0)


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of export. `needs` are columns by which it is recognised, `providers` those of the ledger that it bills.

    `kinds` are the kinds of token that it tells, `folds` which of them others are counted as there. `rounded_usd`: how
    far a line's cost may be from the exact one.
    """

    name: str
    needs: frozenset[str]
    providers: tuple[str, ...]
    read: Callable[[Line], Iterable[Billed | LeftOut]]
    kinds: tuple[str, ...] = ()
    costs: bool = False
    folds: Mapping[str, str] = {}
    rounded_usd: Decimal = Decimal(0)


def likeness(model: str) -> str:
    """The same for every spelling of a model: `claude-sonnet-4-5-20250929`, `Claude Sonnet 4.5`, `Claude4.5Sonnet`."""
    name = model.strip().lower()
    for pattern in _DRESS:
        name = pattern.sub("", name)
    parts = _PARTS.findall(name)
    numbers = sorted(str(int(part)) for part in parts if part.isdigit() and int(part))
    letters = "".join(sorted("".join(part for part in parts if not part.isdigit())))
    return f"{'.'.join(numbers)} {letters}"
