"""Providers with one public address and one key: most of them.

Flows in: a deployment's parameters. Flows out: its place. Must stay true: an address may be written with and without
what the dialect's path adds again.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from sekisho.core.secret import Secret
from sekisho.providers.auth.authority import StaticKey
from sekisho.providers.provider import Asked, Place

#: What people leave at the end of an address, the longest first.
_ENDINGS = ("/chat/completions", "/completions", "/responses", "/embeddings")


def place(asked: Asked) -> Place:
    """A server of OpenAI's paths: `/chat/completions` and its like follow the address."""
    return _keyed(asked, without(asked.base_url, *_ENDINGS))


def place_with_v1(asked: Asked) -> Place:
    """As `place`, for a server whose address is mostly written without the `/v1` that belongs to it."""
    address = without(asked.base_url, *_ENDINGS)
    return _keyed(asked, f"{address}/v1" if urlsplit(address).path in ("", "/") else address)


def place_above_version(asked: Asked) -> Place:
    """A server whose paths begin with a version: the address goes without it."""
    return _keyed(asked, without(without(asked.base_url, "/messages"), "/v1beta", "/v1"))


def place_nowhere(asked: Asked) -> Place:
    """A provider that the catalog does not have."""
    lack = f"is configured at provider '{asked.provider.name}', which this version does not serve."
    return Place(base_url=asked.base_url, model=asked.model, authority=StaticKey(None, "bearer"), lack=lack)


def without(url: str, *endings: str) -> str:
    """`url` without the first of `endings` that it has."""
    return next((url.removesuffix(ending) for ending in endings if url.endswith(ending)), url)


def key_of(asked: Asked) -> Secret | None:
    """The deployment's own key, else that of the provider's usual variable."""
    return asked.params.api_key or asked.secret(*asked.provider.key_variables)


def _keyed(asked: Asked, base_url: str) -> Place:
    key, provider = key_of(asked), asked.provider
    lack = None
    if not base_url:
        lack = f"needs api_base: provider '{provider.name}' has no address of its own."
    elif key is None and not provider.keyless:
        lack = f"has no provider key: set api_key or {provider.key_variables[0]}."
    return Place(
        base_url=base_url,
        model=asked.model,
        pinned=asked.pinned,
        authority=StaticKey(key, provider.auth),
        lack=lack,
    )
