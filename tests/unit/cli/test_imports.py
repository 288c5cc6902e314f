from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sekisho.cli.imports import app
from sekisho.core.envelope import Envelope
from sekisho.identity.keys import token_hash
from sekisho.providers.stored import PURPOSE
from sekisho.store.db import Database
from sekisho.store.directory import (
    BUDGETS,
    END_USERS,
    KEYS,
    MODELS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)
from sekisho.store.edit import Edit
from sekisho.store.migrate import ensure_schema
from sekisho.store.tokens import find_key
from tests.support.litellm_tables import SALT, LiteLLM, boxed, sealed
from tests.support.postgres import PostgresServer

ROOT = base64.b64encode(bytes(range(32))).decode()
KEYS_SET = {"LITELLM_SALT_KEY": SALT, "SEKISHO_ROOT_KEY": ROOT, "LITELLM_MASTER_KEY": "", "DATABASE_URL": ""}


@pytest.fixture
def there(postgres: PostgresServer) -> LiteLLM:
    """A gateway with one of everything."""
    it = LiteLLM(postgres, "litellm")
    add_people(it)
    add_keys(it)
    add_models(it)
    it.add("SpendLogs", request_id="r1", spend=1)
    return it


def add_people(it: LiteLLM) -> None:
    it.add("BudgetTable", budget_id="b1", max_budget=100.1, budget_duration="30d", rpm_limit=10)
    it.add("BudgetTable", budget_id="b-member", max_budget=5)
    it.add("OrganizationTable", organization_id="o1", organization_alias="Works", budget_id="b1", spend=1.25)
    it.add("ModelTable", id=7, aliases={"fast": "haiku"})
    it.add(
        "TeamTable",
        team_id="t1",
        team_alias="Gate",
        organization_id="o1",
        max_budget=50,
        model_id=7,
        members_with_roles=[
            {"user_id": "u1", "role": "admin"},
            {"user_email": "mori@example.jp", "role": "user"},
            {"user_id": "u-unlisted", "role": "user"},
        ],
        metadata={"team_member_budget_id": "b-member", "guardrails": ["pii"], "cost_center": "7"},
    )
    it.add(
        "ProjectTable", project_id="p1", team_id="t1", budget_id="b1", models=["haiku"], model_rpm_limit={"haiku": 3}
    )
    it.add("UserTable", user_id="u1", user_email="abe@example.jp", user_role="proxy_admin", max_budget=0, password="x")
    it.add("UserTable", user_id="u2", user_email="mori@example.jp", user_role="app_owner", spend=0.1)
    it.add("TeamMembership", user_id="u1", team_id="t1", spend=0.2, total_spend=0.7, budget_id="b-member")
    it.add("TeamMembership", user_id="u2", team_id="t1", budget_id="b1")
    it.add("OrganizationMembership", user_id="u1", organization_id="o1", user_role="org_admin", budget_id="b-member")
    it.add("EndUserTable", user_id="e1", alias="Customer", blocked=True, budget_id="b1", spend=0.3)
    it.add("TagTable", tag_name="batch", models=["m1"], model_info={"m1": "haiku"}, budget_id="b1")


def add_keys(it: LiteLLM) -> None:
    it.key(
        "sk-of-abe",
        key_alias="abe",
        user_id="u1",
        team_id="t1",
        models=["haiku"],
        spend=12.3456789,
        max_budget=20,
        expires="2099-01-02T03:04:05",
        metadata={"model_rpm_limit": {"haiku": 5}, "tags": ["ci"]},
        created_at="2025-01-01T00:00:00",
    )
    it.key("sk-of-mori", user_id="u2", blocked=True, permissions={"pii": True})
    it.key("sk-page", team_id="litellm-dashboard", user_id="u1")
    it.add(
        "DeprecatedVerificationToken",
        token=token_hash("sk-former"),
        active_token_id=token_hash("sk-of-abe"),
        revoke_at="2099-01-01T00:00:00",
    )


def add_models(it: LiteLLM) -> None:
    it.add(
        "ProxyModelTable",
        model_id="m1",
        model_name="haiku",
        litellm_params={"model": boxed("anthropic/claude-haiku-4-5"), "api_key": boxed("sk-ant-secret"), "rpm": None},
        model_info={"id": "m1", "db_model": True},
    )
    it.add("CredentialsTable", credential_name="azure", credential_values={"api_key": sealed("secret-of-azure")})
    it.add(
        "ProxyModelTable",
        model_id="m2",
        model_name="gpt",
        litellm_params={"model": sealed("openai/gpt-5"), "litellm_credential_name": sealed("azure")},
    )


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Database]:
    store = Database(tmp_path / "sekisho.db")
    ensure_schema(store)
    yield store
    store.close()


def run(url: str, folder: Path, *arguments: str, **environ: str) -> tuple[int, str]:
    words = ["litellm", "--database-url", url, "--data-dir", str(folder), *arguments]
    done = CliRunner().invoke(app, words, env=KEYS_SET | {"COLUMNS": "120"} | environ)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout + done.stderr


