from __future__ import annotations

import base64
from typing import Any

import pytest

from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.models import read_models
from sekisho.cli.litellm.salt import Salt
from sekisho.core.envelope import Envelope
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.store.directory import ModelRow
from tests.support.litellm_rows import NOW_US, source_of
from tests.support.litellm_tables import SALT, boxed, sealed

ROOT = base64.b64encode(bytes(32)).decode()


def read(*params: dict[str, Any], credentials: list[dict[str, Any]] | None = None) -> tuple[list[ModelRow], list[str]]:
    rows = [{"model_id": f"m{at}", "model_name": "x", "litellm_params": one} for at, one in enumerate(params)]
    findings = Findings()
    source = source_of(models=rows, credentials=credentials or [])
    made = read_models(source, Salt(Secret(SALT)), Envelope(ROOT), findings, NOW_US)
    return made, findings.lines()


def test_one_that_does_not_open_is_told_and_the_others_come() -> None:
    made, told = read({"model": boxed("openai/gpt-5")}, {"model": boxed("openai/gpt-5", "another")})
    assert [row.model_id for row in made] == ["m0"]
    assert told == ["models not imported: 'model': it does not open with this LITELLM_SALT_KEY (1): x (m1)"]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"model": "openai/gpt-5", "timeout": "soon"}, "'litellm_params.timeout'"),
        ({"model": "openai/gpt-5", "api_key": sealed("os.environ/OPENAI_API_KEY")}, "Write the value itself"),
        ({"model": "openai/gpt-5", "litellm_credential_name": "file"}, "its credential 'file' does not open"),
        ({"model": "openai/gpt-5", "litellm_credential_name": "odd"}, "its credential 'odd' does not open"),
    ],
)
def test_one_that_is_not_understood_is_told(params: dict[str, Any], told: str) -> None:
    odd = {"credential_name": "odd", "credential_values": {"api_key": sealed("x", "another")}}
    made, (line,) = read(params, credentials=[odd])
    assert made == []
    assert told in line


def test_one_of_a_provider_that_nobody_knows_comes_and_is_told() -> None:
    made, told = read({"model": sealed("no-such-provider/x")})
    assert len(made) == 1
    assert told == ["models that cannot be called: nobody knows the provider 'no-such-provider' (1): x (m0)"]


def test_what_litellms_pages_store_beside_is_no_obstacle() -> None:
    beside = {"use_in_pass_through": False, "use_litellm_proxy": False, "merge_reasoning_content_in_choices": False}
    made, told = read({"model": boxed("openai/gpt-5"), "api_base": None, **beside})
    assert (len(made), told) == (1, [])


def test_a_salt_key_that_opens_nothing_is_the_wrong_one() -> None:
    with pytest.raises(OperatorError, match="opens none of LiteLLM's 1 models"):
        read({"model": boxed("openai/gpt-5", "another")})
    assert read() == ([], [])
