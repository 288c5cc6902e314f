"""Customers, tags, models; what agents and load balancers ask."""

from __future__ import annotations

from typing import Any

from tests.litellm.call import Call
from tests.litellm.shapes import CREDENTIAL, CUSTOMER, MODEL, MODEL_GROUP, MODEL_INFO, TAG

HEALTHY = {"healthy_count": int, "unhealthy_count": int}
OTHERS = [
    Call(
        "POST /customer/new",
        {"user_id": "customer", "alias": "Customer & Co.", "max_budget": 3, "budget_duration": "1d"},
        200,
        CUSTOMER | {"user_id": "customer", "blocked": False, "litellm_budget_table": {"max_budget": 3.0}},
    ),
    Call("POST /customer/new", {"user_id": "other", "budget_id": "shared"}, 200, CUSTOMER),
    Call("POST /end_user/update", {"user_id": "customer", "alias": "C."}, 200, CUSTOMER | {"alias": "C."}),
    Call("GET /customer/info?end_user_id=customer", None, 200, CUSTOMER),
    Call("GET /end_user/list", None, 200, [CUSTOMER]),
    Call("POST /customer/block", {"user_ids": ["customer"]}, 200, {"blocked_users": [CUSTOMER | {"blocked": True}]}),
    Call("POST /customer/unblock", {"user_ids": ["customer"]}, 200, {"blocked_users": []}),
    Call("POST /customer/delete", {"user_ids": ["other"]}, 200, {"deleted_customers": 1, "message": str}),
    Call("POST /tag/new", {"name": "ci", "description": "builds", "max_budget": 5}, 200, TAG | {"name": "ci"}),
    Call("POST /tag/info", {"names": ["ci"]}, 200, {"ci": TAG}),
    Call("POST /tag/update", {"name": "ci", "description": "nightly builds"}, 200, TAG),
    Call("GET /tag/list", None, 200, [TAG]),
    Call(
        "POST /model/new",
        {"model_name": "mine", "litellm_params": {"model": "openai/gpt-4.1", "api_key": "sk-of-a-provider"}},
        200,
        MODEL | {"model_name": "mine"},
        {"model": "model_id"},
    ),
    Call(
        "POST /model/update",
        {"model_info": {"id": "$model"}, "litellm_params": {"model": "openai/gpt-4.1-mini"}},
        200,
        MODEL | {"model_id": "$model", "litellm_params": {"model": "openai/gpt-4.1-mini"}},
    ),
    Call("PATCH /model/$model/update", {"model_info": {"tier": "paid"}}, 200, MODEL | {"model_id": "$model"}),
    Call("GET /model/info", None, 200, {"data": [MODEL_INFO]}),
    Call("GET /v1/model/info", None, 200, {"data": [MODEL_INFO]}, by="key"),
    Call("GET /v2/model/info", None, 200, {"data": [MODEL_INFO]}),
    Call("GET /model_group/info", None, 200, {"data": [MODEL_GROUP]}, by="key"),
    Call("POST /model/delete", {"id": "$model"}, 200, {"message": str}),
    Call(
        "POST /credentials",
        {"credential_name": "eu", "credential_values": {"api_key": "sk-x"}, "credential_info": {"provider": "x"}},
        200,
        {"success": True, "message": str},
    ),
    Call("GET /credentials", None, 200, {"success": True, "credentials": [CREDENTIAL]}),
    Call("GET /credentials/by_name/eu", None, 200, CREDENTIAL | {"credential_info": {"provider": "x"}}),
    Call("PATCH /credentials/eu", {"credential_values": {"api_base": "http://e"}}, 200, {"success": True}),
    Call("DELETE /credentials/eu", None, 200, {"success": True, "message": str}),
    Call(
        "GET /v1/models",
        None,
        200,
        {"object": "list", "data": [{"id": "gpt", "object": "model", "created": int, "owned_by": "openai"}]},
        by="key",
    ),
    Call("GET /health", None, 200, {"healthy_endpoints": [dict], "unhealthy_endpoints": list} | HEALTHY),
    Call("GET /health/readiness", None, 200, {"status": str, "db": "connected", "cache": Any}, by="nobody"),
    Call("GET /health/liveliness", None, 200, "I'm alive!", by="nobody"),
]
