"""docs/metrics.md has every metric of sidecar, operator and webhook, with what it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmmonitor_cli.metric_docs import REPORT, main, render
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_sidecar.endpoints.metrics.exposition import exposition

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_is_current() -> None:
    assert main(["--check", str(PAGE)]) == 0, "run: make docs"


def test_what_a_scrape_of_a_sidecar_names_is_on_the_page_with_its_labels() -> None:
    page = render()
    body, _ = exposition(REPORT, {}, "application/openmetrics-text")

    text = body.decode()
    for line in text.splitlines():
        if line.startswith("# HELP"):
            _, _, name, meaning = line.split(" ", 3)
            assert f"`{name}" in page
            assert f"| {meaning} |" in page
    assert "| `llm_monitor_requests_total` | counter | *traffic*, `outcome` |" in page


def test_what_the_operator_counts_is_on_the_page_by_its_labels() -> None:
    page = render()
    names = {family.name for family in OperatorMetrics().registry.collect()}

    assert not {name for name in names if f"| `{name}" not in page}
    assert "| `llm_monitor_operator_pulls_total` | counter | `result` |" in page
    assert "| `llm_monitor_condition` | gauge | `type`, `status` |" in page


def test_a_stale_page_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "metrics.md"

    missing, written = main(["--check", str(page)]), main([str(page)])

    assert (missing, written) == (1, 0)
    assert "is missing; make it anew with" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == render()
