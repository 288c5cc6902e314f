from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from sekisho.config.environment import Environment
from sekisho.config.model import LitellmParams, SessionTag
from sekisho.core.secret import Secret
from sekisho.providers.auth.aws_identity import AwsIdentity, AwsRole, WebToken, identity_of
from sekisho.providers.auth.sigv4 import AwsKeys

ROLE = "arn:aws:iam::111111111111:role/bedrock-role"
OWN = {"aws_access_key_id": Secret("AKIAOWN"), "aws_secret_access_key": Secret("s-own")}
OWN_KEYS = AwsKeys(access_key_id="AKIAOWN", secret=Secret("s-own"))
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s-env"}
ENVIRONMENT_KEYS = AwsKeys(access_key_id="AKIAENV", secret=Secret("s-env"))


def identity(params: Mapping[str, Any], environment: Mapping[str, str], region: str = "us-east-1") -> AwsIdentity:
    return identity_of(LitellmParams(model="bedrock/m", **params), Environment(environment), region)


def role(**fields: Any) -> AwsRole:
    plain = AwsRole(
        arn=ROLE, session_name="sekisho", external_id=None, tags=(), token=None, endpoint=None, region="us-east-1"
    )
    return msgspec.structs.replace(plain, **fields)


@pytest.mark.parametrize(
    ("params", "environment", "expected"),
    [
        pytest.param({}, {}, AwsIdentity(), id="the machine"),
        pytest.param(OWN, ENVIRONMENT, AwsIdentity(keys=OWN_KEYS), id="own keys"),
        pytest.param({}, ENVIRONMENT, AwsIdentity(keys=ENVIRONMENT_KEYS), id="the environment's keys"),
        pytest.param({}, {"AWS_PROFILE": "p"}, AwsIdentity(profile="p"), id="the environment's profile"),
        pytest.param(
            {}, {"AWS_PROFILE": "p", **ENVIRONMENT}, AwsIdentity(keys=ENVIRONMENT_KEYS), id="keys before profile"
        ),
        pytest.param(
            {"aws_profile_name": "p", **OWN}, ENVIRONMENT, AwsIdentity(profile="p"), id="own profile before all keys"
        ),
        pytest.param({"aws_role_name": ROLE}, {}, AwsIdentity(role=role()), id="role by the machine"),
        pytest.param(
            {"aws_role_name": ROLE, **OWN}, {}, AwsIdentity(keys=OWN_KEYS, role=role()), id="role by own keys"
        ),
        pytest.param(
            {"aws_role_name": ROLE, "aws_profile_name": "p"},
            ENVIRONMENT,
            AwsIdentity(profile="p", role=role()),
            id="role by a profile",
        ),
    ],
)
def test_who_a_deployment_is(params: dict[str, Any], environment: dict[str, str], expected: AwsIdentity) -> None:
    assert identity(params, environment) == expected


def test_temporary_keys_have_a_session_token() -> None:
    own = identity({**OWN, "aws_session_token": Secret("t-own")}, {})
    environment = identity({}, {**ENVIRONMENT, "AWS_SESSION_TOKEN": "t-env"})
    assert [one.keys and one.keys.session_token for one in (own, environment)] == [Secret("t-own"), Secret("t-env")]


def test_a_role_in_full() -> None:
    params = {
        "aws_role_name": ROLE,
        "aws_session_name": "team-a",
        "aws_external_id": "x-1",
        "aws_session_tags": {"team": "a", "cost": "1"},
        "aws_sts_endpoint": "https://vpce-1.sts.example",
    }
    assert identity(params, {}, "eu-west-1").role == role(
        session_name="team-a",
        external_id="x-1",
        tags=(("cost", "1"), ("team", "a")),
        endpoint="https://vpce-1.sts.example",
        region="eu-west-1",
    )


def test_tags_may_be_written_as_aws_writes_them() -> None:
    pairs = {"aws_role_name": ROLE, "aws_session_tags": (SessionTag("team", "a"),)}
    assert identity(pairs, {}) == identity({**pairs, "aws_session_tags": {"team": "a"}}, {})


def test_equal_parameters_are_one_identity_and_the_region_counts_for_sts_only() -> None:
    assert len({identity(OWN, {}, region) for region in ("us-east-1", "us-east-2")}) == 1
    assert len({identity({"aws_role_name": ROLE}, {}, region) for region in ("us-east-1", "us-east-2")}) == 2


@pytest.mark.parametrize(
    ("reference", "token"),
    [
        ("eyJhbGciOi.J9.x", WebToken(text=Secret("eyJhbGciOi.J9.x"))),
        ("/var/run/token", WebToken(path="/var/run/token")),
        ("oidc/file//var/run/token", WebToken(path="/var/run/token")),
        ("oidc/env/TOKEN", WebToken(text=Secret("t-1"))),
        ("oidc/env_path/TOKEN_FILE", WebToken(path="/run/t")),
    ],
)
def test_a_web_identity_needs_no_other_credentials(reference: str, token: WebToken) -> None:
    environment = {"TOKEN": "t-1", "TOKEN_FILE": "/run/t", **ENVIRONMENT}
    found = identity({"aws_role_name": ROLE, "aws_web_identity_token": Secret(reference)}, environment)
    assert found == AwsIdentity(role=role(token=token))


@pytest.mark.parametrize("reference", ["oidc/google/https://a", "oidc/github/a", "oidc/env/UNSET", "oidc/file/"])
def test_a_web_identity_that_cannot_be_read_is_told(reference: str) -> None:
    found = identity({"aws_role_name": ROLE, "aws_web_identity_token": Secret(reference)}, {})
    assert found.lack is not None
    assert "aws_web_identity_token" in found.lack


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"aws_access_key_id": Secret("AKIA")}, "set aws_access_key_id and aws_secret_access_key"),
        ({"aws_secret_access_key": Secret("s-canary")}, "set aws_access_key_id and aws_secret_access_key"),
        ({"aws_web_identity_token": Secret("s-canary")}, "without aws_role_name"),
    ],
)
def test_what_is_incomplete_is_told(params: dict[str, Any], says: str) -> None:
    found = identity(params, ENVIRONMENT)
    assert found.lack is not None
    assert says in found.lack
    assert "s-canary" not in f"{found!r} {found.name}"


def test_a_pod_that_is_the_role_does_not_assume_it() -> None:
    pod = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "/run/t"}
    assert identity({"aws_role_name": ROLE}, pod) == AwsIdentity()
    assert identity({"aws_role_name": ROLE, **OWN}, pod).role == role()
    assert identity({"aws_role_name": f"{ROLE}2"}, pod).role == role(arn=f"{ROLE}2")


def test_its_name_is_for_operators() -> None:
    assert identity({"aws_role_name": ROLE, **OWN}, {}).name == ROLE
    assert identity({"aws_profile_name": "p"}, {}).name == "the AWS profile 'p'"
    assert identity(OWN, {}).name == "AWS"
