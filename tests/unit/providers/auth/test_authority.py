from __future__ import annotations

import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamError
from sekisho.core.secret import Secret
from sekisho.providers.auth.authority import Authority, FreshToken, KeyStyle, StaticKey
from sekisho.providers.auth.refresh import Lease, Refreshed

REQUEST = ("POST", "https://api.example/v1", b"{}", {"content-type": "application/json"})


def refusal(error_class: ErrorClass, status: int, code: str | None = None) -> ErrorInfo:
    return ErrorInfo(error_class=error_class, message="no", status=status, code=code)


@pytest.mark.parametrize(
    ("style", "name", "value"),
    [
        ("bearer", "authorization", "Bearer k-1"),
        ("x-api-key", "x-api-key", "k-1"),
        ("api-key", "api-key", "k-1"),
        ("x-goog-api-key", "x-goog-api-key", "k-1"),
    ],
)
async def test_a_static_key_is_shown_in_its_header(style: KeyStyle, name: str, value: str) -> None:
    authority: Authority = StaticKey(Secret("k-1"), style)
    assert authority.ready()
    await authority.prepare()
    assert authority.headers(*REQUEST) == {name: value}
    assert not authority.refused(refusal(ErrorClass.UPSTREAM_CREDENTIAL, 401))


def test_without_a_key_nothing_is_shown() -> None:
    assert StaticKey(None, "bearer").headers(*REQUEST) == {}


async def test_a_token_is_fetched_shown_and_fetched_again_when_refused() -> None:
    clock = FakeClock()
    texts = iter(["t-1", "t-2"])

    def fetch() -> Lease[Secret]:
        return Lease(Secret(next(texts)), clock.now_us() + 3600 * 1_000_000)

    authority: Authority = FreshToken(Refreshed("tenant", fetch, clock))
    assert not authority.ready()
    with pytest.raises(UpstreamError):
        authority.headers(*REQUEST)
    await authority.prepare()
    assert authority.ready()
    assert authority.headers(*REQUEST) == {"authorization": "Bearer t-1"}
    clock.advance(60)
    assert not authority.refused(refusal(ErrorClass.UPSTREAM_CREDENTIAL, 403))
    assert not authority.refused(refusal(ErrorClass.UPSTREAM_CREDENTIAL, 502, "PERMISSION_DENIED"))
    assert not authority.refused(refusal(ErrorClass.RATE_LIMITED, 429))
    assert authority.ready()
    assert authority.refused(refusal(ErrorClass.UPSTREAM_CREDENTIAL, 502))
    assert not authority.ready()
    await authority.prepare()
    assert authority.headers(*REQUEST) == {"authorization": "Bearer t-2"}
