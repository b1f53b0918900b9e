"""What a person sees while it runs: conditions, figures, traffic and what just changed, in the terminal.

A function of a `Snapshot`; whoever owns the terminal decides how often. The describe text afterwards is what
counts; this is for watching.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from llmmonitor_api.report.report import Live
from llmmonitor_cli.describe import Event

_STYLES = {"True": "green", "False": "bold red", "Unknown": "yellow"}
QUIET_REASONS = frozenset({"NotConfigured", "NotApplicable"})
"""Conditions with them are named, not shown: the owner has asked for nothing, or there is nothing."""
_EVENTS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All there is to show at one moment."""

    title: str
    phase: str
    status: Mapping[str, Any]
    """The monitor's status as the API has it."""
    live: Live | None = None
    clients: Counter[str] = field(default_factory=Counter)
    """What the demo's clients saw; empty when watching somebody else's server."""
    events: Sequence[Event] = ()
    problem: str = ""
    """Why there is nothing newer, in words."""


def render(snapshot: Snapshot) -> RenderableType:
    """The whole screen."""
    parts: list[RenderableType] = [
        Text(snapshot.phase, style="bold cyan"),
        _figures(snapshot),
        _conditions(snapshot),
    ]
    if snapshot.events:
        parts.append(_events(snapshot.events))
    if snapshot.problem:
        parts.append(Text(snapshot.problem, style="red"))
    return Panel(Group(*parts), title=snapshot.title, border_style="blue", box=box.ROUNDED)


def _figures(snapshot: Snapshot) -> Table:
    table = Table.grid(padding=(0, 2))
    performance = snapshot.status.get("performance") or {}
    window = snapshot.status.get("window") or {}
    live = snapshot.live or Live()
    cells = [
        ("TTFT p50 / p99", _quantiles(performance.get("timeToFirstTokenSeconds"))),
        ("per token p50 / p99", _quantiles(performance.get("timePerOutputTokenSeconds"))),
        ("duration p50 / p99", _quantiles(performance.get("requestDurationSeconds"))),
        ("tokens/s", _number(performance.get("tokensPerSecond"))),
        ("requests", _number(window.get("requests"))),
        ("in flight", f"{live.in_flight} (oldest {live.oldest_in_flight_seconds:.1f} s)"),
    ]
    if snapshot.clients:
        cells.append(
            ("clients saw", ", ".join(f"{n} {kind}" for kind, n in sorted(snapshot.clients.items())))
        )
    for name, value in cells:
        table.add_row(Text(name, style="dim"), value)
    return table


def _quantiles(distribution: Mapping[str, Any] | None) -> str:
    if not distribution:
        return "-"
    shown = " / ".join(_seconds((distribution.get(name) or {}).get("value")) for name in ("p50", "p99"))
    return f"{shown}  (n={distribution.get('count', 0)})"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3g}" if isinstance(value, float) else f"{value:,}"


def _conditions(snapshot: Snapshot) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    for name in ("Condition", "Status", "Reason"):
        table.add_column(name, no_wrap=True)
    table.add_column("Message", ratio=1)
    hidden = []
    for condition in snapshot.status.get("conditions", ()):
        if condition["reason"] in QUIET_REASONS:
            hidden.append(condition["type"])
            continue
        status = Text(condition["status"], style=_STYLES.get(condition["status"], ""))
        table.add_row(condition["type"], status, condition["reason"], condition.get("message", ""))
    if hidden:
        table.add_row(Text("not judged", style="dim"), "", "", Text(", ".join(hidden), style="dim"))
    return table


def _events(events: Sequence[Event]) -> Table:
    table = Table.grid(padding=(0, 2))
    for event in list(events)[-_EVENTS_SHOWN:]:
        style = "red" if event.type == "Warning" else "green"
        table.add_row(
            Text(f"{event.at:%H:%M:%S}", style="dim"), Text(event.reason, style=style), event.message
        )
    return table
