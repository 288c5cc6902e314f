"""Where a deployment on Vertex AI is: project, location, and the host that serves the location.

Flows in: `litellm_params`. Flows out: the host, the values of the paths, Google's credentials. Must stay true: the
hosts of the locations that are no region stand in a table; an API key goes to the express paths, which have no project.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Final
from urllib.parse import quote

from sekisho.providers.auth.authority import StaticKey
from sekisho.providers.auth.google import google_authority
from sekisho.providers.auth.google_identity import GoogleIdentity
from sekisho.providers.plain import without
from sekisho.providers.provider import Asked, Place

#: LiteLLM's location where nobody names one.
_LOCATION: Final = "us-central1"
_GLOBAL: Final = "https://aiplatform.googleapis.com"
#: The locations whose host does not begin with their name.
_HOSTS: Final = {
    "global": _GLOBAL,
    "us": "https://aiplatform.us.rep.googleapis.com",
    "eu": "https://aiplatform.eu.rep.googleapis.com",
}
_LOCATION_NAME: Final = re.compile(r"[a-z]+(-[a-z]+\d+)?")


def place(asked: Asked) -> Place:
    """Vertex AI in one location, or its express mode."""
    params = asked.params
    model = asked.model.removeprefix("gemini/")  # LiteLLM's way to say that an endpoint's number is a Gemini model
    credentials = params.vertex_credentials or asked.secret(
        "VERTEXAI_CREDENTIALS", "VERTEX_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"
    )
    if params.api_key is not None and params.vertex_credentials is None:
        return Place(
            base_url=_address(asked, _GLOBAL),
            model=model,
            pinned=asked.pinned,
            values={"express": ""},
            authority=StaticKey(params.api_key, "x-goog-api-key"),
        )
    identity = GoogleIdentity(credentials=credentials)
    project = (
        params.vertex_project
        or asked.variable("VERTEXAI_PROJECT", "VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT")
        or identity.project()
    )
    location = (
        params.vertex_location
        or asked.variable("VERTEXAI_LOCATION", "VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION")
        or _LOCATION
    )
    host = _HOSTS.get(location) or asked.provider.base_url.format(location=location)
    return Place(
        base_url=_address(asked, host),
        model=model,
        pinned=asked.pinned,
        region=location,
        account=project,
        values={"project": quote(project or "", safe=""), "location": quote(location, safe="")},
        authority=google_authority(identity),
        lack=_lack(project, location),
    )


def _address(asked: Asked, public: str) -> str:
    return without((asked.own_address or public).rstrip("/"), "/v1", "/v1beta1")


def _lack(project: str | None, location: str) -> str | None:
    if not _LOCATION_NAME.fullmatch(location):
        return "has a vertex_location that is no location of Google Cloud."
    if project is None:
        return "has no project: set vertex_project or VERTEXAI_PROJECT; the credentials do not tell it."
    if find_spec("google") is None or find_spec("google.auth") is None:
        return "needs Google's credentials: install sekisho[google]."
    return None
