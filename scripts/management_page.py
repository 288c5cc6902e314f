"""docs/management.md: the management API's endpoints, who may call each, and its fields.

In: the table of permissions, the classes that read requests. Out: Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from sekisho.api.admin.budgets import BudgetFields
from sekisho.api.admin.customers import CustomerFields
from sekisho.api.admin.key_fields import KEY_TYPES, KeyFields, RegenerateFields
from sekisho.api.admin.limit_fields import LIMIT_FIELDS, LimitFields
from sekisho.api.admin.not_offered import NOT_OFFERED
from sekisho.api.admin.organization_changes import OrganizationFields
from sekisho.api.admin.permissions import MEMBER_PERMISSIONS, RULES, Reach, Rule
from sekisho.api.admin.pools import PoolFields
from sekisho.api.admin.projects import ProjectFields
from sekisho.api.admin.refused import REFUSED_FIELDS, REFUSED_METADATA
from sekisho.api.admin.tags import TagFields
from sekisho.api.admin.team_changes import TeamFields
from sekisho.api.admin.usage import UsageQuery
from sekisho.api.admin.user_changes import UserFields
from sekisho.store.cube import DIMENSIONS

PAGE = """# The management API

<!-- Made by `make docs` from the code. -->

LiteLLM's paths, fields and answers, and a few of our own below `/sekisho/v1`. It is served on the gateway's port, to
whoever shows the master key or a virtual key whose user has a role. Answers are LiteLLM's objects with all their
fields; failures are `{{"error": {{"message", "type", "param", "code"}}}}` with the field at fault in `param`.

What holds everywhere:

