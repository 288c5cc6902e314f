"""Tokens of Microsoft Entra ID, from azure-identity; imported when the first is fetched.

Flows in: an identity. Flows out: a token with its end. Must stay true: runs in a thread, for it blocks; no error text
holds a secret, nor what Entra ID answered.
"""

from __future__ import annotations

from typing import Any, Final

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.identity import ClientSecretCredential, DefaultAzureCredential

from sekisho.core.secret import Secret
from sekisho.providers.auth.azure_identity import EntraIdentity
from sekisho.providers.auth.refresh import Lease, credential_error

#: Entra ID's own hosts. Another one is a private cloud, which the public discovery does not know.
_PUBLIC_HOSTS: Final = ("login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn")


def fetch(identity: EntraIdentity) -> Lease[Secret]:
    """A fresh token. Blocks. Raises UpstreamError of class UPSTREAM_CREDENTIAL.

    The credential is made anew each time: it would show its cached token once more after that was refused.
    """
    try:
        token = _credential(identity).get_token(identity.scope)
    except (AzureError, ValueError) as error:
        # The class alone: its text may repeat what Entra ID answered.
        name = type(error).__name__
        advice = "check tenant_id, client_id and client_secret, or the machine's identity"
        raise credential_error(f"Microsoft Entra ID gave no token ({name}): {advice}.", name) from None
    return Lease(Secret(token.token), token.expires_on * 1_000_000)


def _credential(identity: EntraIdentity) -> TokenCredential:
    place: dict[str, Any] = {}
    host = (identity.authority_host or "").removeprefix("https://").rstrip("/")
    if host:
        place = {"authority": host, "disable_instance_discovery": host not in _PUBLIC_HOSTS}
    if identity.client_secret is None:
        return DefaultAzureCredential(managed_identity_client_id=identity.client_id, **place)
    tenant, client = identity.tenant_id or "", identity.client_id or ""
    return ClientSecretCredential(tenant, client, identity.client_secret.reveal(), **place)
