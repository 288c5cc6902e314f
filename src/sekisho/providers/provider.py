"""Who answers: a provider as a row of facts, and where one deployment of it is.

Flows in: what the catalog states. Flows out: for a dialect and an operation, the path. Must stay true: a row holds
facts, and the name of the one function that reads a deployment's parameters; nobody outside providers/ compares a
provider's name.
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from sekisho.config.environment import Environment
from sekisho.config.model import LitellmParams
from sekisho.core.secret import Secret
from sekisho.providers.auth.authority import Authority, KeyStyle


class Path(msgspec.Struct, frozen=True):
    """Where an operation is served below the base URL.

    `{model}` stands for what the provider is told, `{base_id}` for the model itself where that names a way to it,
    every other name for a value of the deployment. `streamed` is the path of a streamed call if it has its own.
    """

    whole: str
    streamed: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """The values it is made of, besides the model."""
        fields = {name for _, name, _, _ in string.Formatter().parse(self.whole) if name}
        return frozenset(fields - {"model", "base_id"})


class Service(msgspec.Struct, frozen=True):
    """One dialect of a provider: operation -> path. It is there for a deployment whose model matches and which knows
    every value that the paths are made of; the first such row of a dialect and operation counts.
    """

    dialect: str
    paths: Mapping[str, Path]
    #: Pattern of the public names of the models it serves; "" for all.
    models: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider's `place` makes of one deployment's parameters."""

    base_url: str
    #: What the provider is told.
    model: str
    #: The model's public name where `model` does not tell it.
    base_model: str | None = None
    #: The one dialect to call it in, where the operator said so.
    pinned: str | None = None
    #: Where it answers from, in the provider's words; None where the provider does not say.
    region: str | None = None
    #: Whose it is there: an AWS account, a Google project.
    account: str | None = None
    #: For the paths, percent-encoded.
    values: Mapping[str, str] = {}
    authority: Authority
    #: What is missing or wrong, as the end of "Model 'x' …"; None when it can be called.
    lack: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment's place is read from."""

    provider: Provider
    #: `litellm_params.model` without the provider's prefix.
    model: str
    #: As the prefix told it: see `Provider.pins`.
    pinned: str | None
    params: LitellmParams
    environment: Environment

    def variable(self, *names: str) -> str | None:
        """The first of these environment variables that is set."""
        return next((value for name in names if (value := self.environment.get(name))), None)

    def secret(self, *names: str) -> Secret | None:
        """The same, for one that holds a secret."""
        text = self.variable(*names)
        return Secret(text) if text else None

    @property
    def base_url(self) -> str:
        """The operator's address, else the provider's own, "" when there is none."""
        return (self.own_address or self.provider.base_url).rstrip("/")

    @property
    def own_address(self) -> str | None:
        """The address that the operator gave."""
        return self.params.api_base or self.variable(*self.provider.base_variables)


class Provider(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One row of the catalog."""

    #: The prefix in `litellm_params.model` ("anthropic/claude-…"), and the ledger's `provider`.
    name: str
    #: The dialects it serves, the preferred first.
    services: tuple[Service, ...]
    #: Where it is, without the dialect's path; "" when the operator must say (`api_base`).
    base_url: str = ""
    #: How a key is shown.
    auth: KeyStyle = "bearer"
    #: The environment variables that may hold the key when the configuration names none.
    key_variables: tuple[str, ...] = ()
    #: The environment variables that may hold the address.
    base_variables: tuple[str, ...] = ()
    #: Under which provider the price table lists its models; "" for none (a server of one's own).
    price_key: str = ""
    #: Bills only what it sent ("cancel" upstream when the caller hangs up) or the whole answer ("drain" it).
    hang_up: Literal["cancel", "drain"] = "cancel"
    #: Imitates OpenAI: `max_tokens`, no developer role, no Responses unless it answers there.
    compatible: bool = False
    #: Serves a model without a key.
    keyless: bool = False
    #: The header for `litellm_params.organization`.
    organization_header: str | None = None
    #: Further prefixes of LiteLLM that mean this provider -> the dialect they name, or None.
    aliases: Mapping[str, str | None] = {}
    #: What may stand before the model to name the dialect.
    pins: Mapping[str, str] = {}
    #: Reads a deployment's parameters.
    place: Callable[[Asked], Place]
    #: What the provider is told -> the model's public name, as price tables and families know it.
    public_name: Callable[[str], str] = str
    #: That public name -> the id of the model itself, without the region or profile through which it is reached.
    base_id: Callable[[str], str] = str
    docs_url: str = ""

    @property
    def dialects(self) -> tuple[str, ...]:
        """Every dialect it serves for some model, the preferred first."""
        return tuple(dict.fromkeys(service.dialect for service in self.services))


@functools.lru_cache(maxsize=4096)
def paths_of(provider: Provider, model: str, known: frozenset[str]) -> dict[str, dict[str, Path]]:
    """Dialect -> operation -> path, for a model's public name and the values that a deployment knows."""
    found: dict[str, dict[str, Path]] = {}
    for service in provider.services:
        if service.models and not re.search(service.models, model):
            continue
        for operation, path in service.paths.items():
            if path.names <= known:
                found.setdefault(service.dialect, {}).setdefault(operation, path)
    return found
