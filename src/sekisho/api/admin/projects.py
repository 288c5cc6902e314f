"""/project/…: projects of teams, with models and limits of their own.

Flows in: requests that passed the gate. Flows out: answers in LiteLLM's manner. Must stay true: a project stays in the
team that it was made in; a deleted one leaves no key behind in it.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, Described, Names, UnknownObject, answer, described, plain, refuse_unenforced
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.services import Asked, Asker, Services
from sekisho.api.admin.team_changes import owner_of_team, reached_team
from sekisho.api.admin.teamrows import project_row
from sekisho.api.admin.visible import visible_teams
from sekisho.core.errors import Forbidden, MalformedRequest
from sekisho.core.ids import new_uuid7
from sekisho.store.directory import KEYS, PROJECTS, TEAMS, ProjectRow
from sekisho.store.edit import Edit
from sekisho.store.limits import NO_LIMITS

router = APIRouter()

PROJECTS_MAX = 1_000


class ProjectFields(Described):
    project_id: Name | None = None
    project_alias: Name | None = None
    team_id: Name | None = None
    models: Names | None = None
    blocked: bool | None = None


class ProjectIds(Body):
    project_ids: Annotated[list[Name], Field(min_length=1, max_length=100)]


def reached_project(connection: Connection, asker: Asker, project_id: str) -> ProjectRow:
    """The project of this name. Raises Forbidden, known or not, where the asker does not reach its team."""
    row = PROJECTS.get(connection, project_id)
    team = None if row is None else TEAMS.get(connection, row.team_id or "")
    if team is not None:
        asker.check(owner_of_team(team))
    elif not asker.sees_all:
        raise Forbidden("This belongs to others: your role does not reach it. Ask your administrator.")
    if row is None:
        raise UnknownObject("project_id", "project")
    return row


@router.post("/project/new")
async def new(body: ProjectFields, services: Services, asker: Asked) -> Response:
    """Make a project in a team."""
    refuse_unenforced(body)
    team_id = body.team_id
    if not team_id:
        raise MalformedRequest("'team_id' is missing: a project belongs to a team.", param="team_id")

    def work(edit: Edit) -> ProjectRow:
        team, _ = reached_team(edit.connection, asker, team_id)
        project_id = body.project_id or new_uuid7()
        if PROJECTS.get(edit.connection, project_id) is not None:
            raise MalformedRequest("'project_id' is taken: choose another, or leave it out.", param="project_id")
        return edit.add(PROJECTS, project_id=project_id, team_id=team.team_id, **_columns(body, None))

    row = await services.desk.edit(asker.actor, work)
    return answer(project_row(row, services.desk.now_us), body)


@router.post("/project/update")
async def update(body: ProjectFields, services: Services, asker: Asked) -> Response:
    """Change what the body names; null unsets."""
    refuse_unenforced(body)

    def work(edit: Edit) -> ProjectRow:
        present = reached_project(edit.connection, asker, body.project_id or "")
        if body.team_id not in {None, present.team_id}:
            raise MalformedRequest("A project stays in its team: make another one there.", param="team_id")
        return edit.change(PROJECTS, present, _columns(body, present))

    row = await services.desk.edit(asker.actor, work)
    return answer(project_row(row, services.desk.now_us), body)


@router.post("/project/delete")
async def delete(body: ProjectIds, services: Services, asker: Asked) -> Response:
    """Delete projects with their keys."""

    def work(edit: Edit) -> list[ProjectRow]:
        rows = [reached_project(edit.connection, asker, name) for name in dict.fromkeys(body.project_ids)]
        for row in rows:
            edit.remove_all(KEYS, KEYS.table.c.project_id == row.project_id)
            edit.remove(PROJECTS, row)
        return rows

    rows = await services.desk.edit(asker.actor, work)
    return answer([project_row(row, services.desk.now_us) for row in rows], body)


@router.get("/project/info")
async def info(services: Services, asker: Asked, project_id: Annotated[Name, Query()]) -> Response:
    """One project."""
    await flushed(services.journal)
    row = await services.desk.read(lambda connection: reached_project(connection, asker, project_id))
    return answer(project_row(row, services.desk.now_us))


@router.get("/project/list")
async def list_projects(services: Services, asker: Asked, team_id: Annotated[Name | None, Query()] = None) -> Response:
    """The projects of the asker's teams, up to a limit."""
    conditions: list[ColumnElement[bool]] = []
    if visible := visible_teams(asker):
        conditions.append(PROJECTS.table.c.team_id.in_(select(TEAMS.table.c.team_id).where(*visible)))
    if team_id is not None:
        conditions.append(PROJECTS.table.c.team_id == team_id)
    rows = await services.desk.read(lambda connection: PROJECTS.find(connection, *conditions, limit=PROJECTS_MAX))
    return answer([project_row(row, services.desk.now_us) for row in rows])


def _columns(sent: ProjectFields, present: ProjectRow | None) -> dict[str, Any]:
    fields = plain(sent, "project_alias", "models", "blocked")
    metadata, limits = ({}, NO_LIMITS) if present is None else (present.metadata, present.limits)
    return fields | described(sent, metadata, limits)
