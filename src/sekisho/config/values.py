"""Types that settings share: bounded numbers with their unit, secrets, and how a YAML value becomes one of them.

Flows in: plain values as YAML or an environment variable gave them. Flows out: typed values.
Must stay true: a message of `convert` names types and bounds, never a value that could be a secret.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec

from sekisho.core.secret import Secret

#: A span of time; at most about eleven days.
Seconds = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Retries = Annotated[int, msgspec.Meta(ge=0, le=100)]
Weight = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
Portion = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Dollars = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Megabytes = Annotated[float, msgspec.Meta(gt=0, le=4096)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
#: LiteLLM's spans of time.
Duration = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,5}(s|m|h|d|w|mo)$")]


class CredentialFile(Secret):
    """A cloud's credential file: its path, its text, or its content as a mapping, which is held as JSON text."""

    __slots__ = ()


_WORDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
    "decimal": "a number",
}
#: A month is the longest there is.
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400, "mo": 31 * 86_400}
_BOUND: Final = re.compile(r"`(?:int|float)` (>=|<=|>|<) (\S+)")


def convert(value: Any, kind: Any) -> Any:
    """`value` as `kind`; text that holds a number or true/false is accepted for one, as from the environment.

    Raises ValueError with a sentence for the operator.
    """
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=_own_types)
    except msgspec.ValidationError as error:
        raise ValueError(_sentence(str(error), kind)) from None


def duration_seconds(duration: str) -> int:
    """Of a `Duration`."""
    number = duration.rstrip("smhdwo")
    return int(number) * _UNIT_SECONDS[duration[len(number) :]]


def price(text: str) -> Decimal:
    """A cost key's value as written, exact. Raises ValueError on anything but a finite number of at least 0."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        raise ValueError("Expected a price in USD, like 3e-06.") from None
    if not value.is_finite() or value < 0 or value > 10**6 or (value and value.adjusted() < -30):
        raise ValueError("Expected a price in USD of at least 0, like 3e-06.")
    return value


def _own_types(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, (str, int)) and not isinstance(value, bool):
        return Secret(str(value))
    if kind is CredentialFile and isinstance(value, dict) and "type" in value:
        return CredentialFile(msgspec.json.encode(value).decode())
    if kind is CredentialFile and isinstance(value, str):
        return CredentialFile(value)
    raise msgspec.ValidationError("Expected `str`")


def _sentence(message: str, kind: Any) -> str:
    if message.startswith("Invalid enum value"):
        choices = re.findall(r"'([\w-]+)'", str(kind))
        return f"Expected one of {', '.join(choices)}."
    message = message.split(" - at `", maxsplit=1)[0]
    if "matching regex" in message:
        return "Expected a span of time, like 12h, 30d, 4w or 3mo."
    message = _BOUND.sub(lambda found: f"a number {found[1]} {found[2]}", message)
    message = re.sub(r"`([\w| ]+)`", lambda found: _named(found[1]), message)
    return f"{message[:1].upper()}{message[1:]}."


def _named(types: str) -> str:
    return " or ".join(_WORDS.get(name.strip(), name.strip()) for name in types.split("|"))
