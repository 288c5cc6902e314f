"""One call of LiteLLM's management API, and what its programs expect of the answer.

`$name` in a request or a shape stands for what an earlier answer held under `keep`.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Call(msgspec.Struct, frozen=True):
    """One line. `keep`: name -> path (by dots) into the answer."""

    request: str
    body: Any
    status: int
    shape: Any
    keep: dict[str, str] = {}
    #: By which of the kept keys; none: the master key.
    by: str = ""
