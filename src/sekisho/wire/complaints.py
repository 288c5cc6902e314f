"""What is wrong with a request's body, from msgspec's words to ours.

Flows in: a body and its decoder. Flows out: the typed body, or an error that names the field. Must stay true: values of
the caller are not repeated unless they are plain words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

import msgspec

from sekisho.core.errors import MalformedRequest

T = TypeVar("T")

_message = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_quoted = re.compile(r"'([\w.-]{1,64})'")
_unknown_key = re.compile(r"Object contains unknown field `([\w.-]{1,64})`")
_missing_key = re.compile(r"Object missing required field `(\w+)`")


class Complaint(msgspec.Struct, frozen=True):
    """`what` is msgspec's sentence, `path` the field's with dots; "" for the body itself."""

    what: str
    path: str

    @property
    def unknown(self) -> str | None:
        """The name of a field that the place does not know."""
        found = _unknown_key.fullmatch(self.what)
        return found[1] if found is not None else None

    @property
    def missing(self) -> str | None:
        """The path of a field that has to be there."""
        found = _missing_key.fullmatch(self.what)
        return f"{self.path}.{found[1]}".lstrip(".") if found is not None else None

    @property
    def quoted(self) -> str | None:
        """The caller's value, where it is a plain word."""
        found = _quoted.search(self.what)
        return found[1] if found is not None else None


def complaint_of(text: str, where: str = "") -> Complaint:
    """What msgspec says of a value that stands at `where`."""
    match = _message.fullmatch(text)
    what, path = (match["what"], match["path"] or "") if match else (text, "")
    path = path.replace("[", ".").replace("]", "").strip(".")
    return Complaint(what, ".".join(step for step in (where, path) if step))


def decode_body(decode: Callable[[bytes], T], body: bytes, explain: Callable[[Complaint], NoReturn]) -> T:
    """The typed body; `explain` raises what a complaint means in its dialect. Raises MalformedRequest for no JSON."""
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        explain(complaint_of(str(error)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedRequest("The request body is not valid JSON in UTF-8.") from None
    except RecursionError:
        raise MalformedRequest("The request body is nested too deeply.") from None


def malformed(complaint: Complaint) -> MalformedRequest:
    """The error of a field that is missing or has a wrong value."""
    missing, what, path = complaint.missing, complaint.what, complaint.path
    if missing is not None:
        return MalformedRequest(f"{missing}: Field required.", param=missing)
    if what.startswith("Invalid"):
        quoted = complaint.quoted
        what = f"Invalid value '{quoted}'" if quoted else "Invalid value"
    elif what.startswith("Object contains"):
        what = "Unknown field"
    return MalformedRequest(f"{path}: {what}." if path else f"{what}.", param=path or None)
