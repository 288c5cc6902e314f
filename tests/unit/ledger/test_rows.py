from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.ledger.rows import (
    METADATA_CHARS,
    TEXT_CHARS,
    TOKENS_MAX,
    CallRow,
    Intent,
    decode_record,
    encode_record,
    from_columns,
    row_of_lost_call,
    to_columns,
)
from tests.support.ledger import NOW_US, intent, row


@given(st.builds(intent, tags=st.lists(st.text()).map(tuple), requested_model=st.none() | st.text()))
def test_an_intent_survives_the_spool(record: Intent) -> None:
    assert decode_record(encode_record(record)) == record


@given(st.builds(row, tags=st.lists(st.text()).map(tuple), output_tokens=st.integers(0, 2**63 - 1)))
def test_a_row_survives_the_spool(record: CallRow) -> None:
    assert decode_record(encode_record(record)) == record


def test_a_row_comes_back_from_the_database_as_it_went_in() -> None:
    kept = row(tags=("a", "b"), cost_nano_usd=7, stream=True, spend_logs_metadata='{"a":1}', error_class="internal")
    assert from_columns(to_columns(kept)) == kept


def test_what_callers_choose_is_bounded() -> None:
    columns = to_columns(
        row(
            requested_model="m" * 10_000,
            error_detail="d" * 10_000,
            end_user="a\x00b",
            tags=("t",) * 1_000,
            spend_logs_metadata="{" + " " * METADATA_CHARS + "}",
        )
    )
    assert len(columns["requested_model"]) == TEXT_CHARS
    assert len(columns["error_detail"]) == 2_000
    assert columns["end_user"] == "ab"
    assert len(msgspec.json.decode(columns["tags"])) == 50
    assert columns["spend_logs_metadata"] is None


def test_a_count_beyond_any_integer_survives_the_spool_and_is_bounded_in_the_database() -> None:
    kept = row(output_tokens=10**30)
    assert decode_record(encode_record(kept)) == kept
    assert to_columns(kept)["output_tokens"] == TOKENS_MAX


def test_a_lost_call_is_booked_at_its_estimate() -> None:
    call = intent(key_hash="k", estimate_nano_usd=5, estimated_input_tokens=3, price_version="v", tags=("a",))
    call = msgspec.structs.replace(call, estimated_output_tokens=4)
    lost = row_of_lost_call(call, NOW_US - 1)
    assert (lost.call_id, lost.key_hash, lost.tags, lost.price_version) == (call.call_id, "k", ("a",), "v")
    assert (lost.cost_nano_usd, lost.input_tokens, lost.output_tokens) == (5, 3, 4)
    assert (lost.usage_complete, lost.status) == (False, "incomplete")
    assert lost.ended_us == call.started_us


def test_the_tokens_of_a_row_are_one_value() -> None:
    assert row(input_tokens=1, cache_read_tokens=2, reasoning_tokens=3).usage == Usage(
        input_tokens=1, cache_read_tokens=2, reasoning_tokens=3
    )


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_record(b'{"record": "other"}')
