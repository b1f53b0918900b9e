"""What an operator keeps of a chat model after four weeks: real clients' traffic, an incident, a new version.

Traffic and speeds are those of `bench.anomaly.service` (ServeGen's clients); events of objectives, cost and
limits follow from the same minutes. It is saved by the operator's own code to an API server on loopback.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from tests.cli.report.kept_people import canaries, course, outcomes, review
from tests.cli.report.kept_traffic import (
    CHECKED,
    DAYS,
    LIMIT_SECONDS,
    UID,
    counts,
    figures,
    history_of,
    keys,
    ledger,
    minutes,
)
from tests.operator import kube_server
from tests.operator.conftest import Replica, Watch
from tests.operator.drift.traffic import learnt

from llmmonitor_api.interactions.kinds import BY_NAME
from llmmonitor_api.report import gpus
from llmmonitor_api.report.interactions import InteractionCounts, KindCounts
from llmmonitor_api.report.report import Engine, Resources
from llmmonitor_api.report.requests import CheckCounts, RequestCounts, detail_key
from llmmonitor_api.spec import LLMMonitor, load_monitor
from llmmonitor_operator.anomalies.history import History
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.evaluate import Environment, ExpectedPod
from llmmonitor_operator.evaluate.status import status_document
from llmmonitor_operator.kube import paths
from llmmonitor_operator.quality_kept import Outcome, PairsKept, QualityKept, Round
from llmmonitor_operator.reconcile.keep.checkpoints import Checkpoints
from llmmonitor_operator.reconcile.keep.histories import Baselines, Histories
from llmmonitor_operator.state import State
from llmmonitor_operator.versions.comparison import Comparison
from llmmonitor_operator.versions.history import History as Versions
from llmmonitor_operator.versions.history import ModelChange, Version
from llmmonitor_operator.versions.sequence import Evidence, observed
from llmmonitor_operator.windows import FIGURE_TIERS

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
                    "threshold": f"{LIMIT_SECONDS:g}s",
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
            "probes": [
                {"name": "greeting", "prompt": "Say hello.", "expect": {"contains": "hello"}, "repeats": 3}
            ],
            "schedule": "24h",
            "minPassed": "60%",
            "outcomes": {"minPositive": "80%", "maxRegenerated": "5%", "maxStopped": "10%"},
        },
        "requests": {
            "languages": ["en", "de"],
            "roles": ["system", "user", "assistant"],
            "unknownParameters": True,
            "contextOverflow": True,
            "maxInvalidRate": "1%",
        },
        "cost": {
            "hourlyRate": {"amount": "2.50", "per": "GPU"},
            "currency": "USD",
            "budget": {"amount": "5400", "period": "Month"},
        },
        "privacy": {
            "clientHeader": "x-user",
            "content": "Redacted",
            "review": {"maxCases": 200, "maxAge": "7d"},
        },
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
    past = minutes(now)
    history, anomalies = history_of(past, now)
    state = State(
        counts=counts(past, monitor, now),
        figures=figures(past, now),
        figures_from=tuple(now - tier.reach_seconds for tier in FIGURE_TIERS),
        newest_at=now - 20,
        events_at=dict.fromkeys(keys(monitor), now - 20),
        canaries=canaries(now),
        outcomes=outcomes(past, now),
        review=review(now),
        limited_kinds=("promptInjection", "piiExposed", "refusals"),
        progress_at=now - 20,
        cost=ledger(past, now),
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
        past=(
            ModelChange(
                now - 10 * 86_400,
                "support-chat-2",
                old.name,
                new.name,
                "engine vLLM 0.18.1 → vLLM 0.19.0, canaries of model 1 → of model 2",
            ),
        ),
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
        results["/greeting"] = Outcome(1, 2, 0, "contains")
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
    status = status_document(result.inputs, conditions)
    status["engineCounts"]["crossChecks"] = [
        {
            "name": name,
            "verdict": verdict,
            "engine": engine,
            "wire": wire,
            "requests": 2_542,
            "tolerance": 0.01,
        }
        for name, verdict, engine, wire in (
            ("requests", "Agrees", 2_542, 2_542),
            ("completion-tokens", "Differs", 512_000, 498_000),
            ("time-to-first-token", "CannotCompare", None, None),
        )
    ]
    status["quality"]["judgeAgreement"] = {"value": 0.92, "low": 0.81, "high": 0.97, "count": 44}
    state = msgspec.structs.replace(
        result.state, conditions=conditions, condition_history=course(conditions, now)
    )
    return status, state


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
        replica.totals.interactions = InteractionCounts(kinds={name: KindCounts() for name in BY_NAME})
        replica.totals.requests = RequestCounts(
            settings_for(one.monitor).requests.setting,
            *(5, 4, 1),
            {name: CheckCounts(4, 1) for name in CHECKED},
            {detail_key("roles", "developer"): 1, detail_key("unknownParameters", "guided_json"): 1},
        )
        yield replica
