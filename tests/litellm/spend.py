"""What was spent, after `$key` has called a model once; and the end of all that was made."""

from __future__ import annotations

from typing import Any

from tests.litellm.call import Call
from tests.litellm.shapes import ACTIVITY, ORGANIZATION, SPEND_LOG, TOKEN, USER, Amount, Maybe, error

#: $day and $tomorrow are set by whoever runs this.
DAYS = "start_date=$day&end_date=$tomorrow"
#: After `$key` has called the model.
SPEND = [
    Call("GET /key/info?key=$key", None, 200, {"info": {"spend": float, "last_active": str}}),
    Call("GET /spend/logs?api_key=$hash", None, 200, [SPEND_LOG | {"api_key": "$hash", "user": "ada"}]),
    Call(
        f"GET /spend/logs?{DAYS}",
        None,
        200,
        [{"startTime": "$day", "spend": float, "$hash": float, "users": {"ada": float}, "models": {str: float}}],
    ),
    Call(f"GET /spend/logs?{DAYS}&summarize=false", None, 200, [SPEND_LOG]),
    Call(
        "GET /spend/logs/v2?start_date=$day%2000:00:00&end_date=$tomorrow%2023:59:59&page_size=10",
        None,
        200,
        {"data": [SPEND_LOG], "total": 1, "page": 1, "page_size": 10, "total_pages": 1},
    ),
    Call(f"GET /spend/logs/ui?{DAYS}&user_id=nobody", None, 200, {"data": [], "total": 0, "total_pages": 0}),
    Call("GET /spend/keys", None, 200, [TOKEN]),
    Call("GET /spend/users?user_id=ada", None, 200, [USER | {"user_id": "ada"}]),
    Call(
        f"GET /spend/tags?{DAYS}",
        None,
        200,
        [{"individual_request_tag": "ci", "log_count": 1, "total_spend": float}],
    ),
    Call("GET /spend/logs/session/ui?session_id=none", None, 200, {"data": [], "total": 0, "total_pages": 0}),
    Call("GET /spend/logs?api_key=$hash", None, 200, [{"request_id": str}], {"call": "0.request_id"}),
    Call("GET /spend/logs/ui/$call", None, 200, {"messages": Any, "response": Any}),
    Call(
        "POST /spend/calculate",
        {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}]},
        200,
        {"cost": float},
    ),
    Call("GET /global/spend/logs", None, 200, [{"date": "$day", "spend": float}]),
    Call("GET /global/spend/keys?limit=5", None, 200, [{"api_key": "$hash", "total_spend": float}]),
    Call("GET /global/spend/models", None, 200, [{"model": str, "total_spend": float}]),
    Call("GET /global/spend/teams", None, 200, {"daily_spend": list, "teams": list, "total_spend_per_team": list}),
    Call(f"GET /global/spend/provider?{DAYS}", None, 200, [{"provider": "openai", "spend": float}]),
    Call("GET /global/spend/tags", None, 200, {"spend_per_tag": [{"name": "ci", "spend": float, "log_count": 1}]}),
    Call("GET /global/spend/all_tag_names", None, 200, {"tag_names": ["ci"]}),
    Call("GET /global/spend", None, 200, {"spend": float, "max_budget": Amount}),
    Call(
        f"GET /global/activity?{DAYS}",
        None,
        200,
        {"daily_data": [{"date": str, "api_requests": 1, "total_tokens": int}]}
        | {"sum_api_requests": 1, "sum_total_tokens": int},
    ),
    Call(
        f"GET /global/activity/model?{DAYS}",
        None,
        200,
        [{"model": "gpt", "daily_data": [dict], "sum_api_requests": 1, "sum_total_tokens": int}],
    ),
    Call(
        f"GET /global/spend/report?{DAYS}",
        None,
        200,
        [
            {"group_by_day": str}
            | {
                "teams": [
                    {
                        "team_name": str,
                        "total_spend": float,
                        "metadata": [{"model": str, "spend": float, "total_tokens": int, "api_key": str}],
                    }
                ]
            }
        ],
    ),
    Call(
        f"GET /global/spend/report?{DAYS}&group_by=api_key&api_key=$key",
        None,
        200,
        [
            {"api_key": "$hash", "total_cost": float, "total_input_tokens": int, "total_output_tokens": int}
            | {"model_details": [{"model": str, "total_cost": float, "total_input_tokens": int}]}
        ],
    ),
    Call(f"GET /user/daily/activity?{DAYS}", None, 200, ACTIVITY),
    Call(f"GET /user/daily/activity/aggregated?{DAYS}", None, 200, ACTIVITY),
    Call(f"GET /team/daily/activity?{DAYS}&page=1&page_size=1000", None, 200, ACTIVITY),
    Call(f"GET /tag/daily/activity?{DAYS}&tags=ci", None, 200, ACTIVITY),
    Call(f"GET /organization/daily/activity?{DAYS}", None, 200, ACTIVITY),
    Call("GET /user/daily/activity", None, 400, error(400)),
    Call(
        "POST /key/$hash/reset_spend",
        {"reset_to": 0},
        200,
        {"key_hash": "$hash", "spend": 0.0, "previous_spend": float, "max_budget": 30.0, "budget_reset_at": Maybe},
    ),
]
END = [
    Call("POST /budget/delete", {"id": "shared"}, 400, error(400)),
    Call("POST /team/delete", {"team_ids": ["$team"]}, 200, {"deleted_teams": ["$team"]}),
    Call("DELETE /organization/delete", {"organization_ids": ["$org"]}, 200, [ORGANIZATION]),
    Call("POST /user/delete", {"user_ids": ["bob", "$grace"]}, 200, 2),
    Call("GET /key/info", None, 401, error(401, "auth_error"), by="grace_key"),
    Call("POST /global/spend/reset", {}, 200, {"message": str, "status": "success"}),
    Call("POST /tag/delete", {"name": "ci"}, 200, {"message": str}),
    Call("GET /audit", None, 200, dict),
]
