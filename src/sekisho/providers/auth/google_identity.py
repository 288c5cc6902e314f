"""Who a deployment is at Google Cloud, as the configuration or a file says it.

Flows in: a credential file's path or text. Flows out: a value, and the project that the file names. Must stay true:
nobody is asked over the network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from sekisho.core.secret import Secret

#: The keys of a credential file that name its project, the first that is set.
_PROJECT_KEYS: Final = ("project_id", "quota_project_id")
#: Where gcloud keeps a user's own credentials, below the home directory.
_USER_FILE: Final = ".config/gcloud/application_default_credentials.json"


class GoogleIdentity(msgspec.Struct, frozen=True):
    """Whose tokens they are. `credentials` is a file's path or its text; without it, what the machine gives."""

    credentials: Secret | None = None

    def project(self) -> str | None:
        """The project that the credentials belong to, as far as a file tells it; nobody is asked over the network."""
        try:
            info = read_file(self.credentials or Secret(str(Path.home() / _USER_FILE)))
        except (OSError, ValueError):
            return None
        return next((str(info[key]) for key in _PROJECT_KEYS if info.get(key)), None)


def read_file(credentials: Secret) -> dict[str, Any]:
    """The content of a credential file, from its text or its path. Raises OSError or ValueError."""
    text = credentials.reveal().strip()
    if not text.startswith("{"):
        text = Path(text).expanduser().read_text()
    return msgspec.json.decode(text, type=dict[str, Any])
