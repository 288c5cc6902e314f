from __future__ import annotations

import pytest

from sekisho.core.secret import Secret
from sekisho.providers.auth.azure_identity import EntraIdentity

SCOPE = "https://cognitiveservices.azure.com/.default"


def identity(secret: str | None = "canary", tenant: str | None = "t", client: str | None = "c") -> EntraIdentity:
    return EntraIdentity(
        tenant_id=tenant, client_id=client, client_secret=Secret(secret) if secret else None, scope=SCOPE
    )


def test_no_secret_is_shown() -> None:
    assert "canary" not in repr(identity())


@pytest.mark.parametrize(
    ("one", "whole"),
    [
        (identity(), True),
        (identity(secret=None), True),
        (identity(secret=None, tenant=None, client=None), True),
        (identity(tenant=None), False),
        (identity(client=None), False),
    ],
)
def test_a_secret_needs_its_tenant_and_application(one: EntraIdentity, *, whole: bool) -> None:
    assert (one.lack is None) is whole
