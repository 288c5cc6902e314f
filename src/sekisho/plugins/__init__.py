"""What a company's own code imports of Sekisho. These names stay as they are from release to release."""

from __future__ import annotations

from sekisho.plugins.authentication import Refused, UserAPIKeyAuth, UserRole

__all__ = ["Refused", "UserAPIKeyAuth", "UserRole"]
