"""Where a call may be processed, and by whom: rules of the gateway, a key, its team and organisation, which all hold.

Flows in: `sekisho.residency`, `residency` in a key's metadata, of its team and organisation; a deployment. Flows out:
whether it may serve. Must stay true: a deployment whose region is not known is in none; a rule that cannot be
read allows nothing.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from sekisho.config.sections import Residency
from sekisho.identity.keys import Principal
from sekisho.providers.deployment import Deployment
from sekisho.routing.plan import RESIDENCY_KEY

_NOWHERE: Final = Residency(regions=("",), providers=("",))
#: Bedrock's inference profiles answer from any region of a geography, which the model's name begins with.
_GEOGRAPHY: Final = re.compile(r"(?:^|[/:])(us-gov|us|eu|apac|jp|au|ca|sa|global)\.[a-z0-9-]+\.")


def rules_of(principal: Principal) -> tuple[Residency, ...]:
    """The rules of a key, its team and organisation."""
    own = principal.metadata.get(RESIDENCY_KEY)
    given = principal.residency if own is None else (own, *principal.residency)
    return tuple(map(_rule, given))


def _rule(given: Any) -> Residency:
    try:
        return msgspec.convert(given, _Strict)
    except msgspec.ValidationError:
        return _NOWHERE


def allows(rule: Residency | None, deployment: Deployment) -> bool:
    """Whether a deployment may serve calls under `rule`."""
    if rule is None:
        return True
    if rule.providers and deployment.provider.name not in rule.providers:
        return False
    if rule.accounts and deployment.account not in rule.accounts:
        return False
    region = region_of(deployment)
    return not rule.regions or (region is not None and any(fnmatchcase(region, one) for one in rule.regions))


def region_of(deployment: Deployment) -> str | None:
    """Where a deployment processes a call: what the operator says, the geography of a Bedrock inference profile (`eu`,
    `global`), else its region (`eu-central-1`). None where nobody says.
    """
    if deployment.entry.params.region_name is not None:
        return deployment.entry.params.region_name
    if deployment.region is None:
        return None
    geography = _GEOGRAPHY.search(deployment.model)
    return geography[1] if geography is not None else deployment.region


class _Strict(Residency, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule in which a misspelt word must not allow everything."""
