from __future__ import annotations

import pytest

from sekisho.upstream.client import ReqwestTransport
from tests.support.transport_contract import CONTRACT, MakeTransport


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_the_contract_of_a_transport(check: object) -> None:
    make: MakeTransport = ReqwestTransport
    assert await check(make) is None  # type: ignore[operator]