def test_keys_come_over_with_their_hashes(there: LiteLLM, ours: Database, tmp_path: Path) -> None:
    assert run(there.url, tmp_path)[0] == 0
    with ours._engine.connect() as connection:
        key, mori = (find_key(connection, token_hash(secret)) for secret in ("sk-of-abe", "sk-of-mori"))
        assert find_key(connection, token_hash("sk-former")) == key
        assert find_key(connection, token_hash("sk-page")) is None
    assert key is not None
    assert mori is not None
    assert (mori.blocked, key.blocked) == (True, False)
    assert (key.key_alias, key.user_id, key.team_id, key.models) == ("abe", "u1", "t1", ("haiku",))
    assert (key.spend_nano_usd, key.limits.max_budget_nano_usd) == (12_345_678_900, 20_000_000_000)
    assert (key.limits.model_rpm_limit, key.metadata) == ({"haiku": 5}, {"tags": ["ci"]})
    assert (key.expires_us, key.created_us) == (4_071_006_245_000_000, 1_735_689_600_000_000)


def test_organisations_teams_and_what_binds_them_come_over(there: LiteLLM, ours: Database, tmp_path: Path) -> None:
    assert run(there.url, tmp_path)[0] == 0
    with ours._engine.connect() as connection:
        (organization,), (team,) = ORGANIZATIONS.find(connection, limit=9), TEAMS.find(connection, limit=9)
        (project,), (tag,) = PROJECTS.find(connection, limit=9), TAGS.find(connection, limit=9)
        (end_user,), budget = END_USERS.find(connection, limit=9), BUDGETS.get(connection, "b1")
    assert budget is not None
    assert (budget.limits.max_budget_nano_usd, budget.limits.budget_duration) == (100_100_000_000, "30d")
    assert (organization.organization_alias, organization.budget_id) == ("Works", "b1")
    assert organization.spend_nano_usd == 1_250_000_000
    assert (team.organization_id, team.aliases, team.metadata) == ("o1", {"fast": "haiku"}, {"cost_center": "7"})
    assert team.member_limits.max_budget_nano_usd == 5_000_000_000
    assert (project.limits.rpm_limit, project.limits.model_rpm_limit) == (10, {"haiku": 3})
    assert (end_user.blocked, end_user.budget_id, tag.models) == (True, "b1", ("haiku",))


def test_users_and_members_come_over(there: LiteLLM, ours: Database, tmp_path: Path) -> None:
    assert run(there.url, tmp_path)[0] == 0
    with ours._engine.connect() as connection:
        users = {row.user_id: row for row in USERS.find(connection, limit=9)}
        members = {row.user_id: row for row in TEAM_MEMBERS.find(connection, limit=9)}
        (member,) = ORGANIZATION_MEMBERS.find(connection, limit=9)
    roles = {name: row.user_role for name, row in users.items()}
    assert roles == {"u1": "proxy_admin", "u2": "internal_user_viewer", "u-unlisted": "internal_user"}
    assert (users["u1"].limits.max_budget_nano_usd, users["u1"].password_hash) == (0, None)
    assert {name: row.role for name, row in members.items()} == {"u1": "admin", "u2": "user", "u-unlisted": "user"}
    assert (members["u1"].limits.max_budget_nano_usd, members["u1"].spend_nano_usd) == (None, 700_000_000)
    assert members["u2"].limits.rpm_limit == 10
    assert (member.role, member.limits.max_budget_nano_usd) == ("org_admin", 5_000_000_000)


def test_models_come_over_sealed_anew(there: LiteLLM, ours: Database, tmp_path: Path) -> None:
    assert run(there.url, tmp_path)[0] == 0
    rows = ours.read_now(lambda connection: MODELS.find(connection, limit=9))
    opened = {row.model_id: Envelope(ROOT).open(row.params, PURPOSE, row.model_id).reveal() for row in rows}
    assert opened == {
        "m1": '{"model":"anthropic/claude-haiku-4-5","api_key":"sk-ant-secret"}',
        "m2": '{"api_key":"secret-of-azure","model":"openai/gpt-5"}',
    }


def test_what_has_no_counterpart_is_reported(there: LiteLLM, ours: Database, tmp_path: Path) -> None:
    code, said = run(there.url, tmp_path)
    assert (code, ours.read_now(KEYS.count)) == (0, 2)
    for line in (
        "keys: permissions (1): sk-...mori",
        "keys: sessions of LiteLLM's own pages (1)",
        "teams: metadata.guardrails (1): t1",
        "users: app_owner (internal_user_viewer here) (1): u2",
        "users: password (1): u1",
        "table LiteLLM_SpendLogs: 1 rows",
        "18 rows imported.",
    ):
        assert line in said
    assert "sk-ant-secret" not in said


def test_a_dry_run_says_the_same_and_writes_nothing(there: LiteLLM, ours: Database, tmp_path: Path) -> None:
    code, said = run(there.url, tmp_path, "--dry-run")
    assert (code, "18 rows would be imported. Nothing was written." in said) == (0, True), said
    assert ours.read_now(lambda connection: KEYS.count(connection) + USERS.count(connection)) == 0


