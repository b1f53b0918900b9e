"""What a person sees while it runs: conditions, figures, traffic and what just changed, in the terminal.

A function of a `Snapshot`; whoever owns the terminal decides how often. The describe text afterwards is what
counts; this is for watching. It fits 80 by 24: a line for each condition, the whole message only of those
that do not hold, and what just changed as far as there is room, newest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from llmmonitor_api.conditions.table import HEALTHY
from llmmonitor_api.report.report import Live
from llmmonitor_cli.describe import Event

_STYLES = {"True": "green", "False": "bold red", "Unknown": "yellow"}
QUIET_REASONS = frozenset({"NotConfigured", "NotApplicable", "NoPrice"})
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
    """The whole screen, cut at the bottom where the terminal is too small for it."""
    parts: list[RenderableType] = [
        Text(snapshot.phase, style="bold cyan", no_wrap=True, overflow="ellipsis"),
        _figures(snapshot),
        _conditions(snapshot),
    ]
    if snapshot.problem:
        parts.append(Text(snapshot.problem, style="red"))
    parts += _broken(snapshot)
    if snapshot.events:
        parts.append(_events(snapshot.events))
    return _Fitted(Panel(Group(*parts), title=snapshot.title, border_style="blue", box=box.ROUNDED))


@dataclass(frozen=True, slots=True)
class _Fitted:
    panel: Panel

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = len(console.render_lines(self.panel, options, pad=False))
        self.panel.height = min(lines, max(3, console.height - 1))  # one line less: the cursor's
        yield self.panel


def _figures(snapshot: Snapshot) -> Table:
    table = Table.grid(padding=(0, 2))
    performance = snapshot.status.get("performance") or {}
    window = snapshot.status.get("window") or {}
    live = snapshot.live or Live()
    in_flight = f"{live.in_flight} (oldest {live.oldest_in_flight_seconds:.1f} s)"
    cells = [
        ("TTFT p50 / p99", _quantiles(performance.get("timeToFirstTokenSeconds"))),
        ("per token p50 / p99", _quantiles(performance.get("timePerOutputTokenSeconds"))),
        ("duration p50 / p99", _quantiles(performance.get("requestDurationSeconds"))),
        ("requests", f"{_number(window.get('requests'))}; in flight {in_flight}"),
        ("tokens/s", _number(performance.get("tokensPerSecond"))),
    ]
    if probes := _probes(snapshot.status.get("quality") or {}):
        cells.append(("probes", probes))
    if snapshot.clients:
        cells.append(
            ("clients saw", ", ".join(f"{n} {kind}" for kind, n in sorted(snapshot.clients.items())))
        )
    for name, value in cells:
        table.add_row(Text(name, style="dim"), value)
    return table


def _probes(quality: Mapping[str, Any]) -> str:
    """`2 of 3 pass; arithmetic 7 of 10; …`: the last whole round."""
    own = quality.get("probes", ())
    parts = []
    if own:
        passed = sum(one.get("passed", 0) > one.get("failed", 0) for one in own)
        parts.append(f"{passed} of {len(own)} pass")
    for one in quality.get("suites", ()):
        share = one.get("passed") or {}
        many = share.get("count", 0)
        parts.append(f"{one['name']} {round(share.get('value', 0) * many)} of {many}")
    return "; ".join(parts)


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


def _conditions(snapshot: Snapshot) -> Group:
    table = Table(box=None, expand=True, pad_edge=False, header_style="bold underline")
    for name in ("Condition", "Status", "Reason"):
        table.add_column(name, no_wrap=True)
    table.add_column("Message", ratio=1, no_wrap=True, overflow="ellipsis")
    quiet = []
    for condition in snapshot.status.get("conditions", ()):
        if condition["reason"] in QUIET_REASONS:
            quiet.append(condition["type"])
            continue
        status = Text(condition["status"], style=_STYLES.get(condition["status"], ""))
        table.add_row(condition["type"], status, condition["reason"], Text(condition.get("message", "")))
    if not quiet:
        return Group(table)
    return Group(table, Text(f"not judged: {', '.join(quiet)}", style="dim"))


def _broken(snapshot: Snapshot) -> list[RenderableType]:
    """The whole messages of conditions that do not hold; Healthy only repeats them."""
    return [
        Text(f"{condition['type']}: {condition.get('message', '')}", style="red")
        for condition in snapshot.status.get("conditions", ())
        if condition["status"] == "False" and condition["type"] != HEALTHY.name
    ]


def _events(events: Sequence[Event]) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for event in list(events)[: -_EVENTS_SHOWN - 1 : -1]:
        style = "red" if event.type == "Warning" else "green"
        table.add_row(
            Text(f"{event.at:%H:%M:%S}", style="dim"), Text(event.reason, style=style), Text(event.message)
        )
    return table
