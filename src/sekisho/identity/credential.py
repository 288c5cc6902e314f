"""Which key a caller shows, and whose it is.

Flows in: request headers. Flows out: a Principal, or Unauthenticated. Must stay true: the token itself goes no
further than the key ring; no message repeats it. Headers: every one in which an SDK or LiteLLM's clients send a key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from sekisho.core.errors import Unauthenticated
from sekisho.identity.access_keys import AccessKeyRing
from sekisho.identity.keys import KeyRing, Principal
from sekisho.identity.sigv4 import is_signed, signer_of

#: In the order of precedence: a header of the gateway's own beats Authorization, which may carry a provider's token.
KEY_HEADERS = (
    "x-litellm-api-key",
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
)
#: An ASGI scope; and how to read the body that belongs to it.
Scope = Mapping[str, Any]
ReadBody = Callable[[], Awaitable[bytes]]


def find_token(headers: Mapping[str, str], key_header: str | None) -> str | None:
    """The key in the first header that has one; `key_header` is the operator's own. `Bearer` may precede it."""
    for name in (key_header, *KEY_HEADERS) if key_header else KEY_HEADERS:
        value = headers.get(name)
        if value:
            scheme, space, token = value.partition(" ")
            token = token.strip() if space and scheme.lower() == "bearer" else value.strip()
            if token and token.lower() != "bearer":
                return token
    return None


class Callers(Protocol):
    """Who calls. `scope` and `body` are those of the request, for a company's own function."""

    async def by_key(self, headers: Mapping[str, str], scope: Scope | None = None) -> Principal:
        """By what the request shows. Raises Unauthenticated."""
        ...

    async def recognise(
        self, headers: Mapping[str, str], scope: Scope | None = None, body: ReadBody | None = None
    ) -> Principal:
        """As `by_key`, or by the name of the access-key pair that a request is signed with: the signature itself is
        verified once its body is here. Raises Unauthenticated.
        """
        ...

    def close(self) -> None:
        """Others take over."""
        ...


class KeyCallers:
    """Callers by virtual keys."""

    def __init__(self, keys: KeyRing, access_keys: AccessKeyRing, key_header: str | None) -> None:
        self.keys = keys
        self.access_keys = access_keys
        self.key_header = key_header

    async def by_key(self, headers: Mapping[str, str], _scope: Scope | None = None) -> Principal:
        """See Callers."""
        token = find_token(headers, self.key_header)
        if token is None:
            raise Unauthenticated(
                "Authentication Error, no key was sent: put your virtual key (sk-…) in the Authorization or x-api-key "
                "header.",
                code="invalid_api_key",
            )
        principal = await self.keys.seek(token)
        if principal is None:
            raise Unauthenticated("Authentication Error, this key is not known to the gateway.", code="invalid_api_key")
        return principal

    async def recognise(
        self, headers: Mapping[str, str], _scope: Scope | None = None, _body: ReadBody | None = None
    ) -> Principal:
        """See Callers."""
        if not is_signed(headers):
            return await self.by_key(headers)
        pair = await self.access_keys.seek(signer_of(headers))
        if pair is None:
            raise Unauthenticated(
                "This access key is not known to the gateway. Use the pair that was issued for your virtual key.",
                code="UnrecognizedClientException",
                status=403,
            )
        return pair.principal

    def close(self) -> None:
        """See Callers."""
