"""Where a deployment on Azure is: Azure OpenAI by deployment and version or by the v1 API, and Foundry.

Flows in: `litellm_params`, whose address people copy from the portal in several lengths. Flows out: the resource's
address, the deployment, the version. Must stay true: the deployment in the address is the one that is called; a dated
version means the paths by deployment, none or `preview` the v1 API.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from sekisho.providers.auth.authority import Authority, KeyStyle, StaticKey
from sekisho.providers.auth.azure import entra_authority
from sekisho.providers.auth.azure_identity import EntraIdentity
from sekisho.providers.plain import key_of
from sekisho.providers.provider import Asked, Place

_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_DATED: Final = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
#: The first version whose resources serve Responses.
_RESPONSES_SINCE: Final = "2025-03-01"
#: The version of Foundry's `/models` path.
_MODELS_VERSION: Final = "2024-05-01-preview"
#: Where the paths begin that we add ourselves.
_OPENAI: Final = re.compile(r"/openai(?:/v1)?(?:/deployments/(?P<deployment>[^/]+))?(?:/[a-z/]*)?$")
_FOUNDRY: Final = re.compile(r"/(?P<root>openai|anthropic|models|v1)(?:/[a-z0-9/]*)?$")
#: LiteLLM's hints of what an operator's deployment name stands for.
_SERIES: Final = {"o_series/": "o3", "gpt5_series/": "gpt-5"}


def place(asked: Asked) -> Place:
    """Azure OpenAI."""
    address, query = _split(asked.base_url)
    found = _OPENAI.search(address)
    series = next((series for series in _SERIES if asked.model.startswith(series)), "")
    told = asked.model.removeprefix(series)
    deployment = unquote(found["deployment"]) if found and found["deployment"] else told
    in_v1 = found is not None and found[0].startswith("/openai/v1")
    version = query or asked.params.api_version or asked.variable("AZURE_API_VERSION") or ""
    values, lack = _version("" if in_v1 else version)
    authority, unproven = _authority(asked, asked.provider.auth)
    return Place(
        base_url=(address[: found.start()] if found else address).rstrip("/"),
        model=deployment,
        base_model=_SERIES.get(series) or (told if told != deployment else None),
        pinned=asked.pinned,
        values=values,
        authority=authority,
        lack=_no_address(asked) or lack or unproven,
    )


def place_in_foundry(asked: Asked) -> Place:
    """Foundry: Claude in Anthropic's dialect, other models in OpenAI's; and models on servers of their own."""
    address, query = _split(asked.base_url)
    found = _FOUNDRY.search(address)
    version = query or asked.params.api_version
    serverless = (urlsplit(address).hostname or "").endswith(".models.ai.azure.com")
    if serverless:
        values = {"serverless": ""}
    elif found and found["root"] == "models":
        values = {"api_version": quote(version or _MODELS_VERSION, safe="")}
    else:
        values = {"v1": ""}
    authority, unproven = _authority(asked, "bearer" if serverless else _style(asked))
    return Place(
        base_url=(address[: found.start()] if found else address).rstrip("/"),
        model=asked.model,
        pinned=asked.pinned,
        values=values,
        authority=authority,
        lack=_no_address(asked) or unproven,
    )


def _style(asked: Asked) -> KeyStyle:
    """Claude takes Anthropic's header."""
    return "x-api-key" if "claude" in asked.model.lower() else asked.provider.auth


def _split(url: str) -> tuple[str, str | None]:
    """(address without query, the version that the query names)."""
    address, _, query = url.partition("?")
    return address.rstrip("/"), next(iter(parse_qs(query).get("api-version", ())), None)


def _version(version: str) -> tuple[dict[str, str], str | None]:
    """(the values of the paths, what is wrong with the version)."""
    if not version or version in ("v1", "latest"):
        return {"v1": ""}, None
    if version == "preview":
        return {"v1": "?api-version=preview"}, None
    if not _DATED.fullmatch(version):
        return {}, "has an api_version that is neither a date like 2024-10-21 nor 'preview' or 'latest'."
    values = {"api_version": version}
    return (values | {"responses_version": version} if version >= _RESPONSES_SINCE else values), None


def _no_address(asked: Asked) -> str | None:
    return None if asked.base_url else f"needs api_base: provider '{asked.provider.name}' has no address of its own."


def _authority(asked: Asked, style: KeyStyle) -> tuple[Authority, str | None]:
    """(who we are, what is missing): a key, a token that the operator renews, or an identity of Entra ID."""
    params = asked.params
    token = params.azure_ad_token or asked.secret("AZURE_AD_TOKEN")
    own_identity = params.azure_ad_token or params.client_secret
    key = key_of(asked) if params.api_key or not own_identity else None
    if key is not None:
        return StaticKey(key, style), None
    if token is not None:
        lack = "has an azure_ad_token by reference ('oidc/…'), which is not supported: set client_secret or none."
        return StaticKey(token, "bearer"), lack if token.reveal().startswith("oidc/") else None
    if not _installed():
        advice = f"set api_key or {asked.provider.key_variables[0]}, or install sekisho[azure] for Entra ID."
        return StaticKey(None, style), f"has no provider key: {advice}"
    identity = EntraIdentity(
        tenant_id=params.tenant_id or asked.variable("AZURE_TENANT_ID"),
        client_id=params.client_id or asked.variable("AZURE_CLIENT_ID"),
        client_secret=params.client_secret or asked.secret("AZURE_CLIENT_SECRET"),
        authority_host=asked.variable("AZURE_AUTHORITY_HOST"),
        scope=params.azure_scope or asked.variable("AZURE_SCOPE") or _SCOPE,
    )
    return entra_authority(identity), identity.lack


def _installed() -> bool:
    """Whether the extra is there, without importing it."""
    return find_spec("azure") is not None and find_spec("azure.identity") is not None
