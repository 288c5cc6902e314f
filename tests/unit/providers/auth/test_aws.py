from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest

from sekisho.config.environment import Environment
from sekisho.config.model import LitellmParams
from sekisho.core.clock import FakeClock
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamError
from sekisho.core.secret import Secret
from sekisho.providers.auth.authority import Authority
from sekisho.providers.auth.aws import AwsAuthority, aws_authority, credentials_of
from sekisho.providers.auth.aws_identity import AwsIdentity, identity_of
from sekisho.providers.auth.refresh import DOUBT_SECONDS
from tests.support.sts import Sts
from tests.support.waiting import eventually

REQUEST = ("POST", "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse", b"{}", {"accept": "*/*"})
OWN: dict[str, Any] = {"aws_access_key_id": Secret("AKIAOWN"), "aws_secret_access_key": Secret("s-own")}
pytestmark = pytest.mark.usefixtures("bare_machine")


def authority_in(region: str, **params: Any) -> AwsAuthority:
    return aws_authority(LitellmParams(model="bedrock/m", **params), Environment({}), region)


def by_role(sts: Sts, clock: FakeClock) -> AwsAuthority:
    params = LitellmParams(model="bedrock/m", aws_role_name="arn:aws:iam::1:role/a", aws_sts_endpoint=sts.url, **OWN)
    identity = identity_of(params, Environment({}), "us-east-1")
    return AwsAuthority(credentials_of(identity, clock), "us-east-1", clock)


def now() -> FakeClock:
    """A clock that starts at the service's time."""
    return FakeClock(time.time_ns() // 1000)


def refusal(code: str) -> ErrorInfo:
    return ErrorInfo(error_class=ErrorClass.UPSTREAM_CREDENTIAL, message="no", status=403, code=code)


def key_of(authority: Authority) -> str:
    """The access-key id that signs."""
    return authority.headers(*REQUEST)["authorization"].partition("Credential=")[2].partition("/")[0]


async def test_own_keys_sign_at_once_and_are_never_renewed() -> None:
    authority = authority_in("eu-west-1", **OWN)
    assert authority.ready()
    await authority.prepare()
    proof = authority.headers(*REQUEST)
    assert set(proof) == {"authorization", "x-amz-date"}
    assert "/eu-west-1/bedrock/aws4_request" in proof["authorization"]
    assert not authority.refused(refusal("ExpiredTokenException"))


async def test_a_hundred_callers_over_all_deployments_are_one_question(sts: Sts) -> None:
    role = {"aws_role_name": "arn:aws:iam::1:role/shared", "aws_sts_endpoint": sts.url, **OWN}
    deployments = [authority_in("us-east-1", **role) for _ in range(10)]
    sts.open.clear()
    callers = [asyncio.create_task(deployments[number % 10].prepare()) for number in range(100)]

    async def asked() -> bool:
        return bool(sts.asked)

    await eventually(asked, "STS was asked")
    sts.open.set()
    await asyncio.gather(*callers)
    assert len(sts.asked) == 1
    assert {key_of(one) for one in deployments} == {"ASIA1"}
    assert deployments[0].headers(*REQUEST)["x-amz-security-token"] == "t1"


async def test_the_loop_goes_on_while_sts_is_slow(sts: Sts) -> None:
    authority = by_role(sts, now())
    sts.open.clear()
    waiting = asyncio.create_task(authority.prepare())

    async def asked() -> bool:
        return bool(sts.asked)

    await eventually(asked, "STS was asked")
    for _ in range(1000):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert not authority.ready()
    sts.open.set()
    await waiting
    assert authority.ready()


async def test_roles_in_two_accounts_are_two_identities(sts: Sts) -> None:
    role = {"aws_sts_endpoint": sts.url, **OWN}
    one, two = (
        authority_in("us-east-1", aws_role_name=f"arn:aws:iam::1:role/{name}", **role) for name in ("one", "two")
    )
    await one.prepare()
    await two.prepare()
    assert (key_of(one), key_of(two)) == ("ASIA1", "ASIA2")


async def test_expired_credentials_are_fetched_anew(sts: Sts) -> None:
    clock = now()
    authority = by_role(sts, clock)
    await authority.prepare()
    clock.advance(3600)
    assert not authority.ready()
    await authority.prepare()
    assert (key_of(authority), len(sts.asked)) == ("ASIA2", 2)


async def test_a_renewal_before_the_end_makes_nobody_wait(sts: Sts) -> None:
    clock = now()
    authority = by_role(sts, clock)
    await authority.prepare()
    clock.advance(3600 - 600)
    sts.open.clear()
    await authority.prepare()
    assert key_of(authority) == "ASIA1"
    sts.open.set()

    async def renewed() -> bool:
        return key_of(authority) == "ASIA2"

    await eventually(renewed, "the new credentials sign")
    assert len(sts.asked) == 2


@pytest.mark.parametrize(
    "code", ["ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId"]
)
async def test_one_more_try_with_others_when_they_have_ended(sts: Sts, code: str) -> None:
    clock = now()
    authority = by_role(sts, clock)
    await authority.prepare()
    clock.advance(DOUBT_SECONDS)
    assert authority.refused(refusal(code))
    await authority.prepare()
    assert (key_of(authority), len(sts.asked)) == ("ASIA2", 2)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InvalidSignatureException"])
async def test_no_other_refusal_is_of_the_credentials(sts: Sts, code: str) -> None:
    authority = by_role(sts, now())
    await authority.prepare()
    assert not authority.refused(refusal(code))
    assert authority.ready()


async def test_a_role_that_may_not_be_assumed_is_told(sts: Sts) -> None:
    sts.error = "AccessDenied"
    authority = by_role(sts, now())
    with pytest.raises(UpstreamError, match="trust policy") as caught:
        await authority.prepare()
    assert caught.value.info.error_class is ErrorClass.UPSTREAM_CREDENTIAL
    with pytest.raises(UpstreamError, match="trust policy"):
        authority.headers(*REQUEST)


async def test_an_incomplete_identity_is_told_when_it_is_used() -> None:
    authority = AwsAuthority(credentials_of(AwsIdentity(lack="lacks a thing."), now()), "us-east-1", now())
    with pytest.raises(UpstreamError, match=r"^The deployment lacks a thing\.$"):
        await authority.prepare()


def test_nothing_of_aws_is_imported_before_it_is_asked() -> None:
    script = (
        "import sys\n"
        "from sekisho.config.environment import Environment\n"
        "from sekisho.config.model import LitellmParams\n"
        "from sekisho.providers.auth.aws import aws_authority\n"
        "aws_authority(LitellmParams(model='bedrock/m', aws_role_name='arn'), Environment({}), 'us-east-1')\n"
        "print(sorted(name for name in ('botocore', 'boto3', 'urllib3') if name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
