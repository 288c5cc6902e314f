"""The provider guide: every configuration in it loads without a warning and calls the address that the page names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sekisho.config.load import load_settings
from sekisho.providers.deployment import resolve_all

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "providers.md").read_text()
BLOCKS = re.findall(r"^(#+ [^\n]+)\n(?:(?!^#+ ).)*?^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
#: A machine that has none of the variables on which a provider depends by itself.
MACHINE = {"LITELLM_MASTER_KEY": "sk-master-of-the-tests"}


@pytest.mark.parametrize("text", [text for _, text in BLOCKS], ids=[head.lstrip("# ") for head, _ in BLOCKS])
def test_a_configuration_calls_what_the_page_says(text: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    named = dict.fromkeys(re.findall(r"os\.environ/(\w+)", text), "secret-of-the-tests")
    settings = load_settings(config, MACHINE | named)
    deployments = resolve_all(settings)
    assert settings.warnings == ()
    assert [one.unusable for one in deployments] == [None] * len(deployments)
    calls = [one.url(one.pinned_dialect or one.dialects[0], "generate", streamed=True) for one in deployments]
    assert calls == re.findall(r"# → (\S+)", text)


def test_every_block_is_read() -> None:
    """Each has a heading of its own."""
    assert len(BLOCKS) == PAGE.count("```yaml") > 15
