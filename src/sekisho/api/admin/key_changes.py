"""What is done to keys, inside one transaction.

Flows in: an `Edit`, who asks, the fields that were sent. Flows out: rows. Must stay true: nobody makes, moves or
changes a key into a place that they do not reach; who holds a key but does not lead its team cannot take off what
others have laid on it; the key itself is stored nowhere.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from sqlalchemy import and_, or_
from sqlalchemy.engine import Connection

from sekisho.api.admin.access import Owner, check_may_touch, leads
from sekisho.api.admin.forgive import set_back
from sekisho.api.admin.key_fields import KeyFields, RegenerateFields, expiry_us, key_columns
from sekisho.api.admin.permissions import RULES, Reach
from sekisho.api.admin.references import check_member, check_references
from sekisho.api.admin.services import Asker
from sekisho.core.errors import Forbidden, MalformedRequest
from sekisho.identity.keys import KEY_BYTES, PREFIX, UnknownKey, hash_of, token_hash
from sekisho.identity.scopes import Scope
from sekisho.store.directory import ACCESS_KEYS, KEYS, TEAMS
from sekisho.store.edit import Edit
from sekisho.store.keys import KeyRow, alias_is_taken
from sekisho.store.tokens import find_key, is_taken, rotate

#: What who does not lead may neither set nor take off, what they may not change once the key is made, and what only on
#: keys of their own making.
_LEADERS_ONLY = ("spend_nano_usd", "organization_id", "budget_id")
_FIXED_WHEN_MADE = ("blocked", "user_id")
_MAKERS_ONLY = (
    "limits",
    "models",
    "aliases",
    "allowed_routes",
    "key_type",
    "blocked",
    "expires_us",
    "team_id",
    "project_id",
)
_MAKING = next(rule for rule in RULES if rule.path == "/key/generate")
#: Names in the metadata by which calls are bound.
_BINDING_METADATA = ("residency", "tags")


def owner_of_key(connection: Connection, row: KeyRow) -> Owner:
    """Whose a key is."""
    return _owner(connection, {}, row)


def named_key(connection: Connection, name: str) -> KeyRow:
    """The key named by itself or by a hash of it. Raises UnknownKey."""
    row = find_key(connection, hash_of(name))
    if row is None:
        raise UnknownKey("This key does not exist: name a key by itself (sk-…) or by its hash.", param="key")
    return row


def reached_key(connection: Connection, asker: Asker, name: str) -> KeyRow:
    """The same. Raises Forbidden when the asker does not reach it; of what does not exist too, to those."""
    row = find_key(connection, hash_of(name))
    if row is None and not asker.sees_all:
        raise Forbidden("This belongs to others: your role does not reach it. Ask your administrator.", param="key")
    row = named_key(connection, name)
    asker.check(owner_of_key(connection, row))
    return row


def make_key(
    edit: Edit, asker: Asker, sent: KeyFields, master_hash: str, *, for_user: bool = True
) -> tuple[str, KeyRow]:
    """A new key and its row. `for_user`: it is the asker's own where the body names no user."""
    fields = key_columns(sent, None, edit.now_us)
    if for_user and not asker.is_admin:
        fields.setdefault("user_id", asker.user_id)
    check_references(edit, asker, fields, None)
    wanted = _owner(edit.connection, fields, None)
    reach = asker.check(wanted)
    check_member(edit.connection, asker, wanted)
    _check_leaders_only(reach, fields, None)
    if for_user and not leads(reach):
        fields["user_id"] = asker.user_id  # also where null was sent: nobody's keys outlive their maker in the team
    key = sent.key or PREFIX + secrets.token_urlsafe(KEY_BYTES)
    _check_free(edit.connection, key, master_hash)
    _check_alias(edit.connection, fields.get("key_alias"), None)
    fields["created_by"] = asker.standing.name  # an administrator in another's name does not make it theirs to change
    return key, edit.add(KEYS, token=token_hash(key), key_name=shown_name(key), **fields)


def change_key(edit: Edit, asker: Asker, name: str, sent: KeyFields) -> KeyRow:
    """Set what was sent of it."""
    present = reached_key(edit.connection, asker, name)
    fields = key_columns(sent, present, edit.now_us)
    return _changed(edit, asker, present, fields)


def block_key(edit: Edit, asker: Asker, name: str, *, blocked: bool) -> KeyRow:
    """Refuse its calls from now on, or let them pass again."""
    present = reached_key(edit.connection, asker, name)
    return edit.change(KEYS, present, {"blocked": blocked}, "blocked" if blocked else "unblocked")


def regenerate_key(edit: Edit, asker: Asker, name: str, sent: RegenerateFields, master_hash: str) -> tuple[str, KeyRow]:
    """A new secret for the same key: alias, limits, spend and history stay. Its access keys end with the former one."""
    present = reached_key(edit.connection, asker, name)
    key = sent.new_key or PREFIX + secrets.token_urlsafe(KEY_BYTES)
    _check_free(edit.connection, key, master_hash)
    until_us = expiry_us(sent.grace_period, edit.now_us, "grace_period") or edit.now_us
    columns = rotate(edit.connection, present, token_hash(key), now_us=edit.now_us, until_us=until_us)
    _end_access_keys(edit, present.token, until_us)
    fields = key_columns(sent, present, edit.now_us)
    row = _changed(edit, asker, present, fields) if fields else present
    return key, edit.change(KEYS, row, columns | {"key_name": shown_name(key)}, "rotated")


