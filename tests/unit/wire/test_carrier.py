from __future__ import annotations

from sekisho.wire.carrier import PLAIN, Chain, Said, Unchanged, names_no_betas, says_plainly, unchanged
from sekisho.wire.json_edit import JsonObject


class Doubled:
    """Says everything twice, and how often it did, at the end."""

    def __init__(self) -> None:
        self.count = 0

    def feed(self, chunk: bytes) -> bytes:
        self.count += bool(chunk)
        return chunk * 2

    def close(self) -> bytes:
        return b"%d" % self.count


def test_an_unchanged_stream_is_the_same() -> None:
    same = Unchanged()
    assert (same.feed(b"abc"), same.close()) == (b"abc", b"")


def test_a_chain_passes_the_first_ones_end_through_the_second() -> None:
    chain = Chain(Doubled(), Doubled())
    assert chain.feed(b"a") == b"aaaa"
    assert chain.close() == b"11" + b"2"


def test_the_vendors_own_framing_says_model_and_stream_in_the_body_and_betas_in_the_header() -> None:
    said = says_plainly(Said(model='a"b', stream=True, betas=("x", "y")))
    assert said.keys == {"model": b'"a\\"b"', "stream": b"true"}
    assert said.headers == {"anthropic-beta": "x,y"}
    assert said.dropped == ()
    assert says_plainly(Said(model="m", stream=False)).keys["stream"] is None
    assert says_plainly(Said(model="m", stream=False)).headers == {}


def test_a_plain_framing_changes_nothing() -> None:
    body = JsonObject(b'{"anthropic_beta":["x"]}')
    assert names_no_betas(body) == PLAIN.betas(body) == ()
    assert unchanged(body.body) is PLAIN.clean(body.body)
    assert (PLAIN.name, PLAIN.keys) == ("", ())
