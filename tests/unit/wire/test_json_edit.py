from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core import bounds
from sekisho.core.errors import MalformedRequest
from sekisho.wire.json_edit import JsonObject, item_spans

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=6)
INDENTS = st.sampled_from([None, 0, 2])


@given(before=OBJECTS, changes=OBJECTS, indent=INDENTS, ascii_only=st.booleans())
def test_an_edit_is_what_a_dictionary_update_is(
    before: Any, changes: Any, indent: int | None, *, ascii_only: bool
) -> None:
    body = json.dumps(before, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    edits = {key: json.dumps(value).encode() for key, value in changes.items()}
    try:
        edited = JsonObject(body).edited(edits)
    except MalformedRequest:
        assert "\\ud" in repr(before).lower() or not body.decode("utf-8", "ignore").isprintable()
        return
    assert json.loads(edited) == before | changes
    assert list(json.loads(edited)) == list(before | changes)


@given(before=OBJECTS, gone=st.sets(st.integers(0, 6)), changes=OBJECTS, indent=INDENTS)
def test_keys_are_taken_out(before: Any, gone: set[int], changes: Any, indent: int | None) -> None:
    body = json.dumps(before, indent=indent).encode()
    without = [key for at, key in enumerate(before) if at in gone and key not in changes]
    edits: dict[str, bytes | None] = {key: json.dumps(value).encode() for key, value in changes.items()}
    try:
        edited = JsonObject(body).edited(edits | dict.fromkeys(without))
    except MalformedRequest:
        assert "\\ud" in repr(before).lower()
        return
    left = {key: value for key, value in before.items() if key not in without}
    assert json.loads(edited) == left | changes
    assert list(json.loads(edited)) == list(left | changes)


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (["a"], b'{ "b" : 2 ,\n "c":3 } '),
        (["b"], b' { "a": 1 ,\n "c":3 } '),
        (["b", "c"], b' { "a": 1 } '),
        (["a", "b", "c"], b"{ } "),
        (["none"], b' { "a": 1, "b" : 2 ,\n "c":3 } '),
    ],
)
def test_what_is_left_keeps_its_bytes(gone: list[str], left: bytes) -> None:
    body = b' { "a": 1, "b" : 2 ,\n "c":3 } '
    assert JsonObject(body).edited(dict.fromkeys(gone)) == left


@given(items=st.lists(VALUES, max_size=5), indent=INDENTS)
def test_the_items_of_a_list_are_found(items: list[Any], indent: int | None) -> None:
    array = json.dumps(items, indent=indent).encode()
    assert [json.loads(array[start:end]) for start, end in item_spans(array)] == items


@pytest.mark.parametrize("array", [b"", b"{}", b"[1", b"[" * 100_000, b"[1,]"])
def test_what_is_no_list_is_refused(array: bytes) -> None:
    with pytest.raises(MalformedRequest):
        item_spans(array)


def test_every_other_byte_stays() -> None:
    body = b' { "a" :\t{"model":"x",  "n":1.50} , "model" : "old" , "z":"\\u00e9\xc3\xa9" } '
    assert JsonObject(body).edited({"model": b'"new"'}) == body.replace(b'"old"', b'"new"')


def test_the_original_is_not_touched() -> None:
    body = b'{"model":"a"}'
    json_object = JsonObject(body)
    assert (json_object.edited({"model": b'"b"'}), json_object.edited({"model": b'"c"'})) == (
        b'{"model":"b"}',
        b'{"model":"c"}',
    )
    assert json_object.body == body


def test_an_absent_key_is_added_at_the_end() -> None:
    assert JsonObject(b"{}").edited({"stream": b"true"}) == b'{"stream":true}'
    assert JsonObject(b'{"a":[1 , 2]\n}').edited({"stream": b"true"}) == b'{"a":[1 , 2],"stream":true}'


@pytest.mark.parametrize(
    "body", [b'{"a":1,"a":2}', b'{"a":1,"b":2,"a":3}', b'{"a":1,"\\u0061":2}', b'{"b":{},"b":{},"b":{}}']
)
def test_a_key_twice_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="twice"):
        JsonObject(body)


def test_a_body_of_very_many_keys_is_refused() -> None:
    """Their places are found one by one: a million of them held up the event loop for seconds."""
    fits = b"{%b}" % b",".join(b'"%d":1' % count for count in range(bounds.BODY_KEYS))
    assert len(JsonObject(fits).spans) == bounds.BODY_KEYS
    with pytest.raises(MalformedRequest, match="more than 1,000 keys"):
        JsonObject(fits[:-1] + b',"x":1}')


def test_a_very_long_key_is_passed_over_in_little_memory() -> None:
    """A pattern that may go back over each letter of it takes a hundred times its size."""
    body = b'{"' + b"k" * 500_000 + b"\\n" * 500_000 + b'":1}'
    code = (
        "import sys, resource; from sekisho.wire.json_edit import JsonObject; body = sys.stdin.buffer.read();"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; JsonObject(body);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=body, capture_output=True, check=True)
    assert int(done.stdout) < 64 * 1024, "kilobytes"


@given(
    keys=st.lists(st.sampled_from(["a", "b", "\\u0061", "model", '\\"', ""]), min_size=2, max_size=5),
    values=st.lists(VALUES | st.sampled_from(['"model":1', ',"a":', "\\"]), min_size=5, max_size=5),
    blank=st.sampled_from(["", " ", "\r\n"]),
)
def test_no_value_hides_a_key_that_stands_twice(keys: list[str], values: list[Any], blank: str) -> None:
    pairs = [f'"{key}"{blank}:{blank}{json.dumps(value)}{blank}' for key, value in zip(keys, values, strict=False)]
    body = ("{" + ",".join(pairs) + "}").encode()
    if len(json.loads(body)) == len(keys):
        assert list(JsonObject(body).spans) == list(json.loads(body))
    else:
        with pytest.raises(MalformedRequest):
            JsonObject(body)


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"null", b'{"a":}', b"\xff\xfe", b'{"a":"\xff"}', b"{" * 100_000, b'{"a":' + b"[" * 100_000]
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        JsonObject(body)


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused(body: bytes) -> None:
    try:
        spans = JsonObject(body).spans
    except MalformedRequest:
        return
    assert all(json.loads(body)[key] == json.loads(body[a:b]) for key, (a, b) in spans.items())


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (rb'{"a":"\ud83d"}', r"\\ud83d at byte 6 "),
        (rb'{"a":"\uD83D and more"}', r"\\uD83D at byte 6 "),
        (rb'{"a":"\ud83d\ude00 \ude00"}', r"\\ude00 at byte 19 "),
        (rb'{"a":"\ud83d\ud83d\ude00"}', r"\\ud83d at byte 6 "),
        (rb'{"a":"\\\\\ud83d"}', r"\\ud83d at byte 10 "),
    ],
    ids=["last", "followed", "second-half", "half-before-whole", "behind-backslashes"],
)
def test_half_a_character_is_named(body: bytes, place: str) -> None:
    with pytest.raises(MalformedRequest, match=rf"escape {place}is half of a character \(a lone surrogate\)"):
        JsonObject(body)


@pytest.mark.parametrize("body", [rb'{"a":"\\ud83d"', rb'{"a":"\ud83d\ude00"', b'{"a":"'])
def test_what_only_looks_like_half_a_character_is_not_blamed(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"truncated|malformed"):
        JsonObject(body)
