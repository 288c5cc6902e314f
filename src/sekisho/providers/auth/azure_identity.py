"""Who a deployment is at Microsoft Entra ID, as the configuration says it. Flows out: a value; nobody is asked."""

from __future__ import annotations

import msgspec

from sekisho.core.secret import Secret


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
