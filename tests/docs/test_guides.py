"""The guides say the same in both languages, and name nothing that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from sekisho.api.admin.app import MODULES
from sekisho.api.llm.routes import SURFACES, both
from sekisho.cli.main import VERBS
from sekisho.config import keys
from sekisho.config.load import load_settings
from sekisho.config.sections import MediaPolicy, ProviderPolicy, StopPolicy, Timeouts
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass
from sekisho.store.open import FILE_NAME

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GUIDES = ("guide-user", "guide-operator")
PAGES = [DOCS / f"{name}{language}.md" for name in GUIDES for language in ("", ".ja")]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
SECTION = re.compile(
    r"(litellm_params|model_info|litellm_settings|router_settings|general_settings|sekisho)\.[A-Za-z_.]+"
)
#: Variables of the system, of OpenAI's and AWS's SDKs and of the example: our code does not name them.
NOT_OURS = {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "OPENAI_BASE_URL", "OPENAI_API_KEY_SECOND"}
NOT_OURS |= {"AWS_CA_BUNDLE", "AWS_ENDPOINT_URL_BEDROCK", "AWS_SESSION_TOKEN"}
#: Methods of boto3's clients.
METHODS = {"converse_stream", "invoke_model", "invoke_model_with_response_stream", "list_inference_profiles"}
#: Classes that are told to the caller only, and stand below the operator's table.
UNRECORDED = {ErrorClass.METHOD_NOT_ALLOWED, ErrorClass.UPGRADE_REQUIRED}

SOURCE = "\n".join(path.read_text() for path in sorted((ROOT / "src" / "sekisho").rglob("*.py")))
WORDS = set(re.findall(r"\w+", SOURCE))
HYPHENED = set(re.findall(r"[a-z]+(?:-[a-z0-9]+)+", SOURCE))

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, *languages: str) -> list[str]:
    """The code blocks, without comments."""
    found = [text for _, language, text in BLOCK.findall(page.read_text()) if not languages or language in languages]
    return [re.sub(r" *(?:^|(?<= ))# .*$", "", text, flags=re.MULTILINE) for text in found]


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text())


def named(page: Path) -> set[str]:
    """What stands in the prose as code."""
    return set(re.findall(r"`([^`\n]+)`", prose(page)))


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ .*$", prose(page), re.MULTILINE)


def commands(page: Path) -> list[str]:
    """What follows the program's name, in blocks and in prose."""
    text = "\n".join([*blocks(page, "sh"), *named(page)])
    return re.findall(r"(?:^|bin/)sekisho ([a-z-]+[^|&<#\n]*)", text, re.MULTILINE)


def missing(page: Path, pattern: str, known: set[str]) -> list[str]:
    return sorted(word for word in named(page) if re.fullmatch(pattern, word) and word not in known)


@pytest.mark.parametrize("name", GUIDES)
def test_both_languages_have_the_same_shape(name: str) -> None:
    english, japanese = DOCS / f"{name}.md", DOCS / f"{name}.ja.md"

    def bones(page: Path) -> list[str]:
        """Levels of headings, rows of tables and points of lists, in their order."""
        return re.findall(r"^(?:#+(?= )|\|(?=.*\|$)| *-(?= ))", prose(page), re.MULTILINE)

    assert bones(english) == bones(japanese)
    assert blocks(english) == blocks(japanese)
    assert named(english) == named(japanese)


@every_page
def test_every_command_exists_with_its_options(page: Path) -> None:
    verbs = {verb for verb, *_ in VERBS}
    told = re.split(r"^### sekisho ", (DOCS / "reference.md").read_text(), flags=re.MULTILINE)
    options = {part.partition("\n")[0]: set(re.findall(r"--[a-z_-]+", part)) for part in told}
    unknown = []
    for command in commands(page):
        two = " ".join(command.split()[:2])
        verb = two if two in options else command.split()[0]
        if verb.split()[0] not in verbs or not set(re.findall(r"--[a-z_-]+", command)) <= options[verb]:
            unknown.append(command)
    assert commands(page)
    assert unknown == []
    assert missing(page, r"--[a-z-]+", set().union(*options.values())) == []


