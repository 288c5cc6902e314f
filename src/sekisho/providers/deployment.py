"""A deployment: one model at one provider with one credential, as the configuration names it.

Flows in: a `model_list` entry, resolved against the catalog. Flows out: what routing chooses from and an attempt
needs. Must stay true: the credential is shown only in `headers()`, which is built for one attempt and never logged.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import msgspec

from sekisho.canonical.target import Target
from sekisho.config.environment import Environment
from sekisho.config.model import ModelEntry, Settings
from sekisho.config.sections import ProviderPolicy
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.providers.catalog import find_provider
from sekisho.providers.profiles import profile_of
from sekisho.providers.provider import PATHS, Provider

#: Anthropic's API version; sent unless the caller named one.
ANTHROPIC_VERSION = "2023-06-01"
_RESPONSES_PREFIX = "responses/"


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One `model_list` entry. `model_name` is what callers ask for, `model` what the provider is told; both may hold
    one `*`, which stands for the same text in both.
    """

    id: str
    model_name: str
    provider: Provider
    model: str
    base_url: str
    #: The host of `base_url`, for the ledger: no path, no credentials.
    host: str
    key: Secret | None
    extra_headers: dict[str, Secret]
    entry: ModelEntry
    #: The one dialect to call it in, where the operator said so.
    pinned_dialect: str | None = None
    #: Read its answer to the end when the caller hangs up, for exact usage; else close it.
    drained: bool = False
    #: Why it cannot be used, told to the caller; None when it can.
    unusable: str | None = None

    @property
    def target(self) -> Target:
        """Who a request is written for."""
        return Target(model=self.model, profile=profile_of(self.model), compatible=self.provider.compatible)

    def url(self, dialect: str, operation: str) -> str:
        """Where `operation` is served in `dialect`. Raises KeyError when the provider has no such path."""
        return self.base_url + PATHS[dialect][operation]

    def offers(self, operation: str) -> bool:
        """Whether the provider serves `operation` in any of its dialects."""
        return any(operation in PATHS[dialect] for dialect in self.provider.dialects)

    def headers(self) -> dict[str, str]:
        """The headers that prove who we are, and the operator's own."""
        headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "sekisho"}
        if self.key is not None:
            if self.provider.auth == "bearer":
                headers["authorization"] = f"Bearer {self.key.reveal()}"
            else:
                headers["x-api-key"] = self.key.reveal()
        for name, value in self.extra_headers.items():
            headers[name] = value.reveal()
        return headers

    def dialect_for(self, caller: str, unserved: frozenset[str]) -> str:
        """The dialect to call it in for a caller of dialect `caller`.

        The operator's word first, then the caller's own where the provider speaks it, then what the model prefers;
        `unserved` are those which the server has answered it does not have.
        """
        if self.pinned_dialect is not None:
            return self.pinned_dialect
        spoken = [name for name in self.provider.dialects if name not in unserved] or list(self.provider.dialects)
        if caller in spoken:
            return caller
        prefers_responses = profile_of(self.model).prefers_responses and not self.provider.compatible
        wanted = "openai-responses" if prefers_responses else "openai-chat"
        return wanted if wanted in spoken else spoken[0]

    def concrete(self, requested: str) -> Deployment:
        """This deployment for a requested name: the text that `*` stood for, put in its place."""
        if "*" not in self.model_name or "*" not in self.model:
            return self
        head, _, tail = self.model_name.partition("*")
        star = requested[len(head) : len(requested) - len(tail)] if len(tail) else requested[len(head) :]
        if not head and not tail:
            star = requested.removeprefix(self.provider.name + "/")
        return msgspec.structs.replace(self, model=self.model.replace("*", star, 1))


