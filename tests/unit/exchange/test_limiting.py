"""What limits are kept with, until the operator says otherwise."""

from __future__ import annotations

from sekisho.config.sections import SekishoSettings
from tests.support.stations import Stage


def test_defaults_are_those_of_the_configuration(stage: Stage) -> None:
    said = SekishoSettings()
    limiting = stage.limiting
    assert (limiting.floor_tokens, limiting.budget_status) == (
        said.limits.output_floor_tokens,
        said.limits.budget_status,
    )
    assert limiting.priceless == said.unknown_price
    assert limiting.everybody == ()
