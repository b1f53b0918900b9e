"""Four weeks of traffic as the operator keeps it: cells, events, histograms, the ledger.

Minutes are those of `bench.anomaly.service` (ServeGen's clients); everything else follows from them.
"""

from __future__ import annotations

import math
import random
from statistics import NormalDist

from bench.anomaly.service import NO_FAULT, Fault, Minutes, Service
from tests.operator.full_state import histogram

from llmmonitor_api.report.engine_counts import Compared, EngineCounts, EngineHistogram, Pair
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.anomalies.advance import learnt_anew
from llmmonitor_operator.anomalies.cell import CELL_SECONDS, CELLS_A_DAY, Cell
from llmmonitor_operator.anomalies.history import History, kept
from llmmonitor_operator.anomalies.watch import Watch as AnomalyWatch
from llmmonitor_operator.anomalies.watch import looked
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.cost.ledger import Ledger, Line, Spent
from llmmonitor_operator.cost.period import DAY_MS
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.interaction_counts import flagged_key, verified_key
from llmmonitor_operator.packed_figures import PackedFigures
from llmmonitor_operator.request_counts import ANY, check_key
from llmmonitor_operator.windows import COUNT_TIERS, FIGURE_TIERS, Count, Tier

DAYS = 28
UID = "6f1c3c1e-7a0e-4c55-9d3e-0e2f6a3b7c11"
LIMIT_SECONDS = 2.0
"""Of the objective on the first token."""
CHANGED_DAYS_AGO = 10
CHECKED = {"languages": 0.004, "roles": 0.002, "contextOverflow": 0.0, "unknownParameters": 0.011}
"""Checks on requests, by the share that breaks them."""
_SPREAD = 0.6
"""Of the logarithm of TTFT between requests."""


