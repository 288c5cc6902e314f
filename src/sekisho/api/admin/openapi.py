"""GET /openapi.json: the management API described, for programs that make clients or test.

Flows in: the routes of the running application, and the classes that read its requests. Flows out: an OpenAPI 3.1
document. Must stay true: nothing in it is written by hand but what holds for every path; it is shown to every key that
may ask the management API anything, and to nobody else.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi

from sekisho import __version__
from sekisho.api.admin.fields import answer

router = APIRouter()

PATH = "/openapi.json"
ABOUT = (
    "Paths, fields and answers of LiteLLM's management API, and a few of our own below /sekisho/v1. An absent field "
    "stays as it is, null unsets it; fields that nobody knows are named in the header x-sekisho-unknown-fields."
)
_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {"message": _TEXT, "type": _TEXT, "param": {"type": ["string", "null"]}, "code": _TEXT},
        }
    },
}
_FAILED = {
    "description": "What is wrong, with the field at fault in `param`.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


@router.get(PATH, include_in_schema=False)
async def document(request: Request) -> Response:
    """The document; made when it is first asked for, in a thread: it takes a while."""
    app: FastAPI = request.app
    if app.openapi_schema is None:
        app.openapi_schema = await asyncio.to_thread(described, app)
    return answer(app.openapi_schema)


def described(app: FastAPI) -> dict[str, Any]:
    """The document of an application's routes."""
    made = get_openapi(title=app.title, version=__version__, description=ABOUT, routes=app.routes)
    for operations in made["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # FastAPI's own; ours are below
            operation["responses"]["default"] = _FAILED
    components = made["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["schemas"]["Error"] = _ERROR
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return made | {"security": [{"key": []}]}
