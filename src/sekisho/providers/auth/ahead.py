"""Credentials before they are needed: what an operator configured is asked for at start.

Flows in: the deployments. Flows out: nothing; those whose credentials are fetched have them, or their failure is in
the log (providers/auth/refresh.py writes it, once for an identity). Must stay true: nobody waits for this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sekisho.core.errors import UpstreamError
from sekisho.providers.deployment import Deployment


async def prepare_all(deployments: Sequence[Deployment]) -> None:
    """Fetch the credentials of each identity, beside each other."""
    authorities = {id(one.authority): one.authority for one in deployments if one.unusable is None}
    outcomes = await asyncio.gather(*(each.prepare() for each in authorities.values()), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None and not isinstance(outcome, UpstreamError):
            raise outcome