- A field that is left out stays as it is; `null` unsets it. `metadata` is replaced whole.
- A field that nobody knows is named in the answer's header `x-sekisho-unknown-fields`. A setting of LiteLLM's that this
  version does not enforce is refused by name with 400 (the list is [below](#what-is-refused)).
- A change is one transaction with its audit entry: all of it, or nothing. It acts at once in the process that made it,
  and within a second in every other.
- Wherever a key is named, it may be the key itself or its hash, also after it was rotated.
- What a key refers to must exist: team, project, organisation, budget. A `user_id` that an administrator names and that
  does not exist yet becomes a user with the role `internal_user`.
- Two who change the same thing at once lose nothing of each other's: the later change is made upon the earlier one.
- Lists have pages, or a limit; where a limit cuts, the header `x-sekisho-truncated` says so.

## Who may call what

Roles are a user's `user_role`; a key acts as its user, one of a team or an organisation only there: administrators of
the team can make and rotate it. `proxy_admin`, like the master key, may do everything; `proxy_admin_viewer` sees
everything and changes nothing; `internal_user_viewer` sees what an `internal_user` sees and changes nothing.
Everybody else is let in by what they have to do with the object:

- **organisation**: its administrator (`org_admin`), for everything that belongs to it
- **team**: the team's administrator, for the team, its members and keys
- **member**: who belongs to the team or organisation
- **permitted**: a plain member, for keys of the team that are their own or nobody's, where the team's
  `team_member_permissions` name the path. They may name {permissions}.
- **self**: the user, and keys of theirs that belong to no team
- **key**: the very key that asks, or its team

Lists hold what their caller could see one by one, and sums of spend and usage are sums of that. Who holds a key that
somebody else made cannot take off its limits, models, tags, project or expiry; nobody but those above a key takes it
out of a budget or unblocks it. Who leads a team makes its keys for its members, or for nobody. Who administers an
organisation adds users to it who are in no other one, nor in a team of another one, and who have no role of the
gateway's; to a team, users whose own budget binds keys of teams (`limits_bind_team_keys`) are added from the team's
organisation only. Administrators of the gateway add anybody.

`key_type` narrows what a key may do at all: {key_types}. `GET /sekisho/v1/me` answers every key.

{rules}

## Fields

{fields}

Limits are the same on whatever they are set: {limits}. Money is USD. `budget_duration` is `30s`, `30m`, `1h`, `1d`,
`7d` or `1mo`, aligned to the calendar of `time_zone` (IANA; UTC where nothing is said); without it a budget is for
ever. `budget_limits` are further budgets beside the first. `model_max_budget` is `{{"MODEL": {{"budget_limit": USD,
"time_period": "1d"}}}}`. `temp_budget_increase` holds until `temp_budget_expiry`. `budget_mode` is `hard` (a call is
let in if the most it may cost has room) or `expected`. All limits that bind a key hold together; a shared budget
(`budget_id`) fills in what the object does not set itself, and each object that names it has a counter of its own. A
pool's keys share one counter.

## Our own paths

`GET /openapi.json` describes all of this, each field with its type and bounds, to every key that may ask here: what
generators of clients read.

`GET /sekisho/v1/me` shows the caller's key, user and memberships, and each limit that binds the key with what is used
and left of it and when it begins anew.

`GET /sekisho/v1/usage?start_date=2026-01-01&end_date=2026-01-31&by=team,model` sums what was used: calls, errors,
tokens by kind, cost (`cost_nano_usd` exact), mean latency. `by` takes up to five of {dimensions}; {filters} filter,
and may be repeated. Rows come costliest first; those of one key, user, project or team (the first of these in `by`)
stand together. There are at most `limit` of them (1,000); while `next` is not null, ask again with `after=` it. With
`hour`, hours of at most seven days are summed, else whole days that begin in the window. A call with several tags
counts under each.

`/sekisho/v1/pools` makes, lists, changes (`PATCH`) and deletes budgets that chosen `keys` share.

`/model/new`, `/model/update` and `/model/delete` need `store_model_in_db` and `SEKISHO_ROOT_KEY`: parameters are
stored sealed, and shown with `***` for what is secret. They are read by the rules of `model_list`, without
`os.environ/`. What the file declares is changed in the file. `null` takes a parameter away. `/credentials` stores, in
the same way, what several of them share: a stored model that names one in `litellm_credential_name` takes from it what
it does not say itself, and follows its changes.

`/key/regenerate` gives a key a new secret. The former one goes on working for `grace_period`, and so do the access-key
pairs that were made beside it: then both are at their end.

`GET /audit` shows who changed what, with the object before and after. An administrator's program may say for whom it
acts in the header `litellm-changed-by`; a key that it makes so is the administrator's to change, as any other.

## What is refused

Until a version enforces them: {refused}. In `metadata`: {refused_metadata}.

## What is not offered

These paths of LiteLLM's, with all below them, answer 404 with the sentence that stands here:

{not_offered}
"""

#: Body -> where it is sent.
BODIES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("keys", KeyFields),
    ("`/key/regenerate`, besides", RegenerateFields),
    ("users", UserFields),
    ("teams", TeamFields),
    ("projects", ProjectFields),
    ("organisations", OrganizationFields),
    ("budgets", BudgetFields),
    ("customers", CustomerFields),
    ("tags", TagFields),
    ("pools", PoolFields),
)
_REACHES = (Reach.ORGANIZATION, Reach.TEAM, Reach.MEMBER, Reach.PERMITTED, Reach.SELF, Reach.KEY)
_HEADS = ("organisation", "team", "member", "permitted", "self", "key")


def page() -> str:
    """The whole page."""
    filters = [name for name in UsageQuery.model_fields if name in DIMENSIONS]
    text = PAGE.format(
        permissions=code(MEMBER_PERMISSIONS),
        key_types=", ".join(f"`{name}` ({', '.join(groups) or 'everything'})" for name, groups in KEY_TYPES.items()),
        rules=rules(),
        fields=fields(),
        limits=code(LimitFields.model_fields),
        dimensions=code(DIMENSIONS),
        filters=code(filters),
        refused=code(sorted(REFUSED_FIELDS)),
        refused_metadata=code(sorted(REFUSED_METADATA)),
        not_offered=table(("path", "why"), [(f"`{path}`", why) for path, why in NOT_OFFERED]),
    )
    return text.rstrip() + "\n"


def rules() -> str:
    """The table of permissions."""
    rows = [(rule.method, f"`{rule.path}`", "✓" if rule.reads else "", *ticks(rule)) for rule in RULES]
    return table(("method", "path", "viewer", *_HEADS), rows)


def ticks(rule: Rule) -> list[str]:
    return ["✓" if reach in rule.reach else "" for reach in _REACHES]


def fields() -> str:
    """A table of what each kind of body reads."""
    rows = [(name, code(own_fields(body)), "✓" if has_limits(body) else "") for name, body in BODIES]
    return table(("of", "fields", "limits"), rows)


def own_fields(body: type[BaseModel]) -> Iterable[str]:
    known = set(LIMIT_FIELDS) | (set(KeyFields.model_fields) if body is RegenerateFields else set())
    return [name for name in body.model_fields if name not in known]


def has_limits(body: type[Any]) -> bool:
    return issubclass(body, LimitFields)


def code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
