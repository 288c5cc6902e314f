"""Who a deployment is at Microsoft Entra ID: an application with a secret, or the identity that the machine has.

Flows in: tenant, client, secret; or nothing (managed identity, workload identity, a developer's own login). Flows out:
an Authority that shows bearer tokens, renewed in the background. Must stay true: deployments of one identity share its
tokens, also over a reload; azure-identity is imported with the first token, in a thread (see azure_fetch.py).
Source: azure-identity's "DefaultAzureCredential" and "ClientSecretCredential".
"""

from __future__ import annotations

import functools
import importlib

from sekisho.core.clock import Clock, SystemClock
from sekisho.core.secret import Secret
from sekisho.providers.auth.authority import FreshToken
from sekisho.providers.auth.azure_identity import EntraIdentity
from sekisho.providers.auth.refresh import Lease, Refreshed, credential_error


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
