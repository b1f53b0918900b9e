"""The page of conditions promises no reason that no program gives."""

from __future__ import annotations

import re
from pathlib import Path

from llmmonitor_api.conditions import (
    reasons_content,
    reasons_monitoring,
    reasons_performance,
    reasons_shared,
)
from llmmonitor_api.conditions.registry import Reason

ROOT = Path(__file__).parents[2]


def test_no_reason_is_named_by_no_program() -> None:
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

    assert {one.name for one in unsaid} == set()
