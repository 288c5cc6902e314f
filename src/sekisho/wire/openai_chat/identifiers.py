"""Ids that a provider left out or wrote in another form, made from what it did say.

Flows in: the provider's reply id. Flows out: ids in this dialect's form. Must stay true: no chance and no clock: the
same reply gives the same ids, streamed or not, and two replies never share a call id.
"""

from __future__ import annotations

import hashlib

_PREFIX = "chatcmpl-"


def reply_id(upstream_id: str) -> str:
    """The id that a caller of this dialect sees for a provider's reply."""
    return upstream_id if upstream_id.startswith(_PREFIX) else f"{_PREFIX}{upstream_id or 'unnamed'}"


def call_id(upstream_id: str, number: int) -> str:
    """An id for the tool call `number` of a reply whose provider gave none."""
    return "call_" + hashlib.sha256(f"{upstream_id}/{number}".encode()).hexdigest()[:24]
