from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from llmmonitor_api.conditions import CONDITION_TYPES
from llmmonitor_api.report.report import Live
from llmmonitor_cli.describe import Event
from llmmonitor_cli.view import Snapshot, render

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SLOW = "fast-first-token: TTFT p95 12.7 s (above 11) > 8 s over 30 s (n=19), burn rate 17.9 (limit 14.4)"
ASKED_FOR = ["Healthy", "Ready", "Reporting", "Intercepting", "ResourcesHealthy", "PerformanceHealthy"]
NOT_JUDGED = [one.name for one in CONDITION_TYPES if one.name not in ASKED_FOR]


def incident() -> Snapshot:
    """What the demo shows at its worst: two conditions False, long messages, many events."""
    conditions = [
        *({"type": name, "status": "True", "reason": "Fine", "message": "well " * 60} for name in ASKED_FOR),
        *({"type": name, "status": "Unknown", "reason": "NotConfigured"} for name in NOT_JUDGED),
    ]
    for condition in conditions:
        if condition["type"] in ("Healthy", "PerformanceHealthy"):
            condition |= {"status": "False", "reason": "BurnRateHigh", "message": SLOW}
    events = tuple(
        Event("Warning", f"Reason{number}", "Healthy True → False: " + SLOW, NOW + timedelta(seconds=number))
        for number in range(20)
    )
    return Snapshot("demo", "incident", {"conditions": conditions}, live=Live(in_flight=16), events=events)


def shown(snapshot: Snapshot, width: int, height: int) -> list[str]:
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(render(snapshot))
    return capture.get().rstrip("\n").split("\n")


def test_on_80_by_24_every_condition_and_the_reason_that_broke_one_are_seen() -> None:
    lines = shown(incident(), 80, 24)

    text = " ".join(line.strip("│ ") for line in lines)
    assert len(lines) < 24
    assert all(name in text for name in [*ASKED_FOR, *NOT_JUDGED])
    assert f"PerformanceHealthy: {SLOW}" in text
    assert "Reason19" in text  # the newest event; older ones as far as there is room


@pytest.mark.parametrize("height", [3, 10, 200])
def test_however_high_the_terminal_is_the_frame_is_whole(height: int) -> None:
    lines = shown(incident(), 100, height)

    assert len(lines) <= max(3, height - 1)
    assert lines[0].startswith("╭")
    assert lines[-1].startswith("╰")
