"""Paths of LiteLLM's management API that this gateway does not serve on purpose, and why.

Flows in: a path. Flows out: a sentence for who asks for it (a 404), or nothing. Must stay true: each line says what to
do instead, or that there is nothing to do; docs/management.md lists them.
"""

from __future__ import annotations

import re

_FILE = "The configuration file owns this: change it there, and send the gateway SIGHUP."
_SIGN_ON = "People show keys to this version: it has no passwords, invitations or single sign-on."
_GUARDRAILS = "This version inspects no contents."
_CALLBACKS = "This version sends calls to no logging services: /spend/logs/v2 has them."
_PROBES = (
    "Nothing is probed: /health tells how calls to the providers go, /health/readiness whether the gateway serves."
)
_NO_CACHE = "Answers are not kept: there is no cache of them to ask about or to empty."

#: (path, with all that is below it; `{id}` is any name) -> why.
NOT_OFFERED: tuple[tuple[str, str], ...] = (
    ("/config", _FILE),
    ("/get/config", _FILE),
    ("/settings", _FILE),
    ("/get/internal_user_settings", _FILE),
    ("/update/internal_user_settings", _FILE),
    ("/get/default_team_settings", _FILE),
    ("/update/default_team_settings", _FILE),
    ("/get/ui_theme_settings", "There is no console to set colours for."),
    ("/fallback", f"Fallbacks are `router_settings`. {_FILE}"),
    ("/access_group", "Models are granted by name, or by a wildcard like openai/*, in `models`."),
    ("/model_group/make_public", "Models are shown to keys that may use them, and to nobody else."),
    ("/team/{id}/callback", _CALLBACKS),
    ("/team/{id}/disable_logging", _CALLBACKS),
    ("/active/callbacks", _CALLBACKS),
    ("/health/services", _PROBES),
    ("/health/history", _PROBES),
    ("/health/latest", _PROBES),
    ("/health/backlog", "Calls in flight are not counted for one to ask: `max_parallel_requests` bounds them."),
    ("/test", _PROBES),
    ("/cache", _NO_CACHE),
    ("/global/activity/cache_hits", _NO_CACHE),
    ("/global/activity/exceptions", "/spend/logs/v2?status_filter=failure has each failed call."),
    ("/global/predict", "Nothing is foretold: /global/spend/logs has what was spent, day by day."),
    ("/provider/budgets", "Providers have no budgets here; whoever calls them has, and tags have."),
    ("/agent", "There are no agents to budget: a key, a user, a tag or a team stands for one."),
    ("/guardrails", _GUARDRAILS),
    ("/v2/guardrails", _GUARDRAILS),
    ("/policies", _GUARDRAILS),
    ("/prompts", "Prompts are kept where they are used: there are none here."),
    ("/sso", _SIGN_ON),
    ("/login", _SIGN_ON),
    ("/v2/login", _SIGN_ON),
    ("/invitation", _SIGN_ON),
    ("/onboarding", _SIGN_ON),
    ("/scim", _SIGN_ON),
    ("/jwt", _SIGN_ON),
)
_PATTERNS = tuple(
    (re.compile(re.escape(path).replace(r"\{id\}", "[^/]+") + r"(/.*)?"), why) for path, why in NOT_OFFERED
)


def why_not_offered(path: str) -> str | None:
    """What to tell who asks for this path; None for a path that nobody knows."""
    return next((why for pattern, why in _PATTERNS if pattern.fullmatch(path)), None)
