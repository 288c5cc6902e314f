"""What a model's tokens cost and about how many a text takes: for who asks before calling.

Flows in: names of models, bodies. Flows out: quotes, counts. Must stay true: a name is read as a call's is, aliases and
wildcards too; nothing is sent to a provider.
"""

from __future__ import annotations

from collections.abc import Callable

from sekisho.exchange.gateway import Gateway
from sekisho.ledger.quote import Quote
from sekisho.wire.estimate import estimate_tokens


class Quotes:
    """`gateway` gives the one of the moment."""

    def __init__(self, gateway: Callable[[], Gateway]) -> None:
        self._gateway = gateway

    def of(self, model: str) -> Quote:
        """The prices of its first deployment. Raises UnknownModel."""
        gateway = self._gateway()
        deployment = gateway.router.group(model)[0]
        return Quote(deployment.model, deployment.provider.name, gateway.rates(deployment))

    def tokens(self, model: str, body: bytes) -> int:
        """Of a request's body, estimated from above. Raises UnknownModel."""
        return estimate_tokens(body, self._gateway().router.group(model)[0].model)