def test_a_second_run_adds_what_is_new_and_leaves_what_was_changed_here(
    there: LiteLLM, ours: Database, tmp_path: Path
) -> None:
    assert run(there.url, tmp_path)[0] == 0
    code, said = run(there.url, tmp_path)
    assert (code, "Nothing is new: what is here stays as it is." in said) == (0, True), said

    def change(edit: Edit) -> None:
        user, mori = USERS.get(edit.connection, "u1"), KEYS.get(edit.connection, token_hash("sk-of-mori"))
        assert user is not None
        assert mori is not None
        edit.change(USERS, user, {"user_alias": "Abe"})
        edit.remove(KEYS, mori)

    ours.write(lambda connection: change(Edit(connection, "admin", 1))).result()
    there.sql("""UPDATE "LiteLLM_UserTable" SET user_alias = 'other'""")
    new = there.key("sk-new", user_id="u1")
    code, said = run(there.url, tmp_path)
    assert (code, "1 rows imported." in said) == (0, True), said
    with ours._engine.connect() as connection:
        user = USERS.get(connection, "u1")
        assert user is not None
        assert user.user_alias == "Abe"
        assert KEYS.get(connection, new) is not None
        assert KEYS.get(connection, token_hash("sk-of-mori")) is None


def test_aliases_that_clash_stop_it_before_anything_is_written(there: LiteLLM, ours: Database, tmp_path: Path) -> None:
    there.key("sk-other", key_alias="abe")
    there.add("UserTable", user_id="u3", user_email="abe@example.jp")
    code, said = run(there.url, tmp_path)
    assert (code, "keys: 'abe' is the key_alias of both" in said) == (1, True), said
    assert "users: 'abe@example.jp' is the user_email of both u1 (LiteLLM) and u3 (LiteLLM)." in said
    assert ours.read_now(USERS.count) == 0


def test_a_wrong_salt_key_is_told(there: LiteLLM, ours: Database, tmp_path: Path) -> None:
    code, said = run(there.url, tmp_path, LITELLM_SALT_KEY="sk-another")
    assert (code, "opens none of LiteLLM's 2 models" in said) == (1, True), said
    assert ours.read_now(KEYS.count) == 0


@pytest.mark.parametrize("missing", ["LITELLM_SALT_KEY", "SEKISHO_ROOT_KEY"])
def test_without_a_key_models_stay_out_and_the_rest_comes(
    there: LiteLLM, ours: Database, tmp_path: Path, missing: str
) -> None:
    code, said = run(there.url, tmp_path, **{missing: ""})
    assert (code, f"models not imported: {missing} is not set (2): haiku (m1), gpt (m2)" in said) == (0, True), said
    assert (ours.read_now(KEYS.count), ours.read_now(MODELS.count)) == (2, 0)


def test_a_database_that_is_not_litellms_is_told(postgres: PostgresServer, ours: Database, tmp_path: Path) -> None:
    postgres.sql("DROP DATABASE IF EXISTS other WITH (FORCE)", "CREATE DATABASE other")
    code, said = run(postgres.url("other"), tmp_path)
    assert (code, "has no table 'LiteLLM_VerificationToken'" in said) == (1, True), said
    assert run("mysql://x/y", tmp_path) == (1, "--database-url begins with 'mysql': only postgresql:// is served.\n")
    code, said = run(postgres.url("nowhere"), tmp_path)
    assert (code, said.startswith("LiteLLM's database")) == (1, True), said
    assert ours.read_now(KEYS.count) == 0


def test_a_table_that_may_not_be_read_does_not_pass_for_empty(there: LiteLLM, ours: Database, tmp_path: Path) -> None:
    there.sql("DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
    there.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    url = there.url.replace("postgres@", "reader@")
    assert run(url, tmp_path, "--dry-run")[0] == 0
    there.sql('REVOKE SELECT ON "LiteLLM_BudgetTable" FROM reader')
    code, said = run(url, tmp_path)
    assert (code, "refused: " in said, "LiteLLM_BudgetTable" in said) == (1, True, True), said
    there.sql("DROP OWNED BY reader", "DROP ROLE reader")
    assert ours.read_now(KEYS.count) == 0


def test_it_is_written_into_postgresql_as_well(there: LiteLLM, postgres: PostgresServer, tmp_path: Path) -> None:
    postgres.sql("DROP DATABASE IF EXISTS ours WITH (FORCE)", "CREATE DATABASE ours")
    url = postgres.url("ours")
    code, said = run(there.url, tmp_path, "--dry-run", DATABASE_URL=url)
    assert (code, "18 rows would be imported" in said) == (0, True), said
    code, said = run(there.url, tmp_path, DATABASE_URL=url)
    assert (code, "18 rows imported." in said) == (0, True), said
    assert postgres.sql("SELECT count(*) FROM keys", database="ours") == "2"
    assert "Nothing is new" in run(there.url, tmp_path, DATABASE_URL=url)[1]