def minutes(now: float) -> dict[int, tuple[Minutes, Fault]]:
    """By the number of the five minutes since 1970: with an incident, a slow last hour and a night unread."""
    last = int(now // CELL_SECONDS) - 1
    first = last - DAYS * CELLS_A_DAY + 1
    found = {}
    for at, one in enumerate(Service(11).minutes(DAYS), first):
        ago = (last - at) / CELLS_A_DAY
        fault = NO_FAULT
        if 8.2 < ago < 8.4:
            fault = Fault(slower=3.0, failing=0.12)
        if ago < 1 / 24:
            fault = Fault(slower=3.5, failing=0.02)
        if not 14.1 < ago < 14.5:
            found[at] = (one, fault)
    return found


def history_of(minutes: dict[int, tuple[Minutes, Fault]], now: float) -> tuple[History, AnomalyWatch]:
    draw = random.Random(5)
    cells: dict[int, Cell] = {}
    for at, (one, fault) in minutes.items():
        cell = one.cell(fault, draw)
        if cell is not None:
            cells[at] = cell
    history = History()
    for day in sorted({at // CELLS_A_DAY for at in cells}):
        some = {at: cell for at, cell in cells.items() if at // CELLS_A_DAY == day}
        history = kept(history, some, (max(some) + 2) * CELL_SECONDS + 60)
    watch = learnt_anew(AnomalyWatch(days=DAYS - 1), history, UID, now - 86_400)
    for at, cell in sorted(cells.items())[-2 * CELLS_A_DAY :]:
        watch = looked(watch, at, cell)
    return history, watch


def keys(monitor: LLMMonitor) -> list[str]:
    kinds = ("promptInjection", "piiExposed", "refusals")
    objectives = [one.key for one in settings_for(monitor).objectives]
    checks = [check_key(name, settings_for(monitor).requests.setting) for name in (ANY, *CHECKED)]
    return [*objectives, *map(flagged_key, kinds), verified_key("piiExposed"), *checks]


def counts(
    minutes: dict[int, tuple[Minutes, Fault]], monitor: LLMMonitor, now: float
) -> tuple[dict[str, dict[int, Count]], ...]:
    draw = random.Random(6)
    first_token, errors, injection, pii, refusals, _, *checks = keys(monitor)
    tiers: tuple[dict[str, dict[int, Count]], ...] = tuple({} for _ in COUNT_TIERS)
    for at, (one, fault) in minutes.items():
        if not one.ended:
            continue
        slow = 1 - NormalDist(one.first + math.log(fault.slower), _SPREAD).cdf(math.log(LIMIT_SECONDS))
        bad = {
            first_token: _some(slow, one.ended, draw),
            errors: min(one.ended, one.failed + _some(fault.failing, one.ended, draw)),
            injection: _some(0.004, one.ended, draw),
            pii: 0,
            refusals: _some(0.03, one.ended, draw),
        }
        if at * CELL_SECONDS >= now - CHANGED_DAYS_AGO * 86_400:  # counts of requests begin anew
            invalid = [_some(share, one.ended, draw) for share in CHECKED.values()]
            bad |= dict(zip(checks, (min(one.ended, sum(invalid)), *invalid), strict=True))
        for key, number in bad.items():
            for tier, cells in zip(COUNT_TIERS, tiers, strict=True):
                cell = tier.index(at * CELL_SECONDS)
                if cell > tier.index(now) - tier.cells:
                    known = cells.setdefault(key, {})
                    known[cell] = known.get(cell, Count()) + Count(one.ended - number, number)
    return tiers


def _some(share: float, of: int, draw: random.Random) -> int:
    mean = share * of
    return max(0, min(of, round(draw.gauss(mean, math.sqrt(mean * max(0.0, 1 - share))))))


def figures(minutes: dict[int, tuple[Minutes, Fault]], now: float) -> tuple[dict[int, PackedFigures], ...]:
    draw = random.Random(7)

    def of(tier: Tier) -> dict[int, PackedFigures]:
        found = {}
        for cell in range(tier.index(now) - tier.cells + 1, tier.index(now) + 1):
            begin, end = cell * tier.cell_seconds, (cell + 1) * tier.cell_seconds
            inside = range(begin // CELL_SECONDS, max(begin // CELL_SECONDS + 1, end // CELL_SECONDS))
            some = [minutes[at] for at in inside if at in minutes and minutes[at][0].ended]
            part = min(1.0, tier.cell_seconds / CELL_SECONDS)
            if some:
                found[cell] = PackedFigures(_cell_figures(some, part, draw))
        return found

    return tuple(map(of, FIGURE_TIERS))


def _cell_figures(some: list[tuple[Minutes, Fault]], part: float, draw: random.Random) -> Figures:
    ended = round(part * sum(one.ended for one, _ in some))
    failed = min(ended, round(part * sum(one.failed + fault.failing * one.ended for one, fault in some)))
    one, fault = some[-1]
    slower = math.log(fault.slower)
    return Figures(
        begun=round(part * sum(one.begun for one, _ in some)),
        outcomes={"ok": ended - failed, "server_error": failed},
        completion_tokens_exact=round(ended * math.exp(one.answer + 0.4)),
        token_sources={"usage": ended},
        prompts=ended,
        prompts_log_milli=round(1000 * ended * one.prompt),
        answers=ended,
        answers_log_milli=round(1000 * ended * one.answer),
        met_objectives=ended - failed,
        missed_objectives=failed,
        time_to_first_token=histogram(draw, ended, one.first + slower, _SPREAD),
        time_per_output_token=histogram(draw, ended, one.token + slower, 0.3),
        duration=histogram(draw, ended, one.duration + slower, 0.7),
        engine=EngineCounts(
            prompt_tokens=420 * ended,
            generation_tokens=230 * ended,
            finished_requests={"stop": ended - failed},
            time_to_first_token=EngineHistogram(round(ended * 1e9 * math.exp(one.first + slower)), {}, ended),
        ),
        compared=Compared(
            requests=Pair(ended - failed, ended),
            answered=ended - failed,
            prompt_tokens=Pair(420 * ended, 420 * ended),
            generation_tokens=Pair(230 * ended, 229 * ended),
            token_requests=ended,
        ),
        interactions={
            "exchanges": ended,
            "looked_at": ended,
            "answers": ended,
            "flagged:promptInjection": round(0.004 * ended),
            "complied:promptInjection": round(0.0005 * ended),
            "flagged:refusals": round(0.03 * ended),
            "flagged:truncated": round(0.01 * ended),
        },
    )


def ledger(minutes: dict[int, tuple[Minutes, Fault]], now: float) -> Ledger:
    today, whole = int(now) // 86_400, 3 * DAY_MS
    days: dict[int, Spent] = {}
    for day in range(today - 40, today + 1):
        inside = [one for at, (one, _) in minutes.items() if at // CELLS_A_DAY == day]
        charged = whole if day < today else round(3 * (now * 1000 - day * DAY_MS))
        answered = sum(one.ended for one in inside)
        busy = round(charged * min(0.9, 0.12 + answered / 400_000))
        loading = round(0.01 * charged) if day % 9 == 0 else 0
        probes = round(0.004 * charged)
        rest = charged - busy - loading - probes
        days[day] = Spent(
            busy=2_500_000 * busy,
            idle=2_500_000 * rest,
            loading=2_500_000 * loading,
            probes=2_500_000 * probes,
            device_ms=charged,
            prompt_tokens=420 * answered,
            completion_tokens=230 * answered,
            answered=answered,
            exact=answered,
        )
    at = int(now * 1000)
    return Ledger((Line("USD", "2.50", "GPU", at - 41 * DAY_MS, at, days),), {}, at)
