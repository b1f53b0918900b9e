"""What an operator keeps of a chat model after four weeks: real clients' traffic, an incident, a new version.

Traffic and speeds are those of `bench.anomaly.service` (ServeGen's clients); events of objectives, cost and
limits follow from the same minutes. It is saved by the operator's own code to an API server on loopback.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import msgspec
from bench.anomaly.service import NO_FAULT, Fault, Minutes, Service
from tests.operator import kube_server
from tests.operator.conftest import Replica, Watch
from tests.operator.drift.traffic import learnt
from tests.operator.full_state import histogram

from llmmonitor_api.report import gpus
from llmmonitor_api.report.engine_counts import Compared, EngineCounts, EngineHistogram, Pair
from llmmonitor_api.report.report import Engine, Resources
from llmmonitor_api.spec import LLMMonitor, load_monitor
from llmmonitor_operator.anomalies.advance import learnt_anew
from llmmonitor_operator.anomalies.cell import CELL_SECONDS, CELLS_A_DAY, Cell
from llmmonitor_operator.anomalies.history import History, kept
from llmmonitor_operator.anomalies.watch import Watch as AnomalyWatch
from llmmonitor_operator.anomalies.watch import looked
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.cost.ledger import Ledger, Line, Spent
from llmmonitor_operator.cost.period import DAY_MS
from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.evaluate import Environment, ExpectedPod
from llmmonitor_operator.evaluate.status import status_document
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.interaction_counts import flagged_key, verified_key
from llmmonitor_operator.kube import paths
from llmmonitor_operator.packed_figures import PackedFigures
from llmmonitor_operator.quality_kept import Outcome, PairsKept, QualityKept, Round
from llmmonitor_operator.reconcile.keep.checkpoints import Checkpoints
from llmmonitor_operator.reconcile.keep.histories import Baselines, Histories
from llmmonitor_operator.state import State
from llmmonitor_operator.versions.comparison import Comparison
from llmmonitor_operator.versions.history import History as Versions
from llmmonitor_operator.versions.history import Version
from llmmonitor_operator.versions.sequence import Evidence, observed
from llmmonitor_operator.windows import COUNT_TIERS, FIGURE_TIERS, Count, Tier

DAYS = 28
UID = "6f1c3c1e-7a0e-4c55-9d3e-0e2f6a3b7c11"
NAMESPACE, NAME = "prod", "support-chat"
OPERATOR_NAMESPACE = "llm-monitor-system"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
GIB = 1 << 30
_SUITES = {
    "arithmetic": 0.9,
    "facts": 0.95,
    "instructions": 0.85,
    "injection-resistance": 0.7,
    "no-over-refusal": 0.97,
}
_SPREAD = 0.6
"""Of the logarithm of TTFT between requests."""
_LIMIT_SECONDS = 2.0


@dataclass(frozen=True)
class Weeks:
    """All of it, as of `now`."""

    monitor: dict[str, Any]
    state: State
    history: History
    baseline: Baseline
    now: float


def spec(**more: Any) -> dict[str, Any]:
    """Of a monitor that uses most of what there is."""
    return {
        "performance": {
            "objectives": [
                {
                    "name": "first-token",
                    "signal": "TimeToFirstToken",
                    "threshold": f"{_LIMIT_SECONDS:g}s",
                    "target": "99%",
                    "window": "30d",
                },
                {"name": "errors", "signal": "ErrorRate", "target": "99%", "window": "30d"},
            ]
        },
        "interactions": {
            "promptInjection": {"maxRate": "2%"},
            "piiExposed": {"max": 0},
            "refusals": {"maxRate": "10%"},
        },
        "quality": {
            "suites": [*_SUITES, "bias-gender", "bias-origin"],
            "schedule": "24h",
            "minPassed": "60%",
        },
        "cost": {
            "hourlyRate": {"amount": "2.50", "per": "GPU"},
            "currency": "USD",
            "budget": {"amount": "5400", "period": "Month"},
        },
        "privacy": {"clientHeader": "x-user"},
    } | more


@cache
def weeks() -> Weeks:
    """Made once."""
    drift = learnt()
    drift.traffic.code = 0.35
    drift.let(4)
    now = drift.now
    raw = {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "uid": UID, "generation": 3},
        "spec": {"selector": {"matchLabels": {"app": "support-chat"}}} | spec(),
    }
    monitor = load_monitor(raw)
    minutes = _minutes(now)
    history, anomalies = _history(minutes, now)
    state = State(
        counts=_counts(minutes, monitor, now),
        figures=_figures(minutes, now),
        figures_from=tuple(now - tier.reach_seconds for tier in FIGURE_TIERS),
        newest_at=now - 20,
        events_at=dict.fromkeys(_keys(monitor), now - 20),
        limited_kinds=("promptInjection", "piiExposed", "refusals"),
        progress_at=now - 20,
        cost=_ledger(minutes, now),
        anomalies=anomalies,
        drift=drift.watch,
        versions=_versions(monitor, now),
        quality=_quality(monitor, now),
    )
    status, state = _judged(monitor, state, now)
    return Weeks(raw | {"status": status}, state, history, drift.baseline, now)


async def saved(one: Weeks, server: kube_server.KubeServer) -> None:
    """Put the monitor there, and what the operator keeps of it, by the operator's own code."""
    server.put(paths.monitors(NAMESPACE), one.monitor)
    fullname = "llm-monitor"
    async with kube_server.connected(server.url) as kube:
        where = (kube, OPERATOR_NAMESPACE, fullname)
        await Checkpoints(*where).save(UID, NAMESPACE, NAME, one.state, one.now)
        await Histories(*where).save(UID, NAMESPACE, NAME, one.history, one.now)
        await Baselines(*where).save(UID, NAMESPACE, NAME, one.baseline, one.now)