@every_page
def test_every_setting_exists(page: Path) -> None:
    nested = {
        "sekisho.timeouts": {field.encode_name for field in msgspec.structs.fields(Timeouts)},
        "sekisho.media": {field.encode_name for field in msgspec.structs.fields(MediaPolicy)},
        "sekisho.stop": {field.encode_name for field in msgspec.structs.fields(StopPolicy)},
        "sekisho.providers.NAME": {field.encode_name for field in msgspec.structs.fields(ProviderPolicy)},
    }
    unknown = []
    for word in named(page) - {FILE_NAME}:
        section, _, key = word.rpartition(".")
        known = keys.known_keys(section) if section in keys.SECTIONS else nested.get(section, set())
        if SECTION.fullmatch(word) and key not in known:
            unknown.append(word)
    assert unknown == []


@every_page
def test_every_name_is_one_of_the_code(page: Path) -> None:
    models = {word for text in blocks(page) for word in re.findall(r'model(?:_name)?"?: "?([\w.-]+)', text)}
    assert missing(page, r"[a-z]+(?:-[a-z0-9]+)+", HYPHENED | models) == []  # headers, verbs
    assert missing(page, r"[a-z]+(?:_[a-z0-9]+)+", WORDS | METHODS) == []  # settings, fields, error classes
    assert missing(page, r"[A-Z]+(?:_[A-Z]+)+", WORDS | NOT_OURS) == []


@every_page
def test_every_path_is_served(page: Path) -> None:
    served = {path for surface in SURFACES for path in both(surface.path)} | {
        getattr(route, "path", "") for module in MODULES for route in module.router.routes
    }
    text = "\n".join([*blocks(page, "sh"), *named(page)])
    asked = set(re.findall(r"(?:localhost:4000|\$SEKISHO_URL|(?:GET|POST|HEAD) )(/[a-z0-9_/-]+)", text))
    asked |= {word for word in named(page) if re.fullmatch(r"/[a-z0-9_/]+[a-z0-9_]", word)}
    assert asked
    assert {path.rstrip("/") for path in asked} - served - {"/v1", "/metrics"} == set()


@every_page
def test_links_inside_a_page_lead_to_its_headings(page: Path) -> None:
    slugs = {re.sub(r"[^\w -]", "", text.lstrip("# ").lower()).replace(" ", "-") for text in headings(page)}
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", page.read_text()) if link not in slugs] == []


@pytest.mark.parametrize("page", PAGES[2:], ids=lambda page: page.name)
def test_the_configuration_to_start_from_loads_without_a_warning(page: Path, tmp_path: Path) -> None:
    (text,) = blocks(page, "yaml")
    config = tmp_path / "config.yaml"
    config.write_text(text)
    asked = dict.fromkeys(re.findall(r"os\.environ/(\w+)", text), "sk-provider-of-the-tests")
    settings = load_settings(config, {"LITELLM_MASTER_KEY": "sk-master-of-the-tests", **asked})
    assert settings.warnings == ()
    assert len(settings.model_list) == 6


@pytest.mark.parametrize("page", PAGES[2:], ids=lambda page: page.name)
def test_tables_of_the_operator_hold_the_codes_values(page: Path) -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|", prose(page), re.MULTILINE))
    timeouts = {field.name: f"{field.default:g}" for field in msgspec.structs.fields(Timeouts)}
    assert {name: rows.get(name) for name in timeouts} == timeouts
    statuses = {str(kind): str(status) for kind, status in DEFAULT_STATUS.items() if kind not in UNRECORDED}
    assert {name: rows.get(name, "")[:3] for name in statuses} == statuses
