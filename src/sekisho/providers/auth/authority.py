"""How we prove to a provider who we are.

Flows in: a deployment's credential, the request about to be sent. Flows out: the headers that prove it. Must stay
true: `prepare` is where waiting happens and never blocks the loop; `headers` is cheap and shows the secret to nobody
but the request; no error text holds one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.core.secret import Secret
from sekisho.providers.auth.refresh import Refreshed

#: The header in which a provider wants its key; "bearer" is `Authorization: Bearer …`.
KeyStyle = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key"]

#: Codes by which providers say that the token is good, but not for this.
_NOT_ALLOWED = frozenset({"PERMISSION_DENIED", "PermissionDenied", "permission_error"})


class Authority(Protocol):
    """One identity at one provider; deployments with the same identity share it."""

    def ready(self) -> bool:
        """Whether `prepare` would return at once."""

    async def prepare(self) -> None:
        """Credentials are there and fresh when this returns. Raises UpstreamError of class UPSTREAM_CREDENTIAL."""

    def headers(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers that prove who we are, for exactly this request; call it after `prepare`.

        `url` is sent as it is written; `headers` are the other headers of the request, names in lower case. Raises
        UpstreamError of class UPSTREAM_CREDENTIAL when there are no credentials.
        """

    def refused(self, error: ErrorInfo) -> bool:
        """The provider refused a request with `error`: whether one more try, after `prepare`, may be accepted."""


class StaticKey:
    """A key from the configuration, which only the operator changes; no key for a provider that wants none."""

    __slots__ = ("_key", "_style")

    def __init__(self, key: Secret | None, style: KeyStyle) -> None:
        self._key = key
        self._style = style

    def ready(self) -> bool:
        """It always is."""
        return True

    async def prepare(self) -> None:
        """There is nothing to wait for."""

    def headers(self, _method: str, _url: str, _body: bytes, _headers: Mapping[str, str]) -> dict[str, str]:
        """The one header with the key."""
        return {} if self._key is None else key_header(self._key, self._style)

    def refused(self, _error: ErrorInfo) -> bool:
        """A second try would show the same key."""
        return False


class FreshToken:
    """A bearer token that expires and is fetched anew in the background: Entra ID, Google."""

    __slots__ = ("_token",)

    def __init__(self, token: Refreshed[Secret]) -> None:
        self._token = token

    def ready(self) -> bool:
        """Whether a valid token is at hand."""
        return self._token.ready()

    async def prepare(self) -> None:
        """A valid token is at hand when this returns. Raises UpstreamError of class UPSTREAM_CREDENTIAL."""
        await self._token.prepare()

    def headers(self, _method: str, _url: str, _body: bytes, _headers: Mapping[str, str]) -> dict[str, str]:
        """The Authorization header. Raises UpstreamError when there is no token."""
        return key_header(self._token.value(), "bearer")

    def refused(self, error: ErrorInfo) -> bool:
        """A token may be revoked before its time: fetch another. What an identity may not do, no token of it may."""
        known_no = error.status == 403 or error.code in _NOT_ALLOWED
        return error.error_class is ErrorClass.UPSTREAM_CREDENTIAL and not known_no and self._token.doubt()


def key_header(key: Secret, style: KeyStyle) -> dict[str, str]:
    """The header that shows `key` in this style."""
    return {"authorization": f"Bearer {key.reveal()}"} if style == "bearer" else {style: key.reveal()}