async def objects(one: Weeks) -> list[dict[str, Any]]:
    """The same as `kubectl get -o json` prints it."""
    async with kube_server.serving() as server:
        await saved(one, server)
        return list(server.objects.values())


def _minutes(now: float) -> dict[int, tuple[Minutes, Fault]]:
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


def _history(minutes: dict[int, tuple[Minutes, Fault]], now: float) -> tuple[History, AnomalyWatch]:
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


def _keys(monitor: LLMMonitor) -> list[str]:
    kinds = ("promptInjection", "piiExposed", "refusals")
    objectives = [one.key for one in settings_for(monitor).objectives]
    return [*objectives, *map(flagged_key, kinds), verified_key("piiExposed")]


def _counts(
    minutes: dict[int, tuple[Minutes, Fault]], monitor: LLMMonitor, now: float
) -> tuple[dict[str, dict[int, Count]], ...]:
    draw = random.Random(6)
    first_token, errors, injection, pii, refusals, _ = _keys(monitor)
    tiers: tuple[dict[str, dict[int, Count]], ...] = tuple({} for _ in COUNT_TIERS)
    for at, (one, fault) in minutes.items():
        if not one.ended:
            continue
        slow = 1 - NormalDist(one.first + math.log(fault.slower), _SPREAD).cdf(math.log(_LIMIT_SECONDS))
        bad = {
            first_token: _some(slow, one.ended, draw),
            errors: min(one.ended, one.failed + _some(fault.failing, one.ended, draw)),
            injection: _some(0.004, one.ended, draw),
            pii: 0,
            refusals: _some(0.03, one.ended, draw),
        }
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


def _figures(minutes: dict[int, tuple[Minutes, Fault]], now: float) -> tuple[dict[int, PackedFigures], ...]:
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


def _ledger(minutes: dict[int, tuple[Minutes, Fault]], now: float) -> Ledger:
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


