from __future__ import annotations

import base64
import json

import pytest
from botocore.eventstream import ChecksumMismatch

from sekisho.providers.fake import frames
from tests.unit.providers.fake.parts import aws_messages


def test_botocore_reads_events_and_exceptions() -> None:
    (event, told), (failed, why) = aws_messages(
        frames.event("messageStart", {"role": "ä"}) + frames.exception("ThrottlingException", "slow")
    )
    assert event == {
        ":event-type": "messageStart",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    payload = json.loads(told)
    assert payload["role"] == "ä"
    assert payload["p"].startswith("a")
    assert failed[":exception-type"] == "throttlingException"
    assert json.loads(why) == {"message": "slow"}


def test_a_chunk_holds_a_vendors_event() -> None:
    ((_, chunk),) = aws_messages(frames.chunk(b'{"a":1}'))
    assert base64.b64decode(json.loads(chunk)["bytes"]) == b'{"a":1}'


def test_the_corrupt_message_is_found_out() -> None:
    with pytest.raises(ChecksumMismatch):
        aws_messages(frames.CORRUPT)
