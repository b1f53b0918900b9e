from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_api.conditions import CONDITION_TYPES, Role
from llmmonitor_api.conditions import reasons_monitoring as monitoring
from llmmonitor_api.conditions import reasons_performance as performance
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.evaluate import healthy
from llmmonitor_operator.evaluate.environment import Environment
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict
from llmmonitor_operator.evaluate.registry import EVALUATORS
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.state import State

GOOD = {
    "Ready": Verdict(monitoring.MONITORING, "ready"),
    "Reporting": Verdict(monitoring.ALL_REPORTING, "reporting"),
    "PerformanceHealthy": Verdict(performance.OBJECTIVES_HOLD, "fast"),
}
STALLED = Verdict(performance.STALLED, "hangs")
SHEDDING = Verdict(monitoring.SHEDDING, "sheds")
TOO_FEW = Verdict(shared.TOO_FEW_REQUESTS, "two requests")


def summed(verdicts: dict[str, Verdict], roles: dict[str, Role] | None = None) -> tuple[str, str, str]:
    verdict = healthy.judge(
        Inputs(
            settings=Settings(roles=roles or {}),
            state=State(),
            environment=Environment(cluster=True),
            now=0.0,
            pods=(),
            objectives=(),
            verdicts=verdicts,
        )
    )
    return str(verdict.reason.status), verdict.reason.name, verdict.message


def test_all_gating_conditions_true_is_healthy() -> None:
    assert summed(GOOD) == ("True", "AllHold", "Ready, Reporting, PerformanceHealthy hold")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"PerformanceHealthy": STALLED}, ("False", "Stalled", "PerformanceHealthy=False: hangs")),
        (
            {"PerformanceHealthy": TOO_FEW},
            ("Unknown", "TooFewRequests", "PerformanceHealthy=Unknown: two requests"),
        ),
        (
            {"PerformanceHealthy": STALLED, "Reporting": Verdict(monitoring.STALE, "old")},
            ("False", "Stalled", "PerformanceHealthy=False: hangs; Reporting=False: old"),
        ),
        (
            {"PerformanceHealthy": TOO_FEW, "Reporting": Verdict(monitoring.STALE, "old")},
            ("False", "Stale", "Reporting=False: old"),
        ),
        ({"Intercepting": SHEDDING}, ("True", "AllHold", "Ready, Reporting, PerformanceHealthy hold")),
        (
            {"QualityHealthy": Verdict(shared.NOT_CONFIGURED, "")},
            (
                "True",
                "AllHold",
                "Ready, Reporting, PerformanceHealthy hold; not judged: QualityHealthy (NotConfigured)",
            ),
        ),
    ],
)
def test_the_worst_gating_condition_decides_and_what_is_not_judged_is_listed(
    changed: dict[str, Verdict], expected: tuple[str, str, str]
) -> None:
    assert summed(GOOD | changed) == expected


def test_the_owner_may_change_what_gates() -> None:
    assert summed(GOOD | {"Intercepting": SHEDDING}, {"Intercepting": Role.GATING})[:2] == (
        "False",
        "Shedding",
    )
    assert summed(GOOD | {"PerformanceHealthy": STALLED}, {"PerformanceHealthy": Role.ADVISORY})[0] == "True"


def test_nothing_judged_is_unknown() -> None:
    verdicts = {"ResourcesHealthy": Verdict(performance.PROCESSES_NOT_VISIBLE, "")}

    assert summed(verdicts) == (
        "Unknown",
        "NothingJudged",
        "not judged: ResourcesHealthy (ProcessesNotVisible)",
    )


def test_every_condition_has_one_evaluator_and_the_summary_is_judged_last() -> None:
    assert sorted(row.kind.name for row in EVALUATORS) == sorted(kind.name for kind in CONDITION_TYPES)
    assert EVALUATORS[-1].kind.role is Role.SUMMARY


def test_what_this_version_does_not_judge_exists_and_never_gates(
    watch: Callable[..., Any], said: Callable[[Any, str], tuple[str, str, str]]
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100)

    result = one.gather([replica])

    for kind in ("DataValid", "InteractionsSafe", "QualityHealthy"):
        assert said(result, kind)[:2] == ("Unknown", "NotConfigured")
    assert said(result, "WithinBudget")[:2] == ("Unknown", "NoPrice")
    assert said(result, "Injected")[:2] == ("Unknown", "NotApplicable")
    assert said(result, "Healthy")[0] == "True"
