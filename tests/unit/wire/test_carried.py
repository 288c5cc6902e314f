from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.fold import fold, unfold
from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.target import Target
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamProtocolError
from sekisho.wire.anthropic_messages import DIALECT as MESSAGES
from sekisho.wire.carried import CarriedWatch, carried, carry_request, reframed
from sekisho.wire.carrier import Carrier, Filter, Said, Saying
from sekisho.wire.dialect import Dialect
from sekisho.wire.json_edit import JsonObject
from tests.support.wires import USAGE, WORDS, reply_of, stream_body

ASKED = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True)


class Shifted:
    """A framing in which every byte is another one, and which has a word at its end."""

    def __init__(self, by: int, end: bytes = b"") -> None:
        self.table = bytes((value + by) % 256 for value in range(256))
        self.end = end

    def feed(self, chunk: bytes) -> bytes:
        if b"\0" in chunk:
            raise UpstreamProtocolError("No zeros.")
        return chunk.translate(self.table)

    def close(self) -> bytes:
        return self.end


def says(said: Said) -> Saying:
    keys = {"model": None, "stream": None, "framing": b"1"}
    return Saying(keys=keys, headers={"x-betas": "+".join(said.betas)}, dropped=("left",))


def betas(body: JsonObject) -> tuple[str, ...]:
    return ("of-body",) if "framing" in body.values else ()


CARRIER = Carrier(
    name="shifted",
    keys=("framing",),
    betas=betas,
    says=says,
    clean=lambda body: body.replace(b"dirt", b"soap"),
    unwrap=lambda: Shifted(-1),
    wrap=lambda: Shifted(1, b"."),
)
SHIFTED = carried(MESSAGES, CARRIER, stream_type="application/x-shifted")
BODY = b'{"model":"m", "messages":[{"role":"user","content":"dirt"}], "max_tokens":5, "stream":true}'
OTHER = b'{ "messages":[{"role":"user","content":"dirt"}], "max_tokens":5,"framing":1}'


def test_a_carried_dialect_is_a_dialect_of_its_own() -> None:
    assert (SHIFTED.name, SHIFTED.shape, SHIFTED.model_in_path) == (
        "anthropic-messages@shifted",
        "anthropic-messages",
        True,
    )
    assert SHIFTED.stream_type == "application/x-shifted"
    assert SHIFTED.decode_reply is MESSAGES.decode_reply


def test_a_request_changes_its_carrier() -> None:
    said = Said(model="other", stream=True, betas=("of-header",))
    there = carry_request(JsonObject(BODY), MESSAGES, SHIFTED, said)
    assert there.body == OTHER.replace(b"dirt", b"soap")
    assert (there.headers, there.dropped) == ({"x-betas": "of-header"}, ("left",))
    back = carry_request(JsonObject(OTHER), SHIFTED, MESSAGES, said)
    assert back.body == (
        b'{ "messages":[{"role":"user","content":"dirt"}], "max_tokens":5,"model":"other","stream":true}'
    )
    assert back.headers == {"anthropic-beta": "of-header,of-body"}


def test_a_request_that_keeps_its_carrier_keeps_its_bytes() -> None:
    said = Said(model="other", stream=True, betas=("b",))
    for dialect, body in ((MESSAGES, BODY), (SHIFTED, OTHER)):
        same = carry_request(JsonObject(body), dialect, dialect, said)
        assert (same.body, same.headers, same.dropped) == (body, {}, ())


def test_a_dialect_whose_path_names_the_model_gets_none_in_its_body() -> None:
    by_path = msgspec.structs.replace(MESSAGES, name="by-path", model_in_path=True)
    framed = carried(by_path, Carrier(name="plainer", says=lambda _said: Saying(keys={})))
    made = carry_request(JsonObject(b'{"a":1}'), framed, by_path, Said(model="m", stream=True))
    assert made.body == b'{"a":1}'
    asked = framed.decode_request(BODY)
    assert (asked.model, asked.stream) == ("m", True)


def test_a_request_is_read_and_written() -> None:
    asked = SHIFTED.decode_request(OTHER)
    assert (asked.model, asked.stream, asked.max_tokens) == ("", False, 5)
    encoded = SHIFTED.encode_request(ASKED, Target(model="other"))
    made = msgspec.json.decode(encoded.body)
    assert made["framing"] == 1
    assert "model" not in made
    assert "stream" not in made


def test_a_stream_is_read_and_written() -> None:
    wire = stream_body("anthropic-messages").translate(Shifted(1).table)
    reader = SHIFTED.stream_reader()
    events = [*reader.feed(wire[:50]), *reader.feed(wire[50:]), *reader.close()]
    assert fold(events).parts == (Text("".join(WORDS)),)
    writer = SHIFTED.stream_writer(ASKED)
    written = b"".join(writer.write(event) for event in unfold(reply_of()))
    assert written.endswith(b".")
    assert written.count(b".") == 1 + written[:-1].count(b".")
    plain = MESSAGES.stream_writer(ASKED)
    assert written[:-1].translate(Shifted(-1).table) == b"".join(plain.write(event) for event in unfold(reply_of()))


def test_a_failure_ends_the_framing_too() -> None:
    from sekisho.canonical.events import Failed

    error = ErrorInfo(error_class=ErrorClass.OVERLOADED, message="Busy", status=529)
    assert SHIFTED.stream_writer(ASKED).write(Failed(error)).endswith(b".")


def test_a_watch_sees_what_is_carried_and_passes_what_came() -> None:
    watch = SHIFTED.stream_watch(True)
    wire = stream_body("anthropic-messages").translate(Shifted(1).table)
    assert b"".join(watch.feed(wire[at : at + 7]) for at in range(0, len(wire), 7)) + watch.close() == wire
    assert watch.usage == USAGE
    assert (watch.served_model, watch.finished, watch.ended, watch.failed) == ("served-model", True, True, None)
    assert watch.events > len(WORDS)
    assert watch.text_bytes == len("".join(WORDS).encode())


def test_a_watch_tells_of_a_broken_framing_and_passes_it_on() -> None:
    watch = CarriedWatch(Shifted(-1), MESSAGES.stream_watch(False))
    assert watch.feed(b"a\0b") == b"a\0b"
    assert watch.feed(b"more") == b"more"
    assert watch.close() == b""
    assert watch.failed is not None
    assert watch.failed.error_class is ErrorClass.UPSTREAM_ERROR


@pytest.mark.parametrize(
    ("source", "to", "wire"),
    [
        (MESSAGES, SHIFTED, (0, 1)),
        (SHIFTED, MESSAGES, (1, 0)),
        (SHIFTED, SHIFTED, (1, 1)),
        (MESSAGES, MESSAGES, (0, 0)),
    ],
    ids=["wrap", "unwrap", "both", "none"],
)
def test_a_stream_changes_its_framing(source: Dialect, to: Dialect, wire: tuple[int, int]) -> None:
    reframe: Filter = reframed(source, to)
    stream = stream_body("anthropic-messages")
    made = reframe.feed(stream.translate(Shifted(wire[0]).table)) + reframe.close()
    end: Any = b"." if to is SHIFTED else b""
    assert made == stream.translate(Shifted(wire[1]).table) + end
