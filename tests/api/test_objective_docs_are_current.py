from pathlib import Path

import pytest

from llmmonitor_api.objective_docs import main, render
from llmmonitor_api.spec.objectives import Objective
from llmmonitor_api.spec.signals import SIGNALS, ObjectiveSignal

PAGE = Path(__file__).parents[2] / "docs" / "objectives.md"


def test_the_page_is_current() -> None:
    assert main(["--check", str(PAGE)]) == 0, "run: python -m llmmonitor_api.objective_docs"


@pytest.mark.parametrize("signal", ObjectiveSignal)
def test_every_signal_is_on_the_page_and_in_the_fields_text(signal: ObjectiveSignal) -> None:
    assert f"| `{signal}` | " in render()
    assert SIGNALS[signal].bad_event in render()
    assert signal in str(Objective.model_fields["signal"].description)
