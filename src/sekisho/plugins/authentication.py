"""The words in which a company's own function says who calls: LiteLLM's, so that its users' files run as they are.

Flows in: what the function knows. Flows out: a value that identity/custom reads. Must stay true: a field that is not
given is None, and binds nobody; what is given and means nothing here is named in the log, never obeyed by halves.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class UserRole(StrEnum):
    """LiteLLM's `LitellmUserRoles`: what a caller may do in the management API."""

    PROXY_ADMIN = "proxy_admin"
    PROXY_ADMIN_VIEW_ONLY = "proxy_admin_viewer"
    ORG_ADMIN = "org_admin"
    INTERNAL_USER = "internal_user"
    INTERNAL_USER_VIEW_ONLY = "internal_user_viewer"
    TEAM = "team"
    CUSTOMER = "customer"


class UserAPIKeyAuth:
    """Who calls and what binds them, by LiteLLM's field names (docs/authentication.md lists them). Money is USD."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        """A field that was not given."""
        if name.startswith("_"):
            raise AttributeError(name)
        return None

    def __repr__(self) -> str:
        """Without values: one of them may be a key."""
        return f"UserAPIKeyAuth({', '.join(sorted(vars(self)))})"


class Refused(Exception):
    """The function does not let the caller in, and `message` may be shown to them. `status` is 400, 401, 403 or 429."""

    def __init__(self, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
