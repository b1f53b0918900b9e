from pathlib import Path

import pytest

from llmmonitor_api.condition_docs import main, render
from llmmonitor_api.conditions import CONDITION_TYPES

PAGE = Path(__file__).parents[2] / "docs" / "conditions.md"


def test_the_page_is_current() -> None:
    assert main(["--check", str(PAGE)]) == 0, "run: python -m llmmonitor_api.condition_docs"


def test_every_condition_and_every_reason_is_on_the_page_with_its_meaning() -> None:
    page = render()

    for kind in CONDITION_TYPES:
        assert f"## {kind.name}\n" in page
        assert kind.true_means in page
        for reason in kind.reasons:
            assert f"| `{reason.name}` | {reason.status}" in page
            assert reason.meaning in page


def test_a_stale_page_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "conditions.md"
    page.write_text("# Conditions\n", encoding="utf-8")

    stale = main(["--check", str(page)])
    written = main([str(page)])

    assert (stale, written) == (1, 0)
    assert "is stale; make it anew with" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == render()
