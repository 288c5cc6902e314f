"""Which key a caller shows, and whose it is.

Flows in: request headers. Flows out: a Principal, or Unauthenticated. Must stay true: the token itself goes no
further than the key ring; no message repeats it. Headers: every one in which an SDK or LiteLLM's clients send a key.
"""

from __future__ import annotations

from collections.abc import Mapping

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


async def recognise_key(headers: Mapping[str, str], keys: KeyRing, key_header: str | None) -> Principal:
    """Who calls. Raises Unauthenticated."""
    token = find_token(headers, key_header)
    if token is None:
        raise Unauthenticated(
            "Authentication Error, no key was sent: put your virtual key (sk-…) in the Authorization or x-api-key "
            "header.",
            code="invalid_api_key",
        )
    principal = await keys.seek(token)
    if principal is None:
        raise Unauthenticated("Authentication Error, this key is not known to the gateway.", code="invalid_api_key")
    return principal


async def recognise_caller(
    headers: Mapping[str, str], keys: KeyRing, access_keys: AccessKeyRing, key_header: str | None
) -> Principal:
    """Who calls, by a key, or by the name of the access-key pair that a request is signed with: the signature itself
    is verified once its body is here. Raises Unauthenticated.
    """
    if not is_signed(headers):
        return await recognise_key(headers, keys, key_header)
    pair = await access_keys.seek(signer_of(headers))
    if pair is None:
        raise Unauthenticated(
            "This access key is not known to the gateway. Use the pair that was issued for your virtual key.",
            code="UnrecognizedClientException",
            status=403,
        )
    return pair.principal
