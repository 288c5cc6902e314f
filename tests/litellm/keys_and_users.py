"""Keys and users, as LiteLLM's clients make, change and list them."""

from __future__ import annotations

from typing import Any

from tests.litellm.call import Call
from tests.litellm.shapes import FLAT_USER, GENERATED, KEY_INFO, TOKEN, USER, Maybe, error, page

LISTED = {"total_count": int, "current_page": 1, "total_pages": int}

KEYS = [
    Call("POST /key/generate", {}, 200, GENERATED | {"spend": 0.0, "models": [], "user_id": None}),
    Call(
        "POST /key/generate",
        {"models": ["gpt"], "key_alias": "first", "user_id": "ada", "duration": "30d", "max_budget": 10}
        | {"metadata": {"cost centre": "r&d"}, "aliases": {"fast": "gpt"}, "tpm_limit": 1_000_000, "rpm_limit": 600},
        200,
        GENERATED
        | {"models": ["gpt"], "key_alias": "first", "user_id": "ada", "max_budget": 10.0, "expires": str}
        | {"metadata": {"cost centre": "r&d"}, "aliases": {"fast": "gpt"}, "tpm_limit": 1_000_000, "rpm_limit": 600}
        | {"duration": "30d", "created_by": "default_user_id", "updated_by": "default_user_id"},
        {"key": "key", "hash": "token", "id": "token_id", "name": "key_name"},
    ),
    Call(
        "POST /key/generate",
        {"budget_duration": "1mo", "max_budget": 5.5, "soft_budget": 4, "max_parallel_requests": 3}
        | {"model_max_budget": {"gpt": {"budget_limit": 2.5, "time_period": "1d"}}, "key_alias": "second"},
        200,
        GENERATED
        | {"budget_duration": "1mo", "budget_reset_at": str, "max_budget": 5.5, "soft_budget": 4.0}
        | {"max_parallel_requests": 3, "model_max_budget": {"gpt": {"budget_limit": 2.5, "time_period": "1d"}}},
        {"second": "key", "second_hash": "token"},
    ),
    Call("POST /key/generate", {"key_alias": "first"}, 400, error(400)),
    Call("POST /key/generate", {"max_budget": -1}, 400, error(400)),
    Call("POST /key/generate", {"duration": "soon"}, 400, error(400)),
    Call("GET /key/info?key=$key", None, 200, {"key": "$key", "info": KEY_INFO | {"key_alias": "first"}}),
    Call("GET /key/info?key=$hash", None, 200, {"key": "$hash", "info": KEY_INFO | {"key_name": "$name"}}),
    Call("GET /key/info", None, 200, {"key": str, "info": KEY_INFO | {"user_id": "ada"}}, by="key"),
    Call("GET /key/info?key=sk-unknown", None, 404, error(404)),
    Call("GET /key/info", None, 401, error(401, "auth_error"), by="nobody"),
    Call("POST /v2/key/info", {"keys": ["$key", "$second"]}, 200, {"key": [str], "info": [KEY_INFO]}),
    Call("POST /key/update", {"key": "$key", "max_budget": 20}, 200, KEY_INFO | {"key": "$key", "max_budget": 20.0}),
    Call("POST /key/update", {"key": "$hash", "metadata": {"a": 1}}, 200, {"key": "$hash", "metadata": {"a": 1}}),
    Call("POST /key/update", {"key": "$key", "tpm_limit": None}, 200, {"tpm_limit": None, "rpm_limit": 600}),
    Call(
        "POST /key/update",
        {"key": "$key", "temp_budget_increase": 5, "temp_budget_expiry": "2099-01-01T00:00:00Z"},
        200,
        {"metadata": {"temp_budget_increase": 5.0, "temp_budget_expiry": str}},
    ),
    Call("POST /key/update", {"key": "$key", "temp_budget_increase": 5}, 400, error(400)),
    Call("POST /key/update", {"key": "sk-unknown"}, 404, error(404)),
    Call(
        "POST /key/bulk_update",
        {"keys": [{"key": "$key", "max_budget": 30}, {"key": "sk-unknown", "max_budget": 1}]},
        200,
        {"total_requested": 2, "successful_updates": [{"key": "$key", "key_info": dict}]}
        | {"failed_updates": [{"key": "sk-unknown", "failed_reason": str}]},
    ),
    Call("GET /key/list", None, 200, LISTED | {"keys": [str]}),
    Call("GET /key/list?return_full_object=true&size=100", None, 200, LISTED | {"keys": [TOKEN]}),
    Call("GET /key/list?user_id=ada&size=1", None, 200, {"keys": ["$hash"], "total_count": 1, "total_pages": 1}),
    Call("GET /key/list?key_alias=fir&page=1", None, 200, {"keys": ["$hash"]}),
    Call("GET /key/list?expand=user&user_id=ada", None, 200, {"keys": [TOKEN | {"user": USER}]}),
    Call("GET /key/list?size=101", None, 400, error(400)),
    Call("GET /key/aliases", None, 200, LISTED | {"aliases": [str], "size": int}),
    Call("POST /key/block", {"key": "$second"}, 200, TOKEN | {"blocked": True}),
    Call("POST /key/unblock", {"key": "$second_hash"}, 200, TOKEN | {"blocked": False}),
    Call(
        "POST /key/health",
        {},
        200,
        {"key": "healthy", "logging_callbacks": {"callbacks": list, "status": Maybe, "details": Maybe}},
        by="key",
    ),
    Call(
        "POST /key/regenerate",
        {"key": "$second", "grace_period": "1h"},
        200,
        GENERATED | {"key_alias": "second", "rotation_count": int},
        {"third": "key"},
    ),
    Call("POST /key/$third/regenerate", {}, 200, GENERATED | {"key_alias": "second"}, {"fourth": "key"}),
    Call("POST /key/delete", {"keys": ["$fourth"]}, 200, {"deleted_keys": ["$fourth"]}),
    Call("POST /key/delete", {"keys": ["sk-unknown"]}, 404, error(404)),
    Call("POST /key/delete", {}, 400, error(400)),
]
USERS = [
    Call(
        "POST /user/new",
        {"user_email": "grace@example.com", "user_alias": "Grace", "user_role": "internal_user", "max_budget": 7},
        200,
        GENERATED
        | {"user_id": str, "user_email": "grace@example.com", "user_alias": "Grace", "user_role": "internal_user"}
        | {"teams": [], "max_budget": 7.0, "model_max_budget": dict},
        {"grace": "user_id", "grace_key": "key"},
    ),
    Call("POST /user/new", {"user_id": "bob", "auto_create_key": False}, 200, {"user_id": "bob", "key": None}),
    Call("POST /user/new", {"user_email": "grace@example.com"}, 409, error(409)),
    Call("POST /user/update", {"user_id": "bob", "max_budget": 3}, 200, {"user_id": "bob", "data": USER}),
    Call(
        "POST /user/update",
        {"user_email": "grace@example.com", "user_alias": "G."},
        200,
        {"user_id": "$grace", "data": USER | {"user_alias": "G."}},
    ),
    Call(
        "POST /user/bulk_update",
        {"users": [{"user_id": "bob", "rpm_limit": 9}, {"user_id": "nobody"}]},
        200,
        {"results": [{"user_id": Maybe, "user_email": Maybe, "success": bool, "error": Maybe, "updated_user": Any}]}
        | {"total_requested": 2, "successful_updates": int, "failed_updates": int},
    ),
    Call(
        "GET /user/info?user_id=ada",
        None,
        200,
        {"user_id": "ada", "user_info": USER, "keys": [TOKEN | {"team_alias": Maybe}], "teams": []},
    ),
    Call("GET /user/info", None, 200, {"user_id": "$grace", "user_info": USER, "keys": [TOKEN]}, by="grace_key"),
    Call("GET /v2/user/info?user_id=bob", None, 200, FLAT_USER | {"user_id": "bob", "rpm_limit": 9}),
    Call("GET /user/list", None, 200, page("users", [USER | {"key_count": int}])),
    Call("GET /user/list?user_email=GRACE&page_size=5", None, 200, {"users": [USER], "total": 1, "page_size": 5}),
    Call("GET /user/list?role=internal_user&sort_by=spend&sort_order=desc", None, 200, {"users": [USER]}),
    Call("GET /user/available_users", None, 200, {"total_users_used": int, "total_users_remaining": Any}),
    Call("GET /user/filter/ui?user_email=grace", None, 200, [{"user_id": "$grace", "user_email": str}]),
    Call("GET /user/available_roles", None, 200, {"proxy_admin": {"ui_label": str, "description": str}}),
]
