from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.clock import FakeClock
from sekisho.core.envelope import Envelope
from sekisho.core.errors import Unauthenticated
from sekisho.core.secret import Secret
from sekisho.identity.access_keys import AccessKeyRing
from sekisho.identity.credential import KEY_HEADERS, KeyCallers, find_token
from sekisho.identity.keys import KeyRing
from tests.support.ledger import open_database


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyCallers]:
    folder: Path = tmp_path_factory.mktemp("keys")
    db = open_database(folder)
    keys = KeyRing(db, FakeClock(), Secret("sk-master"))
    yield KeyCallers(keys, AccessKeyRing(db, keys, Envelope(None), FakeClock()), None)
    db.close()


@pytest.mark.parametrize("name", KEY_HEADERS)
@pytest.mark.parametrize("shown", ["sk-1", "Bearer sk-1", "bearer sk-1", "BEARER   sk-1 ", " sk-1"])
def test_a_key_in_any_header(name: str, shown: str) -> None:
    assert find_token({name: shown}, None) == "sk-1"


def test_the_gateways_own_header_comes_first_and_the_operators_before_it() -> None:
    headers = {name: f"sk-{name}" for name in (*KEY_HEADERS, "x-our-key")}
    assert find_token(headers, "x-our-key") == "sk-x-our-key"
    for name in KEY_HEADERS:
        assert find_token(headers, None) == f"sk-{name}"
        del headers[name]
    assert find_token(headers, None) is None


@pytest.mark.parametrize("empty", ["", " ", "Bearer", "Bearer ", "bearer   "])
def test_a_header_without_a_key_leaves_the_word_to_the_next(empty: str) -> None:
    assert find_token({"authorization": empty, "x-api-key": "sk-1"}, None) == "sk-1"
    assert find_token({"authorization": empty}, None) is None


def test_another_scheme_is_no_bearer() -> None:
    assert find_token({"authorization": "Basic c2stMQ=="}, None) == "Basic c2stMQ=="


async def test_a_key_that_is_known_has_a_principal(callers: KeyCallers) -> None:
    assert await callers.by_key({"x-api-key": "sk-master"}) is callers.keys.master
    assert await callers.recognise({"x-api-key": "sk-master"}) is callers.keys.master


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}])
async def test_no_key_says_where_it_belongs(callers: KeyCallers, headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated, match="Authorization or x-api-key") as refused:
        await callers.by_key(headers)
    assert (refused.value.info.status, refused.value.info.code) == (401, "invalid_api_key")


@given(token=st.text(min_size=4, max_size=40).filter(lambda token: token.strip().lower() not in ("", "bearer")))
def test_a_key_that_is_not_known_is_not_repeated(callers: KeyCallers, token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        asyncio.run(callers.by_key({"authorization": f"Bearer CANARY{token}"}))
    assert "CANARY" not in str(refused.value)
    assert refused.value.__cause__ is None
