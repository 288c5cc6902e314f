"""A deployment: one model at one provider with one credential, as the configuration names it.

Flows in: a `model_list` entry, resolved against the catalog. Flows out: what routing chooses from and an attempt
needs. Must stay true: a credential is shown by `authority.headers()` alone, for one request, and never logged.
"""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlsplit

import msgspec

from sekisho.canonical.target import Target
from sekisho.config.model import LitellmParams, ModelEntry, Settings
from sekisho.config.sections import ProviderPolicy
from sekisho.core.errors import OperatorError, UnsupportedFeature
from sekisho.core.secret import Secret
from sekisho.providers import plain
from sekisho.providers.auth.authority import Authority, StaticKey
from sekisho.providers.catalog import find_provider
from sekisho.providers.profiles import profile_of
from sekisho.providers.provider import Asked, Path, Place, Provider, paths_of
from sekisho.wire.registry import BY_NAME

#: Anthropic's API version; sent unless the caller named one.
ANTHROPIC_VERSION = "2023-06-01"


class Deployment(msgspec.Struct, frozen=True, kw_only=True, dict=True):
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
    authority: Authority = StaticKey(None, "bearer")
    extra_headers: dict[str, Secret]
    entry: ModelEntry
    #: The model's public name, where `model` is an ARN or a name that the operator gave.
    base_model: str | None = None
    #: Where it answers from, in the provider's words (Bedrock's region, Vertex's location), where that is known.
    region: str | None = None
    #: Whose it is there (an AWS account, a Google project), where that is known.
    account: str | None = None
    #: What the provider's paths are made of, percent-encoded.
    values: Mapping[str, str] = {}
    #: The one dialect to call it in, where the operator said so.
    pinned_dialect: str | None = None
    #: Read its answer to the end when the caller hangs up, for exact usage; else close it.
    drained: bool = False
    #: Why it cannot be used, told to the caller; None when it can.
    unusable: str | None = None

    @functools.cached_property
    def known_model(self) -> str:
        """The model's public name, with its region where it has one: what price tables and families go by."""
        return self.base_model or self.provider.public_name(self.model)

    @functools.cached_property
    def target(self) -> Target:
        """Who a request is written for."""
        return Target(model=self.model, profile=profile_of(self.known_model), compatible=self.provider.compatible)

    @functools.cached_property
    def dialects(self) -> tuple[str, ...]:
        """The dialects it can be called in, the preferred first."""
        return tuple(self._paths)

    @functools.cached_property
    def _paths(self) -> dict[str, dict[str, Path]]:
        return paths_of(self.provider, self.known_model, frozenset(self.values))

    def serves(self, dialect: str, operation: str) -> bool:
        """Whether `operation` can be asked for in `dialect`."""
        return operation in self._paths.get(dialect, ())

    def offers(self, operation: str) -> bool:
        """Whether it serves `operation` in any dialect."""
        return any(operation in paths for paths in self._paths.values())

    def url(self, dialect: str, operation: str, *, streamed: bool = False) -> str:
        """Where `operation` is served in `dialect`. Raises KeyError when there is no such path."""
        path = self._paths[dialect][operation]
        template = path.streamed if streamed and path.streamed else path.whole
        if "{" not in template:
            return self.base_url + template
        base_id = self.provider.base_id(self.known_model)
        return self.base_url + template.format(model=_encoded(self.model), base_id=_encoded(base_id), **self.values)

    def headers(self) -> dict[str, str]:
        """The headers of every request, the operator's own last; who we are is told by `authority`."""
        headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "sekisho"}
        organization = self.entry.params.organization
        if organization and self.provider.organization_header:
            headers[self.provider.organization_header] = organization
        for name, value in self.extra_headers.items():
            headers[name] = value.reveal()
        return headers

    def dialect_for(self, caller: str, unserved: frozenset[str], operation: str = "generate") -> str:
        """The dialect to call it in for a caller of dialect `caller`.

        The operator's word first, then the caller's own where it is spoken, then one that carries the same body, then
        what the model prefers; `unserved` are those which the server has answered it does not have. Raises
        UnsupportedFeature when the provider has none at all for the model that a wildcard stood for.
        """
        if self.pinned_dialect is not None:
            return self.pinned_dialect
        every = self._paths
        if caller not in unserved and operation in every.get(caller, ()):
            return caller
        able = [name for name, paths in every.items() if operation in paths] or list(every)
        spoken = [name for name in able if name not in unserved] or able
        if caller in spoken:
            return caller
        if not spoken:
            raise UnsupportedFeature(operation, self.provider.name)
        same = next((name for name in spoken if _shape(name) == _shape(caller)), None)
        if same is not None:
            return same
        prefers_responses = profile_of(self.known_model).prefers_responses and not self.provider.compatible
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
    provider, name, model = _provider_of(params)
    alias = provider.aliases.get(name)
    pin = next((pin for pin in provider.pins if model.startswith(pin)), None)
    asked = Asked(
        provider=provider,
        model=model.removeprefix(pin or ""),
        pinned=provider.pins[pin] if pin else alias,
        params=params,
        environment=settings.environment,
    )
    place = provider.place(asked)
    host = _host_of(place.base_url)
    deployment = Deployment(
        id=entry.info.id or _identity(entry, place),
        model_name=entry.model_name,
        provider=provider,
        model=place.model,
        base_url=place.base_url,
        host=host or "",
        authority=place.authority,
        extra_headers={header.lower(): value for header, value in params.extra_headers.items()},
        entry=entry,
        base_model=_base_model(entry, provider) or place.base_model,
        region=place.region,
        account=place.account,
        values=place.values,
        drained=_drained(provider, settings.sekisho.providers),
        unusable=_why_unusable(entry, provider, place, host),
    )
    wanted = place.pinned or ("openai-chat" if params.use_chat_completions_api else None)
    unusable = deployment.unusable
    if unusable is None and not deployment.dialects and "*" not in deployment.model:
        unusable = f"Model '{entry.model_name}' is none that provider '{provider.name}' serves with these parameters."
    return msgspec.structs.replace(
        deployment, pinned_dialect=wanted if wanted in deployment.dialects else None, unusable=unusable
    )


