"""Which prompt-cache marks a call gets, and their way into its request.

Flows in: the configuration's rules, a deployment's entry, the key's alias. Flows out: points; and the request or body
with marks, where its dialect has any. Must stay true: a dialect without marks is left as it is; a call that no rule
names costs nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from sekisho.canonical.cache_marks import MarkPoint, mark_request
from sekisho.canonical.request import Request
from sekisho.canonical.target import Profile
from sekisho.config.model import InjectionPoint, ModelEntry
from sekisho.config.sections import CacheMarks
from sekisho.wire.anthropic_messages import marks as anthropic
from sekisho.wire.bedrock_converse import marks as converse
from sekisho.wire.json_edit import JsonObject

ANTHROPIC, CONVERSE = "anthropic-messages", "bedrock-converse"


def points_for(rules: Sequence[CacheMarks], entry: ModelEntry, key_alias: str | None) -> tuple[MarkPoint, ...]:
    """The points of a call: those of its deployment, else of the first rule that fits; none where nothing does."""
    if entry.params.cache_control_injection_points:
        return tuple(_injected(point) for point in entry.params.cache_control_injection_points)
    rule = next((rule for rule in rules if _fits(rule, entry.model_name, key_alias)), None)
    return () if rule is None else _points_of(rule)


def in_body(shape: str, body: JsonObject, points: Sequence[MarkPoint], profile: Profile) -> dict[str, bytes]:
    """For a body that passes unchanged: its keys that get marks -> their new value, for `JsonObject.edited`."""
    if points and shape == ANTHROPIC:
        return anthropic.mark_body(body, points)
    if points and shape == CONVERSE:
        return converse.mark_body(body, points, profile.cache_points)
    return {}


def in_request(shape: str, request: Request, points: Sequence[MarkPoint]) -> Request:
    """For a request that will be translated into `shape`."""
    return mark_request(request, points) if points and shape in (ANTHROPIC, CONVERSE) else request


def _fits(rule: CacheMarks, model: str, key_alias: str | None) -> bool:
    named = not rule.models or any(fnmatchcase(model, pattern) for pattern in rule.models)
    return named and (not rule.keys or key_alias in rule.keys)


def _points_of(rule: CacheMarks) -> tuple[MarkPoint, ...]:
    points = []
    if rule.tools:
        points.append(MarkPoint(tools=True, ttl=rule.ttl))
    if rule.system:
        points.append(MarkPoint(role="system", last=1, ttl=rule.ttl))
    if rule.last_messages:
        points.append(MarkPoint(role="user", last=rule.last_messages, ttl=rule.ttl))
    return tuple(points)


def _injected(point: InjectionPoint) -> MarkPoint:
    ttl = point.control.ttl
    if point.location == "tool_config":
        return MarkPoint(tools=True, ttl=ttl)
    return MarkPoint(role=point.role, index=point.index, ttl=ttl)
