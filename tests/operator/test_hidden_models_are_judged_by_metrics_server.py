from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.operator.conftest import START

from llmmonitor_api.report.report import Resources
from llmmonitor_operator.evaluate import Environment, ExpectedPod
from llmmonitor_operator.evaluate.measured import OLD_SECONDS, Measured

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]
GIB = 1 << 30
HIDDEN = Resources(processes_visible=False, reason="another PID namespace")


def environment(measured: Measured | None) -> Environment:
    return Environment(cluster=True, pods=(ExpectedPod("uid-0", "chat-0", 0.0, measured=measured),))


@pytest.mark.parametrize(
    ("used", "reason", "words"),
    [(95, "MemoryNearLimit", " > 90 %"), (50, "WithinLimits", ", limit 90 %")],
)
def test_its_memory_is_held_against_the_limit(
    watch: Make, said: Said, used: int, reason: str, words: str
) -> None:
    one = watch(environment(Measured(START, used * GIB, 1.5, 100 * GIB, 2.0)))
    replica = one.replica()
    replica.resources = HIDDEN

    result = one.gather([replica])

    message = f"chat-0: memory {used} % ({used} GiB of 100 GiB){words}, by metrics-server"
    assert said(result, "ResourcesHealthy")[1:] == (reason, message)
    resources = result.status["resources"]
    assert (resources["memoryUsedBytes"], resources["cpuCores"]) == (used * GIB, 1.5)


@pytest.mark.parametrize("measured", [None, Measured(START - OLD_SECONDS, 95 * GIB, 1.5, 100 * GIB)])
def test_without_a_fresh_figure_it_stays_unknown(watch: Make, said: Said, measured: Measured | None) -> None:
    one = watch(environment(measured))
    replica = one.replica()
    replica.resources = HIDDEN

    assert said(one.gather([replica]), "ResourcesHealthy")[:2] == ("Unknown", "ProcessesNotVisible")


def test_what_the_sidecar_sees_itself_is_not_replaced(watch: Make, said: Said) -> None:
    one = watch(environment(Measured(START, 95 * GIB, 1.5, 100 * GIB)))

    assert said(one.gather([one.replica()]), "ResourcesHealthy")[2].startswith(
        "chat-0: memory 50 % (2 GiB of"
    )


def test_without_a_limit_it_is_shown_and_not_judged(watch: Make, said: Said) -> None:
    one = watch(environment(Measured(START, 95 * GIB, None)))
    replica = one.replica()
    replica.resources = HIDDEN

    assert said(one.gather([replica]), "ResourcesHealthy") == (
        "True",
        "WithinLimits",
        "chat-0: memory 95 GiB (no limit known), by metrics-server",
    )
