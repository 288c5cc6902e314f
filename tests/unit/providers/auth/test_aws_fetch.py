from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from moto.server import ThreadedMotoServer

from sekisho.core.errors import ErrorClass, UpstreamError
from sekisho.core.secret import Secret
from sekisho.providers.auth.aws_fetch import fetch
from sekisho.providers.auth.aws_identity import AwsIdentity, AwsRole, WebToken
from sekisho.providers.auth.sigv4 import AwsKeys
from tests.support.sts import Sts

KEYS = AwsKeys(access_key_id="AKIASOURCE", secret=Secret("s-canary"), session_token=Secret("t-canary"))
ROLE = AwsRole(
    arn="arn:aws:iam::111111111111:role/bedrock-role",
    session_name="sekisho",
    external_id=None,
    tags=(),
    token=None,
    endpoint=None,
    region="ap-northeast-1",
)
Change = Callable[[Sts], AwsIdentity]


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """The server of moto, whose STS is written from AWS's own description of it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def assuming(sts: Sts, keys: AwsKeys | None = KEYS, **fields: object) -> AwsIdentity:
    return AwsIdentity(keys=keys, role=msgspec.structs.replace(ROLE, endpoint=sts.url, **fields))


def seconds_left(expires_us: int | None) -> float:
    assert expires_us is not None
    return expires_us / 1_000_000 - time.time()


def failure(identity: AwsIdentity) -> tuple[str, str | None]:
    """(message, code) of the error; nothing in it shows a secret."""
    with pytest.raises(UpstreamError) as caught:
        fetch(identity)
    assert caught.value.info.error_class is ErrorClass.UPSTREAM_CREDENTIAL
    assert "canary" not in caught.value.info.message
    return caught.value.info.message, caught.value.info.code


@pytest.mark.usefixtures("bare_machine")
def test_moto_lets_a_role_be_assumed(moto_url: str) -> None:
    lease = fetch(AwsIdentity(keys=KEYS, role=msgspec.structs.replace(ROLE, endpoint=moto_url, external_id="x-1")))
    assert lease.value.access_key_id.startswith("ASIA")
    assert lease.value.session_token is not None
    assert 3500 < seconds_left(lease.expires_us) < 3700


@pytest.mark.usefixtures("bare_machine")
def test_moto_lets_a_web_identity_assume_a_role(moto_url: str) -> None:
    token = WebToken(text=Secret("eyJhbGciOiJub25lIn0.e30."))
    lease = fetch(AwsIdentity(role=msgspec.structs.replace(ROLE, endpoint=moto_url, token=token)))
    assert lease.value.access_key_id.startswith("ASIA")
    assert seconds_left(lease.expires_us) > 3500


@pytest.mark.usefixtures("bare_machine")
def test_what_sts_is_asked(sts: Sts) -> None:
    lease = fetch(assuming(sts, session_name="team-a", external_id="x-1", tags=(("cost", "1"), ("team", "a"))))
    assert lease.value == AwsKeys(access_key_id="ASIA1", secret=Secret("s1"), session_token=Secret("t1"))
    assert {name: value for name, value in sts.asked[0].items() if name != "Version"} == {
        "Action": "AssumeRole",
        "RoleArn": ROLE.arn,
        "RoleSessionName": "team-a",
        "ExternalId": "x-1",
        "Tags.member.1.Key": "cost",
        "Tags.member.1.Value": "1",
        "Tags.member.2.Key": "team",
        "Tags.member.2.Value": "a",
    }
    assert "Credential=AKIASOURCE/" in sts.authorizations[0]
    assert "/ap-northeast-1/sts/aws4_request" in sts.authorizations[0]


@pytest.mark.usefixtures("bare_machine")
def test_credentials_end_when_sts_says(sts: Sts) -> None:
    sts.lifetime_seconds = 900
    assert 890 < seconds_left(fetch(assuming(sts)).expires_us) <= 900


def test_a_web_identitys_token_is_read_anew_each_time(sts: Sts, bare_machine: Path) -> None:
    file = bare_machine / "token"
    for text in ("first", "second"):
        file.write_text(f"{text}\n")
        fetch(assuming(sts, None, token=WebToken(path=str(file))))
    assert [asked["WebIdentityToken"] for asked in sts.asked] == ["first", "second"]
    assert {asked["Action"] for asked in sts.asked} == {"AssumeRoleWithWebIdentity"}
    assert sts.authorizations == ["", ""]


@pytest.mark.usefixtures("bare_machine")
def test_a_web_identitys_file_must_be_there(sts: Sts) -> None:
    message, _ = failure(assuming(sts, None, token=WebToken(path="/nonexistent/token")))
    assert message == "aws_web_identity_token: the file cannot be read (No such file or directory)."


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDenied", "trust policy"),
        ("ExpiredToken", "renew the credentials"),
        ("InvalidClientTokenId", "renew the credentials"),
        ("RegionDisabledException", "activate STS"),
        ("ValidationError", "check aws_role_name"),
    ],
)
def test_a_refusal_of_sts_says_what_to_do(sts: Sts, code: str, advice: str) -> None:
    sts.error = code
    message, told = failure(assuming(sts))
    assert told == code
    assert ROLE.arn in message
    assert advice in message


@pytest.mark.usefixtures("bare_machine")
def test_an_sts_that_is_not_there_is_told() -> None:
    identity = AwsIdentity(keys=KEYS, role=msgspec.structs.replace(ROLE, endpoint="http://127.0.0.1:9"))
    message, code = failure(identity)
    assert code == "EndpointConnectionError"
    assert "aws_sts_endpoint" in message


@pytest.mark.usefixtures("bare_machine")
def test_a_machine_without_credentials_is_told() -> None:
    message, code = failure(AwsIdentity())
    assert code == "NoCredentials"
    assert "AWS_BEARER_TOKEN_BEDROCK" in message
    message, code = failure(AwsIdentity(role=ROLE))
    assert code == "NoCredentials"


@pytest.mark.usefixtures("bare_machine")
def test_an_unknown_profile_is_told() -> None:
    message, _ = failure(AwsIdentity(profile="nobody"))
    assert message == "the AWS profile 'nobody' is in no AWS configuration file: name one that is."


def test_a_profiles_keys_are_read_anew_each_time(bare_machine: Path) -> None:
    for key_id in ("AKIAFIRST", "AKIASECOND"):
        text = f"[dev]\naws_access_key_id = {key_id}\naws_secret_access_key = s-canary\n"
        (bare_machine / "credentials").write_text(text)
        lease = fetch(AwsIdentity(profile="dev"))
        assert lease.value == AwsKeys(access_key_id=key_id, secret=Secret("s-canary"))
        assert lease.expires_us is None


def test_a_profile_may_be_the_source_of_a_role(sts: Sts, bare_machine: Path) -> None:
    (bare_machine / "credentials").write_text("[dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = s\n")
    fetch(AwsIdentity(profile="dev", role=msgspec.structs.replace(ROLE, endpoint=sts.url)))
    assert "Credential=AKIADEV/" in sts.authorizations[0]


@pytest.mark.usefixtures("bare_machine")
def test_a_containers_credentials_end_when_it_says(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{sts.url}/credentials")
    sts.lifetime_seconds = 7200
    lease = fetch(AwsIdentity())
    assert lease.value == AwsKeys(access_key_id="ASIA1", secret=Secret("s1"), session_token=Secret("t1"))
    assert 7190 < seconds_left(lease.expires_us) <= 7200


@pytest.mark.usefixtures("bare_machine")
def test_sts_is_the_regions_own() -> None:
    from sekisho.providers.auth.aws_fetch import _session, _sts

    hosts = [
        _sts(_session(None), KEYS, msgspec.structs.replace(ROLE, region=region)).meta.endpoint_url
        for region in ("us-east-1", "ap-northeast-1", "cn-north-1")
    ]
    assert hosts == [
        "https://sts.us-east-1.amazonaws.com",
        "https://sts.ap-northeast-1.amazonaws.com",
        "https://sts.cn-north-1.amazonaws.com.cn",
    ]
