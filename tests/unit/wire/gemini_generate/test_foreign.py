from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode

import msgspec
import pytest

from sekisho.canonical.request import Thinking
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.gemini_generate.foreign import mend
from sekisho.wire.gemini_generate.signatures import SENTINEL, signature_for_caller

REFUSED = ErrorInfo(error_class=ErrorClass.INVALID_REQUEST, message="Corrupted thought signature.", status=400)
CARRIED = signature_for_caller(Thinking(text="wörds", signature="sig", origin="anthropic"))


def body(signature: str, key: str = "thoughtSignature") -> bytes:
    quoted = msgspec.json.encode({key: CARRIED}).decode()
    return msgspec.json.format(
        msgspec.json.encode({"contents": [{"parts": [{"text": quoted}, {"functionCall": {}, key: signature}]}]}),
        indent=2,
    )


@pytest.mark.parametrize("key", ["thoughtSignature", "thought_signature"])
def test_a_foreign_thought_gives_way_to_the_word_for_none(key: str) -> None:
    for carried in (CARRIED, urlsafe_b64encode(b64decode(CARRIED)).decode()):
        assert mend(body(carried, key), REFUSED) == body(SENTINEL, key)


def test_geminis_own_is_left_alone() -> None:
    assert mend(body("c2ln"), REFUSED) is None
    assert mend(body("c2ln"), MISSING) is None


@pytest.mark.parametrize(
    "refused",
    [
        ErrorInfo(error_class=ErrorClass.INVALID_REQUEST, message="Unknown name.", status=400),
        ErrorInfo(error_class=ErrorClass.OVERLOADED, message="signature service", status=503),
    ],
)
def test_another_refusal_is_not_mended(refused: ErrorInfo) -> None:
    assert mend(body(CARRIED), refused) is None


MISSING = msgspec.structs.replace(
    REFUSED, message="Function call is missing a thought_signature in functionCall parts."
)


def test_a_call_without_a_signature_gets_the_word_for_none() -> None:
    body = b"""{ "contents": [ {"role": "user", "parts": [{"text": "functionCall"}]},
      {"role": "model", "parts": [ {"text": "Hm"}, {"functionCall": {"name": "f"} }, {"functionCall": {"name": "g"}}]},
      {"role": "model", "parts": [{"function_call": {"name": "h"}, "thought_signature": "c2ln"}]} ], "tools": [] }"""
    mended = mend(body, MISSING)
    assert mended is not None
    assert mended.replace(b',"thoughtSignature":"' + SENTINEL.encode() + b'"', b"") == body.replace(b'"f"} }', b'"f"}}')
    assert mended.count(SENTINEL.encode()) == 1
    assert mend(mended, MISSING) is None


@pytest.mark.parametrize(
    "other", [b"{}", b'{"contents": {"parts": []}}', b'{"contents": [{"parts": {"functionCall": {}}}]}']
)
def test_a_body_in_another_form_is_left_alone(other: bytes) -> None:
    assert mend(other, MISSING) is None
