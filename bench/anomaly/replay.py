"""Replays a service's months cell by cell to the product's own code and to the textbook's, faults and all.

History grows to 35 days and is learnt anew every week (the operator does it every day; that only costs more).
At moments drawn at random the next two hours are replayed a second time for each fault, from the same memory.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.anomaly.service import NO_FAULT, Fault, Minutes, Service
from bench.anomaly.textbook import MERGED_CELLS, PROCEDURES, Chart

from llmmonitor_operator.anomalies.cell import CELL_SECONDS, CELLS_A_DAY, Cell
from llmmonitor_operator.anomalies.history import DAYS
from llmmonitor_operator.anomalies.signals import ERRORS, FAMILIES, LATENCY, SIGNALS, THROUGHPUT
from llmmonitor_operator.anomalies.watch import Watch, learnt, looked

OURS = "ours"
LEARNT_EVERY_DAYS = 7
FAULT_CELLS = 24
FEWEST_REQUESTS = 20
"""In the cell before a fault: without traffic there is nothing to find."""
FAULTS = {
    "slowdown 1.5x": (LATENCY, Fault(slower=1.5)),
    "slowdown 2x": (LATENCY, Fault(slower=2)),
    "error burst, 5 % fail": (ERRORS, Fault(failing=0.05)),
    "error burst, 20 % fail": (ERRORS, Fault(failing=0.2)),
    "throughput loss, 1 in 4 requests never finishes": (THROUGHPUT, Fault(stuck=0.25)),
    "throughput loss, answers cut to half": (THROUGHPUT, Fault(shorter=0.5)),
}


@dataclass(slots=True)
class Found:
    """What came of one service."""

    months: float
    alarms: dict[str, Counter[str]] = field(default_factory=dict)
    """By procedure, then family: false alarms."""
    delays: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    """By fault, then procedure: minutes from its begin to the end of the cell that raised the alarm; None
    when that did not come within the fault's two hours."""
    errors: dict[str, list[float]] = field(default_factory=dict)
    """By fault: minutes by which the change point that ours named was late."""


def replay(seed: int, days: int, trials: int, history_days: int = DAYS) -> Found:
    """One service for `days` after its first history, and `trials` moments at which every fault is tried."""
    service = Service(seed)
    draw = random.Random(seed + 1_000_003)
    minutes = list(service.minutes(history_days + days))
    cells = [one.cell(NO_FAULT, draw) for one in minutes]
    begin, end = history_days * CELLS_A_DAY, len(cells) - FAULT_CELLS
    moments = set(draw.sample(range(begin, end), trials)) if trials else set()
    found = Found(months=days / 30)
    found.alarms = {name: Counter() for name in (OURS, *PROCEDURES)}
    found.delays = {fault: {name: [] for name in found.alarms} for fault in FAULTS}
    found.errors = {fault: [] for fault in FAULTS}
    watch = Watch()
    charts = {
        name: {one.name: Chart(step, one.worse) for one in SIGNALS} for name, step in PROCEDURES.items()
    }
    for at in range(begin, len(cells)):
        if (at - begin) % (LEARNT_EVERY_DAYS * CELLS_A_DAY) == 0:
            past = {
                day: _day(cells, day) for day in range(at // CELLS_A_DAY - history_days, at // CELLS_A_DAY)
            }
            watch = learnt(watch, past, seed)
            _learn(charts, past, watch)
        if at in moments and minutes[at - 1].begun >= FEWEST_REQUESTS:
            for name in FAULTS:
                copies = {
                    procedure: {signal: chart.copy() for signal, chart in by_signal.items()}
                    for procedure, by_signal in charts.items()
                }
                trial = _Trial(at, watch, copies, late=draw.random())
                trial.run(name, minutes[at : at + FAULT_CELLS], draw, found)
        cell = cells[at]
        if cell is None:
            continue
        before, watch = watch, looked(watch, at, cell)
        found.alarms[OURS].update(_new(before, watch))
        for procedure, by_signal in charts.items():
            found.alarms[procedure].update(_alarms(by_signal, watch, at, cell))
    return found


def _day(cells: Sequence[Cell | None], day: int) -> Sequence[Cell | None]:
    return cells[day * CELLS_A_DAY : (day + 1) * CELLS_A_DAY]


def _share(watch: Watch) -> float:
    return next((model.failed_share for model in watch.models.values()), 0.01)


def _learn(charts: dict[str, dict[str, Chart]], past: dict[int, Sequence[Cell | None]], watch: Watch) -> None:
    share = _share(watch)
    for signal in SIGNALS:
        readings = [one and signal.read(one, share) for row in past.values() for one in row]
        for by_signal in charts.values():
            by_signal[signal.name].learn(readings)


def _new(before: Watch, after: Watch) -> list[str]:
    """The families in which an alarm was raised by the last cell, those that had one left out."""
    old = {name for name, track in before.tracks.items() if track.alarm_since is not None}
    now = {name for name, track in after.tracks.items() if track.alarm_since is not None}
    family = {one.name: one.family for one in SIGNALS}
    return sorted({family[name] for name in now} - {family[name] for name in old})


def _alarms(by_signal: dict[str, Chart], watch: Watch, at: int, cell: Cell) -> list[str]:
    families = set()
    for signal in SIGNALS:
        reading = signal.read(cell, _share(watch))
        if reading is not None and by_signal[signal.name].look(at, reading):
            families.add(signal.family)
    return sorted(families)


@dataclass(slots=True)
class _Trial:
    """One fault at one moment, in the families' own memory of that moment."""

    at: int
    watch: Watch
    charts: dict[str, dict[str, Chart]]
    late: float
    """How far into its first cell the fault begins."""

    def run(self, name: str, minutes: Sequence[Minutes], draw: random.Random, found: Found) -> None:
        """Replay the fault's two hours; a procedure that has an alarm of this family already is not tried."""
        family, fault = FAULTS[name]
        members = [one.name for one in FAMILIES[family]]
        quiet = {OURS: not _alarmed(self.watch, members)} | {
            procedure: all(self.at - chart[one].alarmed_at > MERGED_CELLS for one in members)
            for procedure, chart in self.charts.items()
        }
        delays: dict[str, float] = {}
        for number, one in enumerate(minutes):
            cell = one.cell(fault.partly(1 - self.late) if number == 0 else fault, draw)
            if cell is None:
                continue
            after = (number + 1 - self.late) * CELL_SECONDS / 60
            self.watch = looked(self.watch, self.at + number, cell)
            if OURS not in delays and (raised := _alarmed(self.watch, members)):
                delays[OURS] = after
                if quiet[OURS]:
                    found.errors[name].append((min(raised) - self.at - self.late) * CELL_SECONDS / 60)
            for procedure, chart in self.charts.items():
                if family in _alarms(chart, self.watch, self.at + number, cell):
                    delays.setdefault(procedure, after)
        for procedure, is_quiet in quiet.items():
            if is_quiet:
                found.delays[name][procedure].append(delays.get(procedure))


def _alarmed(watch: Watch, members: Sequence[str]) -> list[int]:
    """Since when, of those that have an alarm."""
    tracks = (watch.tracks.get(one) for one in members)
    return [track.alarm_since for track in tracks if track is not None and track.alarm_since is not None]
