"""What a company's own function says of a caller, by LiteLLM's field names.

Flows in: its `UserAPIKeyAuth` (LiteLLM's or ours), or a mapping with the same names. Flows out: a `Said`. Must stay
true: a value of the wrong kind, or a restriction that is not kept here, is refused and never read as none; what has no
meaning here is named in the log. Source: LiteLLM's reference of UserAPIKeyAuth, release 1.108.
"""

from __future__ import annotations

import datetime as dt
import enum
import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from sekisho.identity.keys import token_hash
from sekisho.identity.named import is_name

log = logging.getLogger("sekisho.identity")

Usd = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
Counts = dict[str, Count]


class MalformedAnswer(Exception):
    """The function's answer cannot be taken; the text is for the operator and holds none of its values."""


class ModelBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's budget in either of LiteLLM's spellings."""

    budget_limit: Usd | str | None = None
    max_budget: Usd | None = None
    time_period: str | None = None
    budget_duration: str | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the function may say. Money is USD; rates are a minute's; None is nothing said."""

    api_key: str | None = None
    token: str | None = None
    key_name: str | None = None
    key_alias: str | None = None
    user_id: str | None = None
    user_email: str | None = None
    user_role: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    org_id: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    end_user_id: str | None = None
    models: list[str] | None = None
    aliases: dict[str, str] | None = None
    allowed_routes: list[str] | None = None
    metadata: dict[str, Any] | None = None
    expires: dt.datetime | None = None
    blocked: bool | None = None
    max_budget: Usd | None = None
    soft_budget: Usd | None = None
    budget_duration: str | None = None
    model_max_budget: dict[str, ModelBudget | Usd] | None = None
    tpm_limit: Count | None = None
    rpm_limit: Count | None = None
    max_parallel_requests: Count | None = None
    tpm_limit_per_model: Counts | None = None
    rpm_limit_per_model: Counts | None = None
    user_max_budget: Usd | None = None
    user_tpm_limit: Count | None = None
    user_rpm_limit: Count | None = None
    team_models: list[str] | None = None
    team_blocked: bool | None = None
    team_metadata: dict[str, Any] | None = None
    team_max_budget: Usd | None = None
    team_soft_budget: Usd | None = None
    team_tpm_limit: Count | None = None
    team_rpm_limit: Count | None = None
    team_member_tpm_limit: Count | None = None
    team_member_rpm_limit: Count | None = None
    organization_alias: str | None = None
    organization_max_budget: Usd | None = None
    organization_tpm_limit: Count | None = None
    organization_rpm_limit: Count | None = None
    end_user_max_budget: Usd | None = None
    end_user_tpm_limit: Count | None = None
    end_user_rpm_limit: Count | None = None


_HASH = re.compile(r"[0-9a-f]{64}")
_NAMES = frozenset(Said.__struct_fields__)
#: Restrictions of LiteLLM's that are not kept here: to let such a caller in would be to open what is closed.
NOT_KEPT = frozenset(
    {"allowed_model_region", "object_permission", "access_group_ids", "team_object_permission", "budget_limits"}
)
#: Names of things, as the ledger keeps them.
_IDS = ("key_alias", "user_id", "team_id", "org_id", "organization_id", "project_id", "end_user_id")
_named: set[str] = set()


def said_of(answer: object) -> Said:
    """What was said, a key as its hash. Raises MalformedAnswer naming the field."""
    given = {name: _plain(value) for name, value in _fields(answer).items() if value is not None}
    for name in NOT_KEPT & given.keys():
        if given[name]:
            raise MalformedAnswer(f"'{name}' is a restriction that is not kept here")
    unknown = {name for name, value in given.items() if value and name not in _NAMES | NOT_KEPT} - _named
    if unknown:
        _named.update(unknown)
        log.warning("custom_auth: without effect here: %s", ", ".join(sorted(map(str, unknown))))
    try:
        said = msgspec.convert({name: given[name] for name in given.keys() & _NAMES}, Said)
    except msgspec.ValidationError as error:
        raise MalformedAnswer(str(error)) from None
    for name in _IDS:
        value = getattr(said, name)
        if value is not None and not is_name(value):
            raise MalformedAnswer(f"'{name}' is no name of at most 256 characters")
    return msgspec.structs.replace(said, api_key=None, token=_hashed(said.token or said.api_key))


def _fields(answer: object) -> Mapping[str, Any]:
    """Its fields by name, those that were set where it tells them apart."""
    if isinstance(answer, Mapping):
        return answer
    set_by_pydantic = getattr(answer, "model_fields_set", None)
    if isinstance(set_by_pydantic, (set, frozenset)):
        return {name: getattr(answer, name, None) for name in set_by_pydantic}
    if not hasattr(answer, "__dict__"):
        raise MalformedAnswer(f"a '{type(answer).__name__}' says nothing: return a UserAPIKeyAuth")
    return vars(answer)


def _hashed(key: str | None) -> str | None:
    """LiteLLM's own class has done it already. A key itself is kept nowhere."""
    return key if key is None or _HASH.fullmatch(key) else token_hash(key)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value
