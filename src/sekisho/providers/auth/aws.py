"""Signs a deployment's requests to AWS, with credentials that are kept fresh.

Flows in: a deployment's `aws_*` parameters and the environment. Flows out: an Authority that signs its requests. Must
stay true: deployments of one identity share one set of credentials, over all models and regions; only an identity that
has to be asked for needs botocore, and none imports it before its first request.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from sekisho.config.environment import Environment
from sekisho.config.model import LitellmParams
from sekisho.core.clock import Clock, SystemClock
from sekisho.core.errors import ErrorInfo
from sekisho.providers.auth.aws_identity import AwsIdentity, identity_of
from sekisho.providers.auth.refresh import Fixed, Lease, Refreshed, credential_error
from sekisho.providers.auth.sigv4 import AwsKeys, Unsigned, sign

#: What Bedrock answers when credentials have ended or were revoked: others may be accepted.
_RENEWABLE: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)


class AwsAuthority:
    """Signs for one region with the credentials of an identity."""

    __slots__ = ("_clock", "_credentials", "_region")

    def __init__(self, credentials: Refreshed[AwsKeys] | Fixed[AwsKeys], region: str, clock: Clock) -> None:
        self._credentials = credentials
        self._region = region
        self._clock = clock

    def ready(self) -> bool:
        """Whether valid credentials are at hand."""
        return self._credentials.ready()

    async def prepare(self) -> None:
        """Valid credentials are at hand when this returns. Raises UpstreamError of class UPSTREAM_CREDENTIAL."""
        await self._credentials.prepare()

    def headers(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """The signature. Raises UpstreamError when there are no credentials."""
        request = Unsigned(method, url, body, headers)
        return sign(request, self._credentials.value(), self._region, self._clock.now_us())

    def refused(self, error: ErrorInfo) -> bool:
        """Bedrock says that the credentials have ended: others are fetched, where they can be."""
        return error.code in _RENEWABLE and self._credentials.doubt()


def aws_authority(params: LitellmParams, environment: Environment, region: str) -> AwsAuthority:
    """The authority of a deployment in `region`."""
    return AwsAuthority(_credentials(identity_of(params, environment, region)), region, SystemClock())


def credentials_of(identity: AwsIdentity, clock: Clock) -> Refreshed[AwsKeys] | Fixed[AwsKeys]:
    """The credentials of an identity: those it has, or those it asks for."""
    if identity.keys is not None and identity.role is None and identity.lack is None:
        return Fixed(identity.keys)
    return Refreshed(identity.name, functools.partial(_fetch, identity), clock)


@functools.lru_cache(maxsize=1024)
def _credentials(identity: AwsIdentity) -> Refreshed[AwsKeys] | Fixed[AwsKeys]:
    """One per identity, and kept over a reload."""
    return credentials_of(identity, SystemClock())


def _fetch(identity: AwsIdentity) -> Lease[AwsKeys]:
    """Runs in a thread. Raises UpstreamError of class UPSTREAM_CREDENTIAL."""
    if identity.lack is not None:
        raise credential_error(f"The deployment {identity.lack}")
    from sekisho.providers.auth.aws_fetch import fetch

    return fetch(identity)
