"""The management API as an ASGI application.

Flows in: requests of operators and their scripts. Flows out: LiteLLM's answers, and our own under
/sekisho/v1. Must stay true: it is imported when it
is first asked for; nothing is read of a body before its sender is known; every failure has LiteLLM's error shape.
"""

from __future__ import annotations

from fastapi import FastAPI

from sekisho.api.admin import (
    activity,
    audit,
    aws_credentials,
    budgets,
    costs,
    credentials,
    customers,
    global_spend,
    key_lists,
    keys,
    me,
    models,
    openapi,
    organizations,
    pools,
    projects,
    reports,
    spend,
    tags,
    team_members,
    teams,
    usage,
    users,
)
from sekisho.api.admin.desk import Desk
from sekisho.api.admin.gate import Asgi, Gate
from sekisho.api.admin.problems import HANDLERS
from sekisho.api.admin.services import AdminServices

__all__ = ["AdminServices", "Desk", "build_admin"]

MODULES = (
    keys,
    key_lists,
    users,
    teams,
    team_members,
    projects,
    organizations,
    budgets,
    customers,
    tags,
    pools,
    spend,
    reports,
    global_spend,
    costs,
    activity,
    usage,
    me,
    audit,
    models,
    credentials,
    aws_credentials,
    openapi,
)
#: A body of the management API: metadata and lists of models, no prompts.
BODY_BYTES = 1024 * 1024


def build_admin(services: AdminServices) -> Asgi:
    """The application, behind its gate."""
    app = FastAPI(
        title="Sekisho management API",
        openapi_url=None,
        exception_handlers=HANDLERS,
        strict_content_type=False,
        max_body_size=BODY_BYTES,
        redirect_slashes=False,
    )
    app.state.services = services
    for module in MODULES:
        app.include_router(module.router)
    return Gate(app, services)
