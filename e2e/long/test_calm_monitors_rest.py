"""With `operator.rest` sidecars of calm monitors tell their reports by themselves, and no request is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from e2e import model_pods, small_models
from e2e.installed import Installed, values_for
from e2e.kubectl import Kubectl
from e2e.waiting import condition, requests, since, until

NAME = "calm"
MINUTES = 60.0
REST_SECONDS = 120.0
STEADY = ("Ready", "Injected", "Reporting", "Intercepting")
LEASE = "lease/llm-monitor-operator"
PASSES, TOLD = "llm_monitor_operator_pass_seconds_count", 'llm_monitor_operator_pulls_total{result="told"}'
METRICS_PORT = 8080
LOOKS = 5

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def resting(product: Installed) -> Iterator[Installed]:
    """The release, whose monitors may rest meanwhile."""
    operator = values_for(product.images)["operator"]
    product.upgrade(operator={**operator, "rest": f"{REST_SECONDS:.0f}s"})
    yield product
    product.upgrade()


@pytest.fixture
def model(proved: Kubectl, resting: Installed, sidecar_image: str) -> Iterator[Kubectl]:  # noqa: ARG001 - before
    """A monitored model of two pods that all is well with."""
    with small_models.well(proved, NAME, sidecar_image, replicas=2):
        yield proved


def test_they_are_asked_once_and_tell_on_and_every_request_is_counted(
    resting: Installed, model: Kubectl, sidecar_image: str, figure: Callable[[str], None]
) -> None:
    clients = small_models.asking_each(model, NAME, sidecar_image, seconds=8 * MINUTES)
    condition(model, NAME, 2 * MINUTES, **dict.fromkeys(STEADY, "True"))
    until(lambda: _own(resting, TOLD), "a sidecar to tell by itself", 3 * MINUTES)
    steady, told, passes = since(model, NAME, STEADY), _own(resting, TOLD), _own(resting, PASSES)

    until(
        lambda: _own(resting, TOLD) >= told + LOOKS * len(clients),
        "sidecars to go on telling",
        REST_SECONDS + 2 * MINUTES,
    )
    looked, judged = _own(resting, TOLD) - told, _own(resting, PASSES) - passes
    figure(
        f"{looked:.0f} reports were told by {len(clients)} pods while monitors were judged {judged:.0f} times"
    )
    answered, failed = small_models.ended(model, clients)
    counted = until(
        lambda: (found := requests(model, NAME)) >= answered and found,
        "all of them to be counted",
        REST_SECONDS + 1.5 * MINUTES,
    )

    assert failed == 0
    assert counted == answered
    assert since(model, NAME, STEADY) == steady


def _own(product: Installed, name: str) -> float:
    """A counter of the operator that leads; 0 before it has one."""
    leader = product.kubectl.get(LEASE)["spec"].get("holderIdentity") or ""
    lines = model_pods.ask(product.kubectl, leader, "/metrics", METRICS_PORT).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))