def _provider_of(params: LitellmParams) -> tuple[Provider, str, str]:
    """(its row, its name as written, the model without it). A provider that nobody knows gets a row of its own."""
    prefix, slash, model = params.model.partition("/")
    name = params.custom_llm_provider or (prefix if slash else "openai")
    if not slash or params.custom_llm_provider:
        model = params.model.removeprefix(f"{name}/")
    return find_provider(name) or Provider(name=name, services=(), place=plain.place_nowhere), name, model


def _why_unusable(entry: ModelEntry, provider: Provider, place: Place, host: str | None) -> str | None:
    subject = f"Model '{entry.model_name}'"
    if entry.params.missing and provider.services:
        return f"{subject} lacks the environment variable {entry.params.missing[0]} on the gateway."
    if place.lack is not None:
        return f"{subject} {place.lack}"
    if host is None:
        return f"{subject} has an api_base that is no plain http:// or https:// address."
    return None


def _base_model(entry: ModelEntry, provider: Provider) -> str | None:
    """`model_info.base_model`, which may be written with the provider's prefix."""
    name = entry.info.base_model
    return name.removeprefix(f"{provider.name}/") if name else None


@functools.lru_cache(maxsize=4096)
def _encoded(model: str) -> str:
    """A model as one segment of a path. `@` stays, as providers' own clients leave it."""
    return quote(model, safe="@")


def _shape(dialect: str) -> str:
    """The dialect whose body `dialect` carries."""
    return BY_NAME[dialect].shape or dialect


def _host_of(url: str) -> str | None:
    """The host of an address, None when it is none that can be called."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        return None
    return parts.hostname if usable else None


def _identity(entry: ModelEntry, place: Place) -> str:
    """A stable id: the same entry keeps it over restarts and edits around it; the key is no part of it."""
    seed = f"{entry.model_name}\0{entry.params.model}\0{place.base_url}"
    if place.account is not None:
        seed += f"\0{place.account}"
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


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
