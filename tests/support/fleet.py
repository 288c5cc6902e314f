"""Several gateways over one set of stores, as an operator runs them on several machines.

In: a folder for each, the provider, what holds keys and limits. Out: handles, all of them ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.dialects import SAME
from tests.support.gateway import Gateway, config_for
from tests.support.sse_client import call

WAY = SAME[0]


@contextmanager
def fleet(
    folder: Path, number: int, provider_url: str, variables: dict[str, str], **config: Any
) -> Iterator[list[Gateway]]:
    """So many gateways. The first one lays the tables."""
    gates = []
    for each in range(number):
        (folder / f"gateway-{each}").mkdir()
        gates.append(Gateway(folder / f"gateway-{each}", config_for(provider_url, **config), **variables))
    try:
        gates[0].start()
        for gate in gates[1:]:
            gate.process.start()
        asyncio.run(_all_ready(gates))
        yield gates
    finally:
        for gate in gates:
            gate.process.stop()


async def _all_ready(gates: list[Gateway]) -> None:
    await asyncio.gather(*(gate.ready() for gate in gates))


async def status_of(gate: Gateway, key: str, directives: str = "chunks=1") -> int:
    """The status of one call, whole."""
    body = WAY.body(directives, stream=False)
    async with call("POST", gate.url + WAY.path, body, {"authorization": f"Bearer {key}"}) as answer:
        await answer.body()
        return answer.status
