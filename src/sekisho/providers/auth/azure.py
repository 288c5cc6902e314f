"""Who a deployment is at Microsoft Entra ID: an application with a secret, or the identity that the machine has.

Flows in: tenant, client, secret; or nothing (managed identity, workload identity, a developer's own login). Flows out:
an Authority that shows bearer tokens, renewed in the background. Must stay true: deployments of one identity share its
tokens, also over a reload; azure-identity is imported with the first token, in a thread (see azure_fetch.py).
Source: azure-identity's "DefaultAzureCredential" and "ClientSecretCredential".
"""

from __future__ import annotations

import functools
import importlib

import msgspec

from sekisho.core.clock import Clock, SystemClock
from sekisho.core.secret import Secret
from sekisho.providers.auth.authority import FreshToken
from sekisho.providers.auth.refresh import Lease, Refreshed, credential_error


class EntraIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens they are, and for what: `scope` names the service."""

    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    #: Where Entra ID is, when not at its public address.
    authority_host: str | None = None
    scope: str

    @property
    def lack(self) -> str | None:
        """What an application's secret lacks, as the end of "Model 'x' …"."""
        if self.client_secret is None or (self.tenant_id and self.client_id):
            return None
        return "has a client_secret without tenant_id and client_id: set all three, or none."


@functools.lru_cache(maxsize=1024)
def entra_authority(identity: EntraIdentity) -> FreshToken:
    """The authority of an identity."""
    return authority_of(identity, SystemClock())


def authority_of(identity: EntraIdentity, clock: Clock) -> FreshToken:
    """The same, with a clock of the caller's."""
    return FreshToken(Refreshed("Microsoft Entra ID", functools.partial(_fetch, identity), clock))


def _fetch(identity: EntraIdentity) -> Lease[Secret]:
    try:
        module = importlib.import_module("sekisho.providers.auth.azure_fetch")
    except ImportError:
        raise credential_error("Entra ID's tokens need an extra: install sekisho[azure].") from None
    lease: Lease[Secret] = module.fetch(identity)
    return lease
