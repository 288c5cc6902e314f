from __future__ import annotations

import pytest

from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.counting import count_reader, only, without


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"tokens":"7"}', b'{"tokens":null}', b"<html>", b'{"tokens":1.5}', b"\xff"]
)
def test_what_is_no_count_is_the_providers_fault(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        count_reader("tokens")(body)


def test_a_count_is_read_and_never_negative() -> None:
    assert count_reader("tokens")(b'{"more":{},"tokens":7}') == 7
    assert count_reader("tokens")(b'{"tokens":-7}') == 0


def test_keys_are_taken_out_and_values_stay_as_written() -> None:
    body = b'{"a":1e2,"b":"\\u3042","c":[ ]}'
    assert without(body, frozenset({"c", "x"})) == b'{"a":1e2,"b":"\\u3042"}'
    assert without(body, frozenset({"x"})) is body
    assert only(body, frozenset({"b", "x"})) == b'{"b":"\\u3042"}'
