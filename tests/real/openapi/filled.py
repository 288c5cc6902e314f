"""The gateway's OpenAPI document, with names of things that exist among what its fields may hold.

Flows in: the document as it is served. Flows out: one from which a fuzzer's requests also reach what is behind the
checks: wherever a field names something, it may be one of KNOWN as well as anything.
"""

from __future__ import annotations

from typing import Any

from sekisho.identity.keys import token_hash

MEMBER_KEY, LOST_KEY = "sk-of-a-member", "sk-made-to-be-lost"
_MODELS = ["gpt-test", "claude-test", "gpt-*"]
#: Name of a field or parameter -> what may stand there that means something.
KNOWN: dict[str, list[Any]] = {
    "key": [LOST_KEY, token_hash(LOST_KEY)],
    "keys": [LOST_KEY],
    "api_key": [token_hash(LOST_KEY)],
    "key_hash": [token_hash(LOST_KEY)],
    "key_alias": ["lost"],
    "user_id": ["ada", "bob"],
    "user_ids": ["bob"],
    "user_email": ["ada@example.com"],
    "user_role": ["internal_user", "proxy_admin_viewer"],
    "team_id": ["t"],
    "team_ids": ["t"],
    "teams": ["t"],
    "organization_id": ["o"],
    "organization_ids": ["o"],
    "organizations": ["o"],
    "project_id": ["p"],
    "project_ids": ["p"],
    "budget_id": ["b"],
    "budgets": ["b"],
    "end_user_id": ["customer"],
    "name": ["ci"],
    "names": ["ci"],
    "tags": ["ci"],
    "pool_id": ["pool"],
    "model_id": ["m"],
    "id": ["m", "b"],
    "model": _MODELS,
    "models": _MODELS,
    "model_name": ["mine"],
    "credential_name": ["eu"],
    "credential_values": [{"api_key": "sk-x", "api_base": None}],
    "litellm_params": [{"model": "openai/gpt-4.1", "api_key": "sk-x"}],
    "start_date": ["2026-01-01", "2026-01-01 00:00:00"],
    "end_date": ["2027-01-01"],
    "duration": ["30s", "1mo", "-1"],
    "grace_period": ["1h"],
    "budget_duration": ["1d", "1mo"],
    "time_period": ["7d"],
    "time_zone": ["Asia/Tokyo", "Nowhere/Land"],
    "temp_budget_expiry": ["2030-01-01T00:00:00Z"],
    "team_member_permissions": ["/key/info", "/key/generate"],
    "key_type": ["llm_api", "default"],
    "by": ["team", "model", "day", "tag"],
    "messages": [{"role": "user", "content": "Hello"}],
    "member": [{"role": "user", "user_id": "ada"}],
}
#: Texts that mean something to a database, a header, a template or a path.
INJECTED = (
    "'; DROP TABLE keys; --",
    '" OR 1=1 --',
    "%' ESCAPE '!",
    "a\r\nset-cookie: b=c",
    "\x00",
    "\ud7ff\uffff",
    "../../etc/passwd",
    "{{7*7}}${7*7}",
    "%00%0d%0a",
)
#: What is made first, so that KNOWN names it: path and body.
WORLD: list[tuple[str, dict[str, Any]]] = [
    ("/user/new", {"user_id": "ada", "user_email": "ada@example.com", "auto_create_key": False}),
    ("/user/new", {"user_id": "bob"}),
    ("/organization/new", {"organization_id": "o", "organization_alias": "O"}),
    (
        "/team/new",
        {"team_id": "t", "organization_id": "o", "members_with_roles": [{"role": "admin", "user_id": "ada"}]},
    ),
    ("/project/new", {"project_id": "p", "team_id": "t"}),
    ("/budget/new", {"budget_id": "b", "max_budget": 9}),
    ("/customer/new", {"user_id": "customer"}),
    ("/tag/new", {"name": "ci"}),
    ("/model/new", {"model_name": "mine", "litellm_params": {"model": "openai/gpt-4.1"}, "model_info": {"id": "m"}}),
    ("/credentials", {"credential_name": "eu", "credential_values": {"api_key": "sk-x"}}),
    ("/key/generate", {"key": LOST_KEY, "key_alias": "lost", "user_id": "ada"}),
    ("/key/generate", {"key": MEMBER_KEY, "user_id": "ada"}),
    ("/sekisho/v1/pools", {"pool_id": "pool", "keys": [LOST_KEY]}),
]
#: What an administrator's program may send with any request.
_ACTOR = {"anyOf": [{"type": "string"}, {"enum": ["'; DROP TABLE keys; --", "\u00e9", "x" * 300]}]}
_HEADER = {"name": "litellm-changed-by", "in": "header", "required": False, "schema": _ACTOR}


def filled(document: dict[str, Any]) -> dict[str, Any]:
    """The same with KNOWN in it."""
    for schema in document["components"]["schemas"].values():
        _fill_object(schema)
    for operations in document["paths"].values():
        for operation in operations.values():
            parameters = operation.setdefault("parameters", [])
            for parameter in parameters:
                parameter["schema"] = _with_known(parameter["name"], parameter["schema"])
            parameters.append(_HEADER)
    return document


def _fill_object(schema: dict[str, Any]) -> None:
    properties = schema.get("properties", {})
    for name in properties:
        properties[name] = _with_known(name, properties[name])


def _with_known(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Where a field is a list, also a list of these."""
    if name not in KNOWN:
        return schema
    listed = schema.get("type") == "array" or any(each.get("type") == "array" for each in schema.get("anyOf", []))
    fields = {key: schema[key] for key in ("title", "default") if key in schema}
    kinds: list[dict[str, Any]] = [{"enum": KNOWN[name]}, {"enum": list(INJECTED)}]
    if listed:
        kinds = [{"type": "array", "items": kind, "minItems": 1, "maxItems": 3} for kind in kinds]
    return fields | {"anyOf": [*kinds, {key: value for key, value in schema.items() if key not in fields}]}
