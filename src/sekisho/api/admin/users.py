"""/user/…: users, as LiteLLM's clients make, show and change them.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: whoever asks reaches the user;
lists hold what their asker reaches, and have a limit; no hash of a password is shown.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.key_changes import make_key
from sekisho.api.admin.key_fields import KeyFields, check_key_fields
from sekisho.api.admin.keyrows import made_key, token_row
from sekisho.api.admin.limit_fields import Name, NameList
from sekisho.api.admin.limit_rows import limit_row
from sekisho.api.admin.permissions import Role
from sekisho.api.admin.recount import recount
from sekisho.api.admin.services import AdminServices, Asked, Asker, Services
from sekisho.api.admin.teams import team_with_members
from sekisho.api.admin.user_changes import UserFields, change_user, make_user, reached_user, remove_users
from sekisho.api.admin.userrows import user_row
from sekisho.api.admin.visible import shown_to, visible_keys, visible_teams, visible_users
from sekisho.core.errors import CallerError, MalformedRequest
from sekisho.store.directory import KEYS, ORGANIZATION_MEMBERS, TEAM_MEMBERS, TEAMS, USERS, TeamRow, UserRow
from sekisho.store.edit import Edit
from sekisho.store.keys import KeyRow

router = APIRouter()

#: Keys, and teams, shown with one user.
KEYS_MAX, TEAMS_MAX = 500, 500
BULK_MAX = 500
#: Fields of the request that are the key's, not the user's.
_OF_THE_KEY = ("key_alias", "duration", "models", "aliases", "team_id", "key_type", "allowed_routes")
_SORTED_BY = {"created_at": "created_us", "spend": "spend_nano_usd"}
_ROLES = {
    Role.PROXY_ADMIN: "Administrator: may do everything",
    Role.PROXY_ADMIN_VIEWER: "Administrator who only looks: sees everything",
    Role.INTERNAL_USER: "User: makes and uses keys of their own",
    Role.INTERNAL_USER_VIEWER: "User who only looks: sees their own keys and spend",
}


class BulkUserUpdate(Body):
    """Users with what to set of each, or `all_users` and what to set of all."""

    users: Annotated[list[UserFields], Field(max_length=BULK_MAX)] | None = None
    all_users: bool | None = None
    user_updates: UserFields | None = None


class UserIds(Body):
    user_ids: Annotated[list[Name], Field(min_length=1, max_length=100)]


class UserListQuery(BaseModel):
    role: Role | None = None
    user_ids: NameList | None = None
    sso_user_ids: NameList | None = None
    user_email: Name | None = None
    team: Name | None = None
    organization_ids: NameList | None = None
    search: Name | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 25
    sort_by: Literal["user_id", "user_email", "created_at", "spend", "user_alias", "user_role"] = "created_at"
    sort_order: Literal["asc", "desc"] = "asc"


class UserFilterQuery(BaseModel):
    """Parameters of `/user/filter/ui`: parts of names."""

    user_id: Name | None = None
    user_email: Name | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 50


@router.post("/user/new")
async def new(body: UserFields, services: Services, asker: Asked) -> Response:
    """Make a user, and a key of theirs unless `auto_create_key` is false."""
    master = services.ring.master.key_hash

    def work(edit: Edit) -> tuple[UserRow, tuple[str, KeyRow] | None, list[TeamRow]]:
        user = make_user(edit, asker, body)
        made = make_key(edit, asker, _key_of(asker, body, user), master) if body.auto_create_key else None
        return user, made, _teams_of(edit.connection, asker, user.user_id)

    user, made, teams = await services.desk.edit(asker.actor, work)
    now_us = services.desk.now_us
    sent = body.model_dump(exclude_unset=True)
    shown: dict[str, Any] = {"key": None, "token": None, "key_name": None, "expires": None}
    if made is not None:
        shown = made_key(made[0], made[1], sent, now_us, None)
    shown |= limit_row(user.limits, now_us)
    shown |= user_row(user, now_us, teams=[team.team_id for team in teams])
    return answer(shown, body)


@router.post("/user/update")
async def update(body: UserFields, services: Services, asker: Asked) -> Response:
    """Change what the body names of a user, who is named by id or address; null unsets."""
    _check_named(body)
    user = await _updated(services, asker, body)
    return answer({"user_id": user.user_id, "data": await _shown(services, asker, user)}, body)


@router.post("/user/bulk_update")
async def bulk_update(body: BulkUserUpdate, services: Services, asker: Asked) -> Response:
    """Several updates, each of which stands for itself."""
    results = []
    for one in await _updates(services, body):
        told: dict[str, Any] = {"user_id": one.user_id, "user_email": one.user_email}
        try:
            _check_named(one)
            user = await _updated(services, asker, one)
            results.append(
                told | {"success": True, "error": None, "updated_user": user_row(user, services.desk.now_us)}
            )
        except CallerError as error:
            results.append(told | {"success": False, "error": error.info.message, "updated_user": None})
    done = sum(result["success"] for result in results)
    return answer(
        {
            "results": results,
            "total_requested": len(results),
            "successful_updates": done,
            "failed_updates": len(results) - done,
        },
        body,
    )


@router.post("/user/delete")
async def delete(body: UserIds, services: Services, asker: Asked) -> Response:
    """Delete users with their keys and memberships. Their rows in the ledger stay."""
    return answer(await services.desk.edit(asker.actor, lambda edit: remove_users(edit, asker, body.user_ids)), body)


@router.get("/user/info")
async def info(services: Services, asker: Asked, user_id: Annotated[Name | None, Query()] = None) -> Response:
    """A user with their keys and teams; without `user_id`, the caller."""
    await flushed(services.journal)
    name, now_us = user_id or asker.user_id, services.desk.now_us

    def read(connection: Connection) -> dict[str, Any]:
        if user_id is None and (name is None or USERS.get(connection, name) is None):
            return {"user_id": name, "user_info": None, "keys": [], "teams": []}  # the master key, or a service account
        row = reached_user(connection, asker, name)
        teams = {team.team_id: team for team in _teams_of(connection, asker, row.user_id)}
        keys = KEYS.find(connection, *_keys_of(asker, row), limit=KEYS_MAX)
        return {
            "user_id": row.user_id,
            "user_info": _user(connection, asker, row, list(teams), now_us),
            "keys": [
                token_row(key, now_us) | {"team_alias": teams[key.team_id].team_alias if key.team_id in teams else None}
                for key in keys
            ],
            "teams": [team_with_members(connection, team, now_us) for team in teams.values()],
        }

    return answer(await services.desk.read(read))


@router.get("/v2/user/info")
async def info_alone(services: Services, asker: Asked, user_id: Annotated[Name | None, Query()] = None) -> Response:
    """A user alone; without `user_id`, the caller."""
    await flushed(services.journal)

    def read(connection: Connection) -> dict[str, Any]:
        row = reached_user(connection, asker, user_id or asker.user_id)
        teams = [team.team_id for team in _teams_of(connection, asker, row.user_id)]
        return _user(connection, asker, row, teams, services.desk.now_us)

    return answer(await services.desk.read(read))


@router.get("/user/list")
async def list_users(services: Services, asker: Asked, wanted: Annotated[UserListQuery, Query()]) -> Response:
    """A page of the users that match."""
    conditions = [*visible_users(asker, USERS), *_matching(wanted)]

    def read(connection: Connection) -> tuple[list[dict[str, Any]], int]:
        rows = USERS.find(
            connection,
            *conditions,
            limit=wanted.page_size,
            offset=(wanted.page - 1) * wanted.page_size,
            sort_by=_SORTED_BY.get(wanted.sort_by, wanted.sort_by),
            ascending=wanted.sort_order == "asc",
        )
        return [_listed(connection, asker, row, services.desk.now_us) for row in rows], USERS.count(
            connection, *conditions
        )

    rows, total = await services.desk.read(read)
    return answer(
        {
            "users": rows,
            "total": total,
            "page": wanted.page,
            "page_size": wanted.page_size,
            "total_pages": -(-total // wanted.page_size),
        }
    )


@router.get("/user/filter/ui")
async def filter_users(services: Services, asker: Asked, wanted: Annotated[UserFilterQuery, Query()]) -> Response:
    """Users by a part of their id or address: those to choose from."""
    columns = USERS.table.c
    conditions = visible_users(asker, USERS)
    conditions += [_holds(columns[name], text) for name in ("user_id", "user_email") if (text := getattr(wanted, name))]
    offset = (wanted.page - 1) * wanted.page_size
    rows = await services.desk.read(
        lambda connection: USERS.find(connection, *conditions, limit=wanted.page_size, offset=offset)
    )
    return answer([{"user_id": row.user_id, "user_email": row.user_email} for row in rows])


@router.get("/user/available_users")
async def available_users(services: Services) -> Response:
    """How many users and teams there are, of as many as there may be: no licence bounds them."""
    users, teams = await services.desk.read(lambda connection: (USERS.count(connection), TEAMS.count(connection)))
    return answer(
        {
            "total_users": None,
            "total_users_used": users,
            "total_users_remaining": None,
            "total_teams": None,
            "total_teams_used": teams,
            "total_teams_remaining": None,
        }
    )


@router.get("/user/available_roles")
async def roles() -> Response:
    """The roles there are, and what each may do."""
    return answer({role.value: {"ui_label": role.value, "description": text} for role, text in _ROLES.items()})


def _key_of(asker: Asker, body: UserFields, user: UserRow) -> KeyFields:
    """The key that is made with a user: bound by the user's limits, which it does not repeat.

    Who administers an organisation reaches it there only, so there it belongs.
    """
    fields = {name: getattr(body, name) for name in _OF_THE_KEY if name in body.model_fields_set}
    if not asker.is_admin and body.organizations:
        fields["organization_id"] = body.organizations[0]
    key = KeyFields.model_validate(fields | {"user_id": user.user_id})
    check_key_fields(key)
    return key


async def _updates(services: AdminServices, body: BulkUserUpdate) -> list[UserFields]:
    """What is to be set of whom. Raises MalformedRequest for nobody, and for more than one answer tells."""
    if not body.all_users:
        if not body.users:
            raise MalformedRequest("Name the users in 'users', or say 'all_users'.", param="users")
        return body.users
    if body.user_updates is None:
        raise MalformedRequest("'user_updates' is missing: what to set of all users.", param="user_updates")
    rows = await services.desk.read(lambda connection: USERS.find(connection, limit=BULK_MAX + 1))
    if len(rows) > BULK_MAX:
        raise MalformedRequest(f"There are more than {BULK_MAX} users: name them in 'users'.", param="all_users")
    wanted = body.user_updates.model_dump(exclude_unset=True)
    return [UserFields.model_validate(wanted | {"user_id": row.user_id}) for row in rows]


def _check_named(body: UserFields) -> None:
    if not body.user_id and not body.user_email:
        raise MalformedRequest("Name the user by 'user_id' or 'user_email'.", param="user_id")


async def _updated(services: AdminServices, asker: Asker, sent: UserFields) -> UserRow:
    user = await services.desk.edit(asker.actor, lambda edit: change_user(edit, asker, sent))
    if sent.spend is not None:
        await recount(services, "user", user.user_id, user.limits)
    return user


async def _shown(services: AdminServices, asker: Asker, user: UserRow) -> dict[str, Any]:
    def read(connection: Connection) -> dict[str, Any]:
        teams = [team.team_id for team in _teams_of(connection, asker, user.user_id)]
        return _user(connection, asker, user, teams, services.desk.now_us)

    return await services.desk.read(read)


def _user(connection: Connection, asker: Asker, row: UserRow, teams: list[str], now_us: int) -> dict[str, Any]:
    members = ORGANIZATION_MEMBERS.table.c
    conditions = [members.user_id == row.user_id]
    if not asker.sees_all:
        conditions.append(members.organization_id.in_(sorted(asker.standing.organizations)))
    organizations = ORGANIZATION_MEMBERS.find(connection, *conditions, limit=TEAMS_MAX)
    shown = shown_to(asker, row) if row.user_id == asker.user_id else row
    return user_row(shown, now_us, teams=teams, organizations=organizations)


def _listed(connection: Connection, asker: Asker, row: UserRow, now_us: int) -> dict[str, Any]:
    teams = [team.team_id for team in _teams_of(connection, asker, row.user_id)]
    return user_row(row, now_us, teams=teams) | {"key_count": KEYS.count(connection, *_keys_of(asker, row))}


def _teams_of(connection: Connection, asker: Asker, user_id: str) -> list[TeamRow]:
    """The user's teams, as far as the asker sees them."""
    members = TEAM_MEMBERS.table.c
    named = select(members.team_id).where(members.user_id == user_id)
    return TEAMS.find(connection, TEAMS.table.c.team_id.in_(named), *visible_teams(asker), limit=TEAMS_MAX)


