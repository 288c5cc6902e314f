from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.providers.bedrock import base_id, public_name
from tests.support.deployments import deployed, proof

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:eu-west-3:123456789012:"
KEY = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "canary"}


def at_bedrock(folder: Path, model: str, info: dict[str, Any] | None = None, /, **params: Any) -> Any:
    return deployed(folder, {"model": model, "aws_region_name": "us-east-1"} | KEY | params, info)


@pytest.mark.parametrize(
    ("model", "told", "pinned"),
    [
        (f"bedrock/{CLAUDE}", CLAUDE, None),
        (f"bedrock/converse/{CLAUDE}", CLAUDE, "bedrock-converse"),
        (f"bedrock/invoke/{CLAUDE}", CLAUDE, "anthropic-messages@bedrock"),
        (f"bedrock_converse/{CLAUDE}", CLAUDE, "bedrock-converse"),
        ("bedrock/invoke/amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", None),
        (f"bedrock/us-west-2/{CLAUDE}", CLAUDE, None),
        (f"bedrock/converse/{ARN}inference-profile/{CLAUDE}", f"{ARN}inference-profile/{CLAUDE}", "bedrock-converse"),
        (f"bedrock/llama/{ARN}provisioned-model/abc", f"{ARN}provisioned-model/abc", None),
        (
            "bedrock/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprompt-router%2Fx",
            "arn:aws:bedrock:us-east-1:1:prompt-router/x",
            None,
        ),
    ],
)
def test_the_ways_to_write_a_model(tmp_path: Path, model: str, told: str, pinned: str | None) -> None:
    one = at_bedrock(tmp_path, model)
    assert (one.unusable, one.provider.name, one.model, one.pinned_dialect) == (None, "bedrock", told, pinned)
    assert one.drained


@pytest.mark.parametrize(
    ("dialect", "operation", "streamed", "path"),
    [
        ("bedrock-converse", "generate", False, "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"),
        ("bedrock-converse", "generate", True, "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"),
        ("anthropic-messages@bedrock", "generate", False, "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"),
        (
            "anthropic-messages@bedrock",
            "generate",
            True,
            "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream",
        ),
        ("bedrock-converse", "count_tokens", False, "anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens"),
    ],
)
def test_the_paths(tmp_path: Path, dialect: str, operation: str, path: str, *, streamed: bool) -> None:
    one = at_bedrock(tmp_path, f"bedrock/{CLAUDE}")
    root = "https://bedrock-runtime.us-east-1.amazonaws.com/model/"
    assert one.url(dialect, operation, streamed=streamed) == root + path


def test_an_arn_is_encoded_once(tmp_path: Path) -> None:
    arn = f"{ARN}application-inference-profile/a1b2"
    url = at_bedrock(tmp_path, f"bedrock/{arn}").url("bedrock-converse", "generate")
    assert "arn%3Aaws%3Abedrock%3Aeu-west-3%3A123456789012%3Aapplication-inference-profile%2Fa1b2/converse" in url
    assert unquote(url).endswith(f"/model/{arn}/converse")


@pytest.mark.parametrize(
    ("model", "info", "params", "known", "is_claude"),
    [
        (f"{ARN}inference-profile/eu.{CLAUDE[3:]}", {}, {}, f"eu.{CLAUDE[3:]}", True),
        (f"{ARN}foundation-model/amazon.nova-pro-v1:0", {}, {}, "amazon.nova-pro-v1:0", False),
        (f"{ARN}application-inference-profile/a1", {}, {}, "", False),
        (f"{ARN}default-prompt-router/anthropic.claude:1", {}, {}, "", False),
        (f"{ARN}application-inference-profile/a1", {"base_model": CLAUDE}, {}, CLAUDE, True),
        (f"{ARN}provisioned-model/a1", {"base_model": f"bedrock/{CLAUDE}"}, {}, CLAUDE, True),
        (CLAUDE, {}, {"model_id": f"{ARN}application-inference-profile/a1"}, CLAUDE, True),
    ],
)
def test_what_an_arn_stands_for(
    tmp_path: Path, model: str, info: dict[str, str], params: dict[str, str], known: str, *, is_claude: bool
) -> None:
    one = at_bedrock(tmp_path, f"bedrock/{model}", info, **params)
    assert one.model == params.get("model_id", model)
    assert (one.known_model, "anthropic-messages@bedrock" in one.dialects) == (known, is_claude)


