"""LiteLLM's tables in PostgreSQL, built from what is documented of them, and rows in them.

In: a server. Out: a database as a LiteLLM gateway keeps it, that can be filled row by row.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.secret import SecretBox

from sekisho.identity.keys import token_hash
from tests.support.postgres import PostgresServer

SALT = "sk-salt-of-litellm"
_MADE = "created_at timestamp(3) DEFAULT now(), created_by text, updated_at timestamp(3) DEFAULT now(), updated_by text"
_SPEND = "spend float8 NOT NULL DEFAULT 0, model_spend jsonb DEFAULT '{}'"
_RATES = "max_parallel_requests int, tpm_limit bigint, rpm_limit bigint"
_BUDGET = f"max_budget float8, budget_duration text, budget_reset_at timestamp(3), {_RATES}"
_COMMON = f"metadata jsonb NOT NULL DEFAULT '{{}}', models text[] DEFAULT '{{}}', object_permission_id text, {_SPEND}"
_LISTS = "policies text[] DEFAULT '{}', access_group_ids text[] DEFAULT '{}'"

TABLES = {
    "BudgetTable": f"budget_id text PRIMARY KEY, soft_budget float8, model_max_budget jsonb, {_BUDGET}, "
    f"allowed_models text[] DEFAULT '{{}}', {_MADE}",
    "CredentialsTable": "credential_id text PRIMARY KEY DEFAULT gen_random_uuid(), credential_name text UNIQUE, "
    f"credential_values jsonb, credential_info jsonb, {_MADE}",
    "ProxyModelTable": "model_id text PRIMARY KEY, model_name text, litellm_params jsonb, model_info jsonb, "
    f"blocked boolean DEFAULT false, {_MADE}",
    "OrganizationTable": "organization_id text PRIMARY KEY, organization_alias text, budget_id text, "
    f"{_COMMON}, {_MADE}",
    "ModelTable": f"id serial PRIMARY KEY, aliases jsonb, {_MADE}",
    "TeamTable": "team_id text PRIMARY KEY, team_alias text, organization_id text, admins text[], members text[], "
    f"members_with_roles jsonb DEFAULT '{{}}', soft_budget float8, {_BUDGET}, blocked boolean DEFAULT false, "
    f"model_max_budget jsonb DEFAULT '{{}}', router_settings jsonb DEFAULT '{{}}', budget_limits jsonb, model_id int, "
    f"team_member_permissions text[] DEFAULT '{{}}', {_LISTS}, {_COMMON}, {_MADE}",
    "ProjectTable": "project_id text PRIMARY KEY, project_alias text, description text, team_id text, budget_id text, "
    f"model_rpm_limit jsonb DEFAULT '{{}}', model_tpm_limit jsonb DEFAULT '{{}}', blocked boolean, {_COMMON}, {_MADE}",
    "UserTable": "user_id text PRIMARY KEY, user_alias text, team_id text, sso_user_id text, organization_id text, "
    f"password text, teams text[] DEFAULT '{{}}', user_role text, user_email text, {_BUDGET}, "
    f"allowed_cache_controls text[] DEFAULT '{{}}', model_max_budget jsonb DEFAULT '{{}}', {_COMMON}, {_MADE}",
    "TeamMembership": "user_id text, team_id text, spend float8 DEFAULT 0, total_spend float8 DEFAULT 0, "
    "budget_id text",
    "OrganizationMembership": "user_id text, organization_id text, user_role text, spend float8 DEFAULT 0, "
    f"budget_id text, {_MADE}",
    "VerificationToken": "token text PRIMARY KEY, key_name text, key_alias text, soft_budget_cooldown boolean, "
    f"expires timestamp(3), aliases jsonb DEFAULT '{{}}', config jsonb DEFAULT '{{}}', "
    f"router_settings jsonb DEFAULT '{{}}', user_id text, team_id text, agent_id text, project_id text, "
    f"permissions jsonb DEFAULT '{{}}', blocked boolean, {_BUDGET}, allowed_cache_controls text[] DEFAULT '{{}}', "
    f"allowed_routes text[] DEFAULT '{{}}', model_max_budget jsonb DEFAULT '{{}}', budget_id text, "
    f"organization_id text, last_active timestamp(3), rotation_count int DEFAULT 0, auto_rotate boolean DEFAULT false, "
    f"rotation_interval text, last_rotation_at timestamp(3), key_rotation_at timestamp(3), budget_limits jsonb, "
    f"{_LISTS}, {_COMMON}, {_MADE}",
    "DeprecatedVerificationToken": "id text PRIMARY KEY DEFAULT gen_random_uuid(), token text UNIQUE, "
    "active_token_id text, revoke_at timestamp(3), created_at timestamp(3) DEFAULT now()",
    "EndUserTable": "user_id text PRIMARY KEY, alias text, spend float8 DEFAULT 0, allowed_model_region text, "
    "default_model text, budget_id text, object_permission_id text, blocked boolean DEFAULT false",
    "TagTable": "tag_name text PRIMARY KEY, description text, models text[] DEFAULT '{}', model_info jsonb, "
    f"spend float8 DEFAULT 0, budget_id text, {_MADE}",
    "SpendLogs": "request_id text PRIMARY KEY, spend float8",
    "Config": "param_name text PRIMARY KEY, param_value jsonb",
    "MCPServerTable": "server_id text PRIMARY KEY",
}


class LiteLLM:
    """A database of its own."""

    def __init__(self, server: PostgresServer, database: str) -> None:
        self._server = server
        self._database = database
        self.url = server.url(database)
        server.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)", f"CREATE DATABASE {database}")
        self.sql(*(f'CREATE TABLE "LiteLLM_{name}" ({columns})' for name, columns in TABLES.items()))

    def sql(self, *statements: str) -> str:
        """In this database."""
        return self._server.sql(*statements, database=self._database)

    def add(self, table: str, **columns: Any) -> None:
        """A row; columns that are not given have LiteLLM's default."""
        record = msgspec.json.encode(columns).decode().replace("'", "''")
        names, table = ", ".join(f'"{name}"' for name in columns), f'"LiteLLM_{table}"'
        self.sql(f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{table}, '{record}')")

    def key(self, secret: str, **columns: Any) -> str:
        """A virtual key; its hash."""
        token = token_hash(secret)
        self.add("VerificationToken", token=token, key_name=f"sk-...{secret[-4:]}", **columns)
        return token


def boxed(text: str, salt: str = SALT) -> str:
    """As older versions of LiteLLM encrypted."""
    return base64.urlsafe_b64encode(SecretBox(hashlib.sha256(salt.encode()).digest()).encrypt(text.encode())).decode()


def sealed(text: str, salt: str = SALT, *, version: str = "v3") -> str:
    """As those do that came after."""
    raw = hashlib.sha256(salt.encode()).digest()
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"litellm-at-rest-v3")
    key, nonce = hkdf.derive(salt.encode()) if version == "v3" else raw, os.urandom(12)
    return (
        f"{version}:gcm:" + base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, text.encode(), None)).decode()
    )