def _keys_of(asker: Asker, row: UserRow) -> list[ColumnElement[bool]]:
    """That a key is the user's, and one that the asker sees."""
    return [KEYS.table.c.user_id == row.user_id, *visible_keys(asker, whole=True)]


def _matching(wanted: UserListQuery) -> list[ColumnElement[bool]]:
    columns = USERS.table.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.role is not None:
        conditions.append(columns.user_role == wanted.role.value)
    names = _split(wanted.user_ids)
    if len(names) == 1:
        conditions.append(columns.user_id.contains(names[0], autoescape=True))
    elif names:
        conditions.append(columns.user_id.in_(names))
    if wanted.sso_user_ids:
        conditions.append(columns.sso_user_id.in_(_split(wanted.sso_user_ids)))
    if wanted.user_email:
        conditions.append(_holds(columns.user_email, wanted.user_email))
    if wanted.search:
        texts = (columns.user_id, columns.user_email, columns.user_alias)
        conditions.append(or_(*(_holds(column, wanted.search) for column in texts)))
    if wanted.team:
        members = TEAM_MEMBERS.table.c
        conditions.append(columns.user_id.in_(select(members.user_id).where(members.team_id == wanted.team)))
    if wanted.organization_ids:
        of = ORGANIZATION_MEMBERS.table.c
        named = select(of.user_id).where(of.organization_id.in_(_split(wanted.organization_ids)))
        conditions.append(columns.user_id.in_(named))
    return conditions


def _holds(column: Any, text: str) -> ColumnElement[bool]:
    """Whether a column holds this text, upper or lower case."""
    found: ColumnElement[bool] = func.lower(column).contains(text.lower(), autoescape=True)
    return found


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()][:500]
