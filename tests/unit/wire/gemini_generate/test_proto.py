from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire.gemini_generate.proto import camel, plain, standard_base64


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("systemInstruction", "systemInstruction"),
        ("system_instruction", "systemInstruction"),
        ("parameters_json_schema", "parametersJsonSchema"),
        ("_responseJsonSchema", "responseJsonSchema"),
        ("top_k", "topK"),
    ],
)
def test_a_field_has_one_name(written: str, name: str) -> None:
    assert camel(written) == name


def test_what_is_the_callers_own_keeps_its_keys() -> None:
    call = {"name": "f", "args": {"file_path": {"a_b": None}}}
    answer = {"name": "f", "response": {"exit_code": 0}}
    value = {"function_call": call, "function_response": answer, "parameters": {"any_of": []}}
    assert plain(value) == {"functionCall": call, "functionResponse": answer, "parameters": {"any_of": []}}


def test_a_lone_message_is_a_list_and_null_is_nothing() -> None:
    value = {"contents": {"parts": {"text": "Hi"}}, "tools": None, "stop_sequences": "END"}
    assert plain(value) == {"contents": [{"parts": [{"text": "Hi"}]}], "stopSequences": ["END"]}


@given(st.binary())
def test_base64_comes_out_in_its_standard_form(data: bytes) -> None:
    standard = b64encode(data).decode()
    assert standard_base64(standard) == standard
    assert standard_base64(urlsafe_b64encode(data).decode()) == standard
    assert standard_base64(standard.rstrip("=")) == standard


def test_what_is_no_base64_is_left_alone() -> None:
    assert standard_base64("abcde") == "abcde"