@pytest.mark.parametrize(
    ("params", "variables", "region"),
    [
        ({"aws_region_name": "us-east-2"}, {"AWS_REGION": "eu-west-1"}, "us-east-2"),
        ({}, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        ({}, {"AWS_REGION_NAME": "ap-northeast-1", "AWS_REGION": "eu-west-1"}, "ap-northeast-1"),
        ({}, {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({}, {}, "us-west-2"),
        ({"model": f"bedrock/{ARN}provisioned-model/a"}, {"AWS_REGION": "eu-west-1"}, "eu-west-3"),
        ({"model_id": f"{ARN}provisioned-model/a"}, {}, "eu-west-3"),
        ({"model": f"bedrock/ap-northeast-3/{CLAUDE}"}, {}, "ap-northeast-3"),
        ({"model": f"bedrock/{ARN}provisioned-model/a", "aws_region_name": "us-east-1"}, {}, "us-east-1"),
    ],
)
def test_where_the_region_is_told(
    tmp_path: Path, params: dict[str, str], variables: dict[str, str], region: str
) -> None:
    one = deployed(tmp_path, {"model": f"bedrock/{CLAUDE}"} | KEY | params, **variables)
    assert (one.region, one.host) == (region, f"bedrock-runtime.{region}.amazonaws.com")


@pytest.mark.parametrize("region", ["somewhere", "us-east-1.attacker.test/", "us-east-1@h"])
def test_a_region_that_is_none_is_told(tmp_path: Path, region: str) -> None:
    assert "aws_region_name" in at_bedrock(tmp_path, f"bedrock/{CLAUDE}", aws_region_name=region).unusable


@pytest.mark.parametrize("name", ["aws_bedrock_runtime_endpoint", "api_base"])
def test_a_vpc_endpoint_stands_for_the_public_host(tmp_path: Path, name: str) -> None:
    one = at_bedrock(tmp_path, f"bedrock/{CLAUDE}", **{name: "https://vpce-1.bedrock-runtime.vpce.amazonaws.com/"})
    assert (one.host, one.region) == ("vpce-1.bedrock-runtime.vpce.amazonaws.com", "us-east-1")
    assert one.url("bedrock-converse", "generate").startswith(
        "https://vpce-1.bedrock-runtime.vpce.amazonaws.com/model/"
    )


@pytest.mark.parametrize(
    ("params", "account"),
    [
        ({"aws_role_name": "arn:aws:iam::111111111111:role/bedrock-role"}, "111111111111"),
        ({"model_id": f"{ARN}provisioned-model/a"}, "123456789012"),
        ({}, None),
    ],
)
def test_whose_account_it_is(tmp_path: Path, params: dict[str, str], account: str | None) -> None:
    assert at_bedrock(tmp_path, f"bedrock/{CLAUDE}", **params).account == account


def test_a_request_is_signed_for_its_region(tmp_path: Path) -> None:
    headers = proof(at_bedrock(tmp_path, f"bedrock/{CLAUDE}"))
    assert "/us-east-1/bedrock/aws4_request" in headers["authorization"]
    assert "canary" not in str(headers)


@pytest.mark.parametrize(
    ("params", "variables", "shown"),
    [
        ({"api_key": "own"}, {}, "Bearer own"),
        ({}, {"AWS_BEARER_TOKEN_BEDROCK": "env"}, "Bearer env"),
        ({"api_key": "own"}, {"AWS_BEARER_TOKEN_BEDROCK": "env"}, "Bearer own"),
        (KEY, {"AWS_BEARER_TOKEN_BEDROCK": "env"}, "AWS4-HMAC-SHA256"),
    ],
)
def test_a_bedrock_key_is_shown_as_it_is(
    tmp_path: Path, params: dict[str, str], variables: dict[str, str], shown: str
) -> None:
    one = deployed(tmp_path, {"model": f"bedrock/{CLAUDE}"} | params, **variables)
    assert one.unusable is None
    assert proof(one)["authorization"].startswith(shown)


def test_half_a_key_pair_is_told(tmp_path: Path) -> None:
    one = deployed(tmp_path, {"model": f"bedrock/{CLAUDE}", "aws_access_key_id": "AKIA"})
    assert "aws_secret_access_key" in (one.unusable or "")


@pytest.mark.parametrize(
    ("caller", "model", "dialect"),
    [
        ("anthropic-messages", CLAUDE, "anthropic-messages@bedrock"),
        ("anthropic-messages@bedrock", CLAUDE, "anthropic-messages@bedrock"),
        ("anthropic-messages@vertex", CLAUDE, "anthropic-messages@bedrock"),
        ("openai-chat", CLAUDE, "bedrock-converse"),
        ("openai-responses", CLAUDE, "bedrock-converse"),
        ("gemini-generate", CLAUDE, "bedrock-converse"),
        ("bedrock-converse", CLAUDE, "bedrock-converse"),
        ("anthropic-messages", "us.amazon.nova-pro-v1:0", "bedrock-converse"),
        ("anthropic-messages@bedrock", "us.amazon.nova-pro-v1:0", "bedrock-converse"),
        ("bedrock-converse@bedrock", "us.amazon.nova-pro-v1:0", "bedrock-converse@bedrock"),
        ("bedrock-converse@bedrock", CLAUDE, "bedrock-converse"),
        ("openai-chat", "openai.gpt-oss-120b-1:0", "openai-chat@bedrock"),
        ("openai-chat@bedrock", "openai.gpt-oss-120b-1:0", "openai-chat@bedrock"),
        ("anthropic-messages", "openai.gpt-oss-120b-1:0", "bedrock-converse"),
        ("openai-chat", "meta.llama3-1-70b-instruct-v1:0", "bedrock-converse"),
    ],
)
def test_the_callers_body_is_kept_where_the_model_reads_it(
    tmp_path: Path, caller: str, model: str, dialect: str
) -> None:
    assert at_bedrock(tmp_path, f"bedrock/{model}").dialect_for(caller, frozenset()) == dialect


def test_a_wildcards_model_decides_the_dialects(tmp_path: Path) -> None:
    one = deployed(tmp_path, {"model": "bedrock/*", "aws_region_name": "us-east-1"} | KEY, name="*")
    assert one.dialects == ("bedrock-converse",)
    assert one.concrete(f"bedrock/{CLAUDE}").dialects == ("bedrock-converse", "anthropic-messages@bedrock")


@pytest.mark.parametrize(
    ("model", "dialect", "url"),
    [
        ("openai.gpt-oss-120b", "openai-responses", "/openai/v1/responses"),
        ("anthropic.claude-opus-4-8", "anthropic-messages", "/anthropic/v1/messages"),
    ],
)
def test_mantle_speaks_the_makers_dialects(tmp_path: Path, model: str, dialect: str, url: str) -> None:
    one = deployed(
        tmp_path, {"model": f"bedrock_mantle/{model}"}, BEDROCK_MANTLE_API_KEY="k", BEDROCK_MANTLE_REGION="us-east-2"
    )
    assert (one.unusable, one.dialects[-1]) == (None, dialect)
    assert one.url(dialect, "generate") == f"https://bedrock-mantle.us-east-2.api.aws{url}"
    assert proof(one) == {"authorization": "Bearer k"}


def test_mantle_asks_for_a_key(tmp_path: Path) -> None:
    assert "BEDROCK_MANTLE_API_KEY" in (deployed(tmp_path, {"model": "bedrock_mantle/x"}).unusable or "")


@pytest.mark.parametrize(
    ("profile", "model"),
    [
        ("us.anthropic.claude-x", "anthropic.claude-x"),
        ("global.amazon.nova-2-lite-v1:0", "amazon.nova-2-lite-v1:0"),
        ("anthropic.claude-x", "anthropic.claude-x"),
        ("openai.gpt-5.5", "openai.gpt-5.5"),
        ("us-gov.anthropic.claude-x", "anthropic.claude-x"),
    ],
)
def test_a_profile_stands_for_a_model(profile: str, model: str) -> None:
    assert base_id(profile) == model


@given(st.text(max_size=80))
def test_any_text_is_a_name(text: str) -> None:
    assert isinstance(public_name(text), str)
    assert text.endswith(base_id(text))