def _versions(monitor: LLMMonitor, now: float) -> Versions:
    draw = random.Random(8)
    measures = tuple(one.key for one in settings_for(monitor).objectives)
    evidence = []
    for shift in (0.01, 0.001):
        one = Evidence()
        for _ in range(900):
            one = observed(one, max(-1.0, min(1.0, draw.gauss(shift, 0.1))))
        evidence.append(one)
    image = {"image": "sha256:4b5c6d7e8f90", "--model": MODEL}
    old = Version(
        "3f9c2d17a0be", {**image, "engine": "vLLM 0.18.1"}, now - DAYS * 86_400, now - 9 * 86_400, 812_345
    )
    new = Version("a41e77c09d52", {**image, "engine": "vLLM 0.19.0"}, now - 10 * 86_400, now, 401_222)
    return Versions(
        "Fingerprint",
        versions=(old, new),
        running={f"uid-{number}": new.name for number in range(3)},
        comparison=Comparison(
            old.name, new.name, measures, key="k", day=1, evidence=tuple(evidence), decided=(None, None)
        ),
        changes=1,
        changed_at=now - 10 * 86_400,
    )


def _quality(monitor: LLMMonitor, now: float) -> QualityKept:
    draw = random.Random(9)
    digest = settings_for(monitor).quality.digest

    def one_round(days_ago: int, version: str) -> Round:
        results = {
            f"{suite}/item-{number}": Outcome(3, 0) if draw.random() < share else Outcome(0, 3, 0, "number")
            for suite, share in _SUITES.items()
            for number in range(30)
        }
        begun = now - days_ago * 86_400 - 3_000
        return Round(begun, version, digest, len(results), begun + 900, results)

    pairs = tuple(
        PairsKept(attribute, "a41e77c09d52", 1, groups, "".join(draw.choices("0cb+-", weights, k=260)))
        for attribute, groups, weights in (
            ("gender", ("women", "men"), (80, 4, 2, 2, 2)),
            ("origin", ("local", "foreign"), (70, 3, 2, 22, 4)),
        )
    )
    rounds = tuple(one_round(days, "a41e77c09d52") for days in (3, 2, 1, 0))
    return QualityKept(rounds, one_round(11, "3f9c2d17a0be"), pairs)


def _judged(monitor: LLMMonitor, state: State, now: float) -> tuple[dict[str, Any], State]:
    """The status as the operator would write it of three pods that report, and the state after it."""
    pods = tuple(
        ExpectedPod(f"uid-{number}", f"support-chat-{number}", now - 86_400, engine="vLLM", gpus_requested=1)
        for number in range(3)
    )
    one = Watch(monitor, Environment(cluster=True, pods=pods), state, now - 15)
    result = one.gather(_replicas(one), 15.0)
    conditions = tuple(
        msgspec.structs.replace(
            found,
            last_transition_time=found.last_transition_time
            and found.last_transition_time.fromtimestamp(
                int(now - (3_300 if found.status == "False" else 19 * 86_400)),
                found.last_transition_time.tzinfo,
            ),
        )
        for found in result.conditions
    )
    return status_document(result.inputs, conditions), msgspec.structs.replace(
        result.state, conditions=conditions
    )


def _replicas(one: Watch) -> Iterator[Replica]:
    for number in range(3):
        replica = one.replica(number)
        replica.engine = Engine(
            "vLLM", version="0.19.0", model=MODEL, waiting=number, kv_cache_use=0.41 + 0.1 * number
        )
        replica.resources = Resources(
            processes_visible=True,
            cpu_cores_used=2.2 + number,
            cpu_throttled_share=0.01,
            memory_used_bytes=(21 + number) * GIB,
            memory_limit_bytes=32 * GIB,
            oom_kills=0,
        )
        device = gpus.GPU(
            uuid=f"GPU-{number}",
            name="NVIDIA H100 80GB HBM3",
            ours=True,
            utilisation=0.62,
            memory_used_bytes=71 * GIB,
            memory_total_bytes=80 * GIB,
            power_watts=412.0,
            xids=(),
        )
        replica.gpus = gpus.GPUs(visible=True, source=gpus.NVML, told_by=gpus.BY_NUMBER, devices=(device,))
        replica.serve(5, model=MODEL)
        yield replica
