from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.envelope import CannotOpen, Envelope, RootKeyMissing, root_id_of
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(bytes(range(200, 232))).decode()
ROW = ("aws-access-key", "SKSH2222222222222222")


def opens(text: str) -> bool:
    try:
        return Envelope(OLD).open(text, *ROW).reveal() == "canary"
    except OperatorError:
        return False


@given(st.text(max_size=200), st.text(max_size=30), st.text(max_size=30))
def test_what_is_sealed_opens_and_is_not_seen(secret: str, purpose: str, row_id: str) -> None:
    envelope = Envelope(OLD)
    sealed = envelope.seal(Secret("canary" + secret), purpose, row_id)
    assert envelope.open(sealed, purpose, row_id).reveal() == "canary" + secret
    assert "canary" not in sealed
    assert sealed.isascii()


def test_it_opens_for_no_other_purpose_and_row() -> None:
    envelope = Envelope(OLD)
    sealed = envelope.seal(Secret("s"), "a", "bc")
    for purpose, row_id in (("ab", "c"), ("a", "b"), ("", "abc"), ("a", "bc ")):
        with pytest.raises(CannotOpen, match="does not open"):
            envelope.open(sealed, purpose, row_id)


def test_two_seals_of_a_secret_have_nothing_in_common() -> None:
    envelope = Envelope(OLD)
    first, second = (envelope.seal(Secret("s"), *ROW).split(".") for _ in range(2))
    assert first[:2] == second[:2]
    assert first[2] != second[2]
    assert first[3] != second[3]


@given(st.data())
def test_a_changed_text_does_not_open(data: st.DataObject) -> None:
    sealed = Envelope(OLD).seal(Secret("canary"), *ROW)
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from("Aa0-_.=é ").filter(lambda letter: letter != sealed[place]))
    changed = sealed[:place] + other + sealed[place + 1 :]
    spare_bits = place in (sealed.rindex(".") - 1, len(sealed) - 1)  # of a last base64 letter: they carry nothing
    if spare_bits and opens(changed):
        return
    with pytest.raises(OperatorError) as caught:
        Envelope(OLD).open(changed, *ROW)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "v1", "v2.a.b.c", "v1.a.b", "v1.a.b.c.d", "v1.a.!.c", "v1.a.é.c", "plain"])
def test_what_was_never_sealed_is_told_apart(text: str) -> None:
    with pytest.raises(CannotOpen, match="format"):
        Envelope(OLD).open(text, *ROW)


def test_a_new_root_key_reads_what_the_old_one_sealed_and_takes_it_over() -> None:
    old, both, new = Envelope(OLD), Envelope(NEW, OLD), Envelope(NEW)
    sealed = old.seal(Secret("s"), *ROW)
    assert both.open(sealed, *ROW) == Secret("s")
    assert both.knows(root_id_of(sealed))
    moved = both.rewrap(sealed, *ROW)
    assert new.open(moved, *ROW) == Secret("s")
    assert root_id_of(moved) == new.root_id != old.root_id
    assert moved.split(".")[3] == sealed.split(".")[3]
    assert not new.knows(root_id_of(sealed))
    with pytest.raises(CannotOpen, match=r"neither SEKISHO_ROOT_KEY nor .*SEKISHO_ROOT_KEY_PREVIOUS"):
        new.open(sealed, *ROW)


def test_several_old_root_keys_are_read() -> None:
    middle = "ab" * 32
    envelope = Envelope(NEW, f" {OLD} , {middle},")
    for root in (OLD, middle, NEW):
        assert envelope.open(Envelope(root).seal(Secret("s"), *ROW), *ROW) == Secret("s")


def test_without_a_root_key_it_refuses_by_name() -> None:
    sealed = Envelope(OLD).seal(Secret("s"), *ROW)
    for absent in (None, ""):
        envelope = Envelope(absent)
        assert not envelope.ready
        with pytest.raises(RootKeyMissing, match="SEKISHO_ROOT_KEY is not set"):
            envelope.seal(Secret("s"), *ROW)
        with pytest.raises(RootKeyMissing):
            envelope.open(sealed, *ROW)
        with pytest.raises(RootKeyMissing):
            _ = envelope.root_id
    with pytest.raises(RootKeyMissing):
        Envelope(None, OLD).rewrap(sealed, *ROW)


RAW = bytes(range(225, 257 - 1)) + b"\x00"


@pytest.mark.parametrize(
    "text",
    [
        RAW.hex(),
        RAW.hex().upper(),
        base64.b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
        f" {RAW.hex()}\n",
    ],
)
def test_every_writing_of_32_bytes_is_the_same_root_key(text: str) -> None:
    assert Envelope(text).root_id == Envelope(RAW.hex()).root_id
    assert Envelope(text).open(Envelope(RAW.hex()).seal(Secret("s"), *ROW), *ROW) == Secret("s")


@pytest.mark.parametrize(
    "text", ["correct horse battery staple", "ab" * 31, "ab" * 33, OLD[:-3], OLD + "A", "é" * 32, "="]
)
def test_what_is_no_root_key_is_refused_without_repeating_it(text: str) -> None:
    for arguments, name in (((text,), "SEKISHO_ROOT_KEY "), ((OLD, text), "SEKISHO_ROOT_KEY_PREVIOUS ")):
        with pytest.raises(OperatorError, match=f"{name}is not a root key.*openssl rand") as caught:
            Envelope(*arguments)
        assert text not in str(caught.value)


def test_nothing_prints_a_key() -> None:
    envelope = Envelope(OLD)
    assert "6f6f" not in repr(envelope.__dict__)
    assert envelope.root_id not in (OLD, (b"o" * 32).hex())


def test_the_library_is_loaded_with_the_first_secret() -> None:
    program = (
        "import sys; from sekisho.core.envelope import Envelope; e = Envelope(sys.argv[1]);"
        "print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, OLD], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
