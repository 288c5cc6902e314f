"""Which conversation a request belongs to, where the tool says so.

Flows in: headers and raw top-level values. Flows out: the session id as sent, or None. Must stay true: what is
returned is short printable ASCII, fit for a ledger row; a value of another form is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from sekisho.identity.places import UNREADABLE
from sekisho.identity.signals import SessionField, Signals, compiled

_FORM = re.compile(r"[!-~]{1,128}")
#: Bigger values under these keys are no metadata of an agent.
_FIELD_BYTES = 16 * 1024


class SessionReader:
    """Finds session ids by one set of signals."""

    def __init__(self, signals: Signals) -> None:
        self._headers = signals.sessions.headers
        self._side_prefixes = signals.sessions.side_prefixes
        self._fields = [(field, compiled(field.pattern, "sessions")) for field in signals.sessions.fields]

    def read(self, headers: Mapping[str, str], values: Mapping[str, msgspec.Raw], tool: str) -> str | None:
        """The session id of one request of `tool`: headers before body, in the order of the data."""
        for name in self._headers:
            value = headers.get(name)
            if value and _FORM.fullmatch(value):
                return self._without_prefix(value) or None
        for field, pattern in self._fields:
            if field.path[0] in values and field.tool in (None, tool):
                match = pattern.search(_text_at(values[field.path[0]], field))
                if match and _FORM.fullmatch(match["session"]):
                    return match["session"]
        return None

    def _without_prefix(self, value: str) -> str:
        for prefix in self._side_prefixes:
            value = value.removeprefix(prefix)
        return value


def _text_at(raw: msgspec.Raw, field: SessionField) -> str:
    """The string that stands at the field's path; "" where there is none."""
    if memoryview(raw).nbytes > _FIELD_BYTES:
        return ""
    try:
        value: Any = msgspec.json.decode(raw)
    except UNREADABLE:
        return ""
    for step in field.path[1:]:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