def resolve(entry: ModelEntry, settings: Settings) -> Deployment:
    """A `model_list` entry as a deployment. An entry that cannot work here is kept, with the reason in `unusable`, so
    that a company's whole file still starts and the caller of that model is told why.
    """
    params = entry.params
    prefix, slash, model = params.model.partition("/")
    name = params.custom_llm_provider or (prefix if slash else "openai")
    if not slash or params.custom_llm_provider:
        model = params.model.removeprefix(f"{name}/")
    provider = find_provider(name)
    unusable = None
    if provider is None:
        unusable = f"Model '{entry.model_name}' is configured at provider '{name}', which this version does not serve."
        provider = Provider(name=name, dialects=(), base_url="", auth="bearer", key_variable=None, price_key="")
    elif params.missing:
        unusable = f"Model '{entry.model_name}' lacks the environment variable {params.missing[0]} on the gateway."
    key = params.api_key or _key_from(provider, settings.environment)
    pinned = "openai-chat" if params.use_chat_completions_api else None
    if name == "openai" and model.startswith(_RESPONSES_PREFIX):
        model, pinned = model.removeprefix(_RESPONSES_PREFIX), "openai-responses"
    base_url = _base_url(provider, params.api_base)
    host = _host_of(base_url)
    if unusable is None and not base_url:
        unusable = f"Model '{entry.model_name}' needs api_base: provider '{name}' has no address of its own."
    if unusable is None and host is None:
        unusable = f"Model '{entry.model_name}' has an api_base that is no plain http:// or https:// address."
    if unusable is None and key is None and not provider.keyless:
        unusable = f"Model '{entry.model_name}' has no provider key: set api_key or {provider.key_variable}."
    return Deployment(
        id=entry.info.id or _identity(entry, base_url),
        model_name=entry.model_name,
        provider=provider,
        model=model,
        base_url=base_url,
        host=host or "",
        key=key,
        extra_headers={header.lower(): value for header, value in params.extra_headers.items()},
        entry=entry,
        drained=_drained(provider, settings.sekisho.providers),
        pinned_dialect=pinned if provider.dialects and pinned in provider.dialects else None,
        unusable=unusable,
    )


def _base_url(provider: Provider, api_base: str | None) -> str:
    """`api_base` without what the dialect's path adds again: people write it with and without `/v1`."""
    url = (api_base or provider.base_url).rstrip("/")
    if provider.dialects == ("anthropic-messages",):
        return url.removesuffix("/messages").removesuffix("/v1")
    return url.removesuffix("/chat/completions").removesuffix("/responses")


def _host_of(url: str) -> str | None:
    """The host of an address, None when it is none that can be called."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        return None
    return parts.hostname if usable else None


def _identity(entry: ModelEntry, base_url: str) -> str:
    """A stable id: the same entry keeps it over restarts and edits around it; the key is no part of it."""
    seed = f"{entry.model_name}\0{entry.params.model}\0{base_url}"
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


def _key_from(provider: Provider, environment: Environment) -> Secret | None:
    text = environment.get(provider.key_variable) if provider.key_variable else None
    return Secret(text) if text else None


def _drained(provider: Provider, policies: Mapping[str, ProviderPolicy]) -> bool:
    policy = policies.get(provider.name)
    return (policy.hang_up if policy and policy.hang_up else provider.hang_up) == "drain"


def _told_apart(deployments: list[Deployment]) -> Iterator[Deployment]:
    """Entries that differ in nothing but their key are numbered in the order of the file."""
    seen: Counter[str] = Counter()
    for one in deployments:
        seen[one.id] += 1
        named = one.entry.info.id is not None or seen[one.id] == 1
        yield one if named else msgspec.structs.replace(one, id=f"{one.id}-{seen[one.id]}")


def resolve_all(settings: Settings) -> tuple[Deployment, ...]:
    """All entries of `model_list`, in order. Raises OperatorError when two have the same `model_info.id`."""
    deployments = tuple(_told_apart([resolve(entry, settings) for entry in settings.model_list]))
    ids = [deployment.id for deployment in deployments]
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice is not None:
        raise OperatorError(f"Two entries of model_list have the id '{twice}'.")
    return deployments