def remove_keys(edit: Edit, asker: Asker, names: list[str], aliases: list[str]) -> list[KeyRow]:
    """Delete these keys: all, or none where one is unknown or not reached."""
    found = [find_key(edit.connection, hash_of(name)) for name in names]
    for alias in aliases:
        found += KEYS.find(edit.connection, KEYS.table.c.key_alias == alias, limit=1) or [None]
    missing = sum(row is None for row in found)
    if missing and asker.sees_all:
        raise UnknownKey(f"{missing} of the named keys do not exist; none was deleted.", param="keys")
    if missing:
        raise Forbidden("A key that you named is not yours; none was deleted.", param="keys")
    rows = {row.token: row for row in found if row is not None}
    for row in rows.values():
        asker.check(owner_of_key(edit.connection, row))
    for token in sorted(rows):
        edit.remove(KEYS, rows[token])
    return list(rows.values())


def reset_spend(edit: Edit, asker: Asker, name: str, to_nano_usd: int) -> tuple[KeyRow, KeyRow]:
    """(before, after). Raises MalformedRequest for more than was spent, or than the budget."""
    present = reached_key(edit.connection, asker, name)
    budget = present.limits.max_budget_nano_usd
    if to_nano_usd > present.spend_nano_usd or (budget is not None and to_nano_usd > budget):
        message = "'reset_to' must lie between 0 and what the key has spent, and within its budget."
        raise MalformedRequest(message, param="reset_to")
    scope = Scope(kind="key", id=present.token, limits=present.limits)
    limits = set_back(edit.connection, scope, present.budget_id, to_nano_usd, edit.now_us)
    return present, edit.change(KEYS, present, {"spend_nano_usd": to_nano_usd, "limits": limits})


def shown_name(key: str) -> str:
    """What is shown of a key: enough to tell it from others."""
    return f"{PREFIX}...{key[-4:]}"


def _end_access_keys(edit: Edit, token: str, until_us: int) -> None:
    """Pairs by which the key is used end at this time, unless they end earlier; those that have ended are removed."""
    table = ACCESS_KEYS.table.c
    edit.remove_all(ACCESS_KEYS, and_(table.key_hash == token, table.until_us <= edit.now_us))
    lasting = and_(table.key_hash == token, or_(table.until_us.is_(None), table.until_us > until_us))
    while rows := ACCESS_KEYS.find(edit.connection, lasting, limit=500):
        for row in rows:
            ACCESS_KEYS.update(edit.connection, row, {"until_us": until_us})
            edit.record(ACCESS_KEYS, "updated", row, msgspec.structs.replace(row, until_us=until_us))


def _changed(edit: Edit, asker: Asker, present: KeyRow, fields: dict[str, Any]) -> KeyRow:
    check_references(edit, asker, fields, present)
    wanted = _owner(edit.connection, fields, present)
    reach = asker.check(owner_of_key(edit.connection, present)) & asker.check(wanted)
    if wanted.team_id not in {None, present.team_id} and not leads(reach):
        check_may_touch(asker.standing, _MAKING, wanted)  # who may not make a key there moves none into it
    if {"team_id", "user_id", "organization_id"} & fields.keys():
        check_member(edit.connection, asker, wanted)
    _check_leaders_only(reach, fields, present)
    if not leads(reach) and present.created_by != asker.user_id:
        _check_makers_only(present, fields)
    _check_alias(edit.connection, fields.get("key_alias"), present.token)
    return edit.change(KEYS, present, fields)


def _owner(connection: Connection, fields: dict[str, Any], present: KeyRow | None) -> Owner:
    """Whose a key of these fields is. Its organisation is its own, or its team's."""

    def column(name: str) -> str | None:
        value: str | None = fields[name] if name in fields else getattr(present, name, None)
        return value

    team = TEAMS.get(connection, column("team_id") or "")
    organizations = {column("organization_id"), None if team is None else team.organization_id}
    return Owner(
        user_id=column("user_id"),
        team_id=column("team_id"),
        organization_ids=frozenset(name for name in organizations if name),
        key_hash=None if present is None else present.token,
    )


def _check_leaders_only(reach: Reach, fields: dict[str, Any], present: KeyRow | None) -> None:
    if leads(reach):
        return
    names = [
        name for name in _LEADERS_ONLY if name in fields and {fields[name], getattr(present, name, None)} != {None}
    ]
    if present is not None:
        names += [name for name in _FIXED_WHEN_MADE if name in fields and fields[name] != getattr(present, name)]
    if names:
        raise Forbidden(f"Your role may not set '{names[0].removesuffix('_nano_usd')}'. Ask your administrator.")


def _check_makers_only(present: KeyRow, fields: dict[str, Any]) -> None:
    changed = [name for name in _MAKERS_ONLY if name in fields and fields[name] != getattr(present, name)]
    metadata = fields.get("metadata", present.metadata)
    changed += [f"metadata.{name}" for name in _BINDING_METADATA if metadata.get(name) != present.metadata.get(name)]
    if changed:
        message = "Others made this key: its limits and its place are theirs to change. Ask your administrator."
        raise Forbidden(message, param=changed[0])


def _check_free(connection: Connection, key: str, master_hash: str) -> None:
    if not key.startswith(PREFIX) or len(key) == len(PREFIX):
        raise MalformedRequest(f"'key' must begin with '{PREFIX}': choose another, or leave it out.", param="key")
    token = token_hash(key)
    if token == master_hash or is_taken(connection, token):
        raise MalformedRequest("'key' is taken: choose another, or leave it out.", param="key")


def _check_alias(connection: Connection, alias: str | None, token: str | None) -> None:
    if alias is not None and alias_is_taken(connection, alias, token):
        raise MalformedRequest(f"Another key has the alias '{alias}': choose another key_alias.", param="key_alias")
