"""The page of conditions promises no reason that no program gives."""

from __future__ import annotations

import re
from pathlib import Path

from llmmonitor_api.condition_docs import render
from llmmonitor_api.conditions import (
    CONDITION_TYPES,
    reasons_content,
    reasons_monitoring,
    reasons_performance,
    reasons_shared,
)
from llmmonitor_api.conditions.not_said_yet import NOT_SAID_YET
from llmmonitor_api.conditions.registry import Reason

ROOT = Path(__file__).parents[2]


def test_what_no_program_names_is_marked_and_nothing_else_is() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for member in ("operator", "sidecar", "cli")
        for path in (ROOT / member / "src").rglob("*.py")
    ]
    words = {word for source in sources for word in re.findall(r"\w+", source)}

    unsaid = {
        reason
        for module in (reasons_content, reasons_monitoring, reasons_performance, reasons_shared)
        for name, reason in vars(module).items()
        if isinstance(reason, Reason) and not words & {name, reason.name}
    }

    assert {one.name for one in unsaid} == {one.name for one in NOT_SAID_YET}


def test_the_page_shows_it_in_each_reasons_row() -> None:
    page = render()

    for kind in CONDITION_TYPES:
        for reason in kind.reasons:
            rows = [line for line in page.splitlines() if line.startswith(f"| `{reason.name}` |")]
            [row] = {row for row in rows if f"| {reason.meaning} |" in row}
            assert ("not yet" in row.split("|")[2]) == (reason in NOT_SAID_YET)
