"""What a call asks of routing, and what it gets: the deployments to try, in order, and why.

Flows in: a `Wish`, made by the exchange of one call. Flows out: a `Plan`. Must stay true: both are values; the plan of
a name with one deployment and no rules is made once, when the model list is indexed.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sekisho.core.errors import SekishoError
from sekisho.identity.keys import Principal
from sekisho.providers.deployment import Deployment

#: The request header that names one deployment of the requested model, where the operator allows it.
DEPLOYMENT_HEADER = "x-sekisho-deployment"
#: A rule in a key's metadata: where its calls may be processed, and by whom.
RESIDENCY_KEY = "residency"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a call brings beside the name of a model. Header names are in lower case; `values` are the raw values at
    the top of the body; `tokens` is an estimate of the prompt.
    """

    principal: Principal
    headers: Mapping[str, str] = {}
    values: Mapping[str, msgspec.Raw] = {}
    session_id: str | None = None
    tokens: int = 0
    streams: bool = False
    #: The models to go to, in place of the configured ones.
    stand_ins: tuple[str, ...] | None = None


class PassedOver(msgspec.Struct, frozen=True):
    """A deployment of the name that is not tried, and why, in words."""

    deployment: Deployment
    why: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The deployments of one model name for one call.

    `deployments` are tried in turn; empty where all are out for a while, then `refusal` says so. `lead` is the one
    whose settings hold for the call as a whole. `last_resort` are tried when every other way has failed: what a name
    has but one of is not shut off by its own failures. `conversation` is what the winner is remembered for.
    """

    name: str
    lead: Deployment
    deployments: tuple[Deployment, ...]
    why: str
    passed_over: tuple[PassedOver, ...] = ()
    last_resort: tuple[Deployment, ...] = ()
    refusal: SekishoError | None = None
    conversation: tuple[str, ...] | None = None
    #: Several deployments share the name.
    shared: bool = False
    #: What is measured of its deployments decides something.
    measured: bool = True
