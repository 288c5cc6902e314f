"""Asks AWS for credentials, through botocore: profiles, containers, instances, STS.

Flows in: an identity. Flows out: keys and their end. Runs in a thread, for it blocks. Must stay true: nothing is kept
from one call to the next, so that a rotated file or a revoked session is seen; every failure is told by what the
operator must do, without the text that AWS or botocore wrote. This module is imported when the first identity needs it.
"""

from __future__ import annotations

import bisect
import functools
import gzip
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import botocore.session
import msgspec
from botocore import UNSIGNED, exceptions
from botocore.config import Config
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.loaders import JSONFileLoader, Loader, create_loader

from sekisho.core.errors import UpstreamError
from sekisho.core.secret import Secret
from sekisho.providers.auth.aws_identity import AwsIdentity, AwsRole, WebToken
from sekisho.providers.auth.refresh import Lease, credential_error
from sekisho.providers.auth.sigv4 import AwsKeys

if TYPE_CHECKING:
    from botocore.session import Session

#: Longest life that credentials of a chain are believed to have; STS gives twelve hours at most.
_LIFE_SECONDS: Final = 13 * 3600
#: A caller may be waiting: 15 s at the worst, then another deployment has its turn.
_STS: Final = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})
#: What STS answers when the credentials that we assume a role with are no good.
_BAD_SOURCE: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IDPRejectedClaim",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


def fetch(identity: AwsIdentity) -> Lease[AwsKeys]:
    """The credentials of `identity`. Blocks. Raises UpstreamError of class UPSTREAM_CREDENTIAL."""
    try:
        session = _session(identity.profile)
        if identity.role is None:
            return _own(session, identity)
        return _assumed(session, identity.keys, identity.role)
    except exceptions.ClientError as error:
        raise _refused(identity, str(error.response.get("Error", {}).get("Code", ""))[:60]) from None
    except exceptions.ProfileNotFound:
        raise credential_error(f"{identity.name} is in no AWS configuration file: name one that is.") from None
    except exceptions.NoCredentialsError:
        raise _none(identity) from None
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        name = type(error).__name__
        raise credential_error(
            f"AWS could not be asked for the credentials of {identity.name} ({name}): open the way to STS, or set "
            "aws_sts_endpoint.",
            name,
        ) from None
    except exceptions.BotoCoreError as error:
        name = type(error).__name__
        raise credential_error(
            f"AWS gave no credentials for {identity.name} ({name}): check its configuration.", name
        ) from None


def _own(session: Session, identity: AwsIdentity) -> Lease[AwsKeys]:
    """What the profile or the machine has."""
    found = session.get_credentials()
    frozen = found.get_frozen_credentials() if found is not None else None
    if found is None or frozen is None or not (frozen.access_key and frozen.secret_key):
        raise _none(identity)
    keys = AwsKeys(
        access_key_id=frozen.access_key,
        secret=Secret(frozen.secret_key),
        session_token=Secret(frozen.token) if frozen.token else None,
    )
    return Lease(keys, _end_us(found))


def _end_us(found: Credentials) -> int | None:
    """When they end. botocore tells only whether that is less than so many seconds away."""
    if not isinstance(found, RefreshableCredentials):
        return None
    left_seconds = bisect.bisect_left(range(_LIFE_SECONDS), x=True, key=found.refresh_needed) - 1
    return time.time_ns() // 1000 + max(0, left_seconds) * 1_000_000


def _assumed(session: Session, keys: AwsKeys | None, role: AwsRole) -> Lease[AwsKeys]:
    asked = {"RoleArn": role.arn, "RoleSessionName": role.session_name}
    with closing(_sts(session, keys, role)) as sts:
        if role.token is not None:
            answer = sts.assume_role_with_web_identity(**asked, WebIdentityToken=_text(role.token))
        else:
            more: dict[str, object] = {"ExternalId": role.external_id} if role.external_id else {}
            if role.tags:
                more["Tags"] = [{"Key": key, "Value": value} for key, value in role.tags]
            answer = sts.assume_role(**asked, **more)
    given = answer["Credentials"]
    assumed = AwsKeys(
        access_key_id=given["AccessKeyId"],
        secret=Secret(given["SecretAccessKey"]),
        session_token=Secret(given["SessionToken"]),
    )
    return Lease(assumed, round(given["Expiration"].timestamp() * 1_000_000))


def _sts(session: Session, keys: AwsKeys | None, role: AwsRole) -> Any:
    """A client of the region's own STS: the global one is far away, and down when us-east-1 is."""
    if keys is not None:
        token = keys.session_token.reveal() if keys.session_token else None
        session.set_credentials(keys.access_key_id, keys.secret.reveal(), token)
    config = _STS.merge(Config(signature_version=UNSIGNED)) if role.token is not None else _STS
    return session.create_client("sts", region_name=role.region, endpoint_url=role.endpoint, config=config)


def _text(token: WebToken) -> str:
    """The token as it is now."""
    if token.path is None:
        return token.text.reveal() if token.text else ""
    try:
        return Path(token.path).read_text().strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise credential_error(f"aws_web_identity_token: the file cannot be read ({reason}).") from None


def _session(profile: str | None) -> Session:
    """A new session. Those of one process share AWS's descriptions of its services: 6 ms in place of 60."""
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


@functools.cache
def _loader(data_path: str | None) -> Loader:
    loader = create_loader(data_path)
    loader.file_loader = _Descriptions()
    return loader


class _Descriptions(JSONFileLoader):
    """Reads AWS's descriptions. The json module holds the interpreter for 50 ms over the largest, and while it does no
    request goes on.
    """

    def load_file(self, file_path: str) -> Any:
        """What is in the file, whose name is given without its ending; None where there is no such file."""
        for path, content in ((f"{file_path}.json", bytes), (f"{file_path}.json.gz", gzip.decompress)):
            if Path(path).is_file():
                return msgspec.json.decode(content(Path(path).read_bytes()))
        return None


def _refused(identity: AwsIdentity, code: str) -> UpstreamError:
    """STS answered with an error; its text may repeat a token, its code does not."""
    if code == "AccessDenied":
        todo = "allow sts:AssumeRole to who asks, and the role's trust policy to be assumed by it (aws_external_id)"
    elif code in _BAD_SOURCE:
        todo = "renew the credentials or the token that the role is assumed with"
    elif code == "RegionDisabledException":
        todo = "activate STS in the region, or set aws_sts_endpoint"
    else:
        todo = "check aws_role_name, aws_session_name and aws_external_id"
    return credential_error(f"AWS refuses the credentials of {identity.name} ({code}): {todo}.", code)


def _none(identity: AwsIdentity) -> UpstreamError:
    return credential_error(
        f"No credentials were found for {identity.name}: set aws_access_key_id and aws_secret_access_key, "
        "AWS_BEARER_TOKEN_BEDROCK or aws_profile_name, or give the machine a role.",
        "NoCredentials",
    )
