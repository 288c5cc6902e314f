from __future__ import annotations

import base64
import sys

import pytest

from sekisho.cli.litellm.salt import CannotDecrypt, Salt
from sekisho.core.secret import Secret
from tests.support.litellm_tables import SALT, boxed, sealed

SALTED = Salt(Secret(SALT))


@pytest.mark.parametrize(
    "text",
    [
        boxed("sk-ant-1"),
        sealed("sk-ant-1"),
        sealed("sk-ant-1", version="v2"),
        boxed("sk-ant-1").translate({45: 43, 95: 47}),
    ],
    ids=["secretbox", "v3", "v2", "secretbox-old-alphabet"],
)
def test_each_format_of_litellm_opens(text: str) -> None:
    assert SALTED.open(text) == "sk-ant-1"


@pytest.mark.parametrize(
    "text",
    [boxed("x", "another"), sealed("x", "another"), "v3:gcm:AAAA", "v2:gcm:A"],
    ids=["secretbox", "v3", "v3-cut", "v2-cut"],
)
def test_another_key_opens_nothing_and_says_no_secret(text: str) -> None:
    with pytest.raises(CannotDecrypt, match="LITELLM_SALT_KEY") as caught:
        SALTED.open(text)
    assert SALT not in str(caught.value)


@pytest.mark.parametrize("text", ["gpt-4o", "", "https://api.example/v1", base64.b64encode(b"short").decode()])
def test_what_is_too_short_to_be_encrypted_stands_for_itself(text: str) -> None:
    assert SALTED.open(text) == text


def test_of_many_values_the_one_that_does_not_open_is_named() -> None:
    values = {"model": boxed("openai/gpt-4o"), "rpm": 60}
    assert SALTED.opened(values) == {"model": "openai/gpt-4o", "rpm": 60}
    with pytest.raises(CannotDecrypt, match="'api_key'"):
        SALTED.opened(values | {"api_key": boxed("x", "another")})


def test_without_nacl_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    text = boxed("sk-ant-1")
    monkeypatch.setitem(sys.modules, "nacl.exceptions", None)
    with pytest.raises(CannotDecrypt, match="EXTRAS=litellm"):
        SALTED.open(text)
