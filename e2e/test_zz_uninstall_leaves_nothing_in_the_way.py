"""`helm uninstall`: what is kept on purpose, that nothing else is, and that pods start and run as before.

Runs last of all, since it takes the release away from everybody else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from e2e import chat, model_pods, small_models
from e2e.helm import CHART
from e2e.installed import RELEASE, Installed, values_for
from e2e.kubectl import Kubectl
from e2e.waiting import WaitedInVain, condition, until

pytestmark = pytest.mark.last

NAME = "outlives"
MINUTES = 60.0
KEPT = f"llmmonitor.io/kept={RELEASE}"
OF_THE_RELEASE = f"app.kubernetes.io/instance={RELEASE}"
OF_EVERY_NAMESPACE = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}
NOT_KEPT_BY_ANYBODY = {"events", "events.events.k8s.io", "nodes.metrics.k8s.io", "pods.metrics.k8s.io"}
SIGNING_KEY = "Secret/llm-monitor-signing-key"
CHECKPOINT = "ConfigMap/llm-monitor-checkpoint-"
AUDIT = "ConfigMap/llm-monitor-audit-"
STOP_SECONDS, SLOW_MACHINE_SECONDS = 5.0, 30.0


@dataclass(frozen=True, slots=True)
class Left:
    """The cluster after the uninstall."""

    place: Kubectl
    """Where monitored pods run, one of which was attached to and one injected."""
    release: Kubectl
    """Where the release was."""
    stopped_after_seconds: float
    checkpoints: frozenset[str]
    """Those there were."""


@pytest.fixture(scope="module")
def left(product: Installed, proved: Kubectl, sidecar_image: str) -> Iterator[Left]:
    """After an uninstall of a release that owns the definition too, with a sidecar of each kind at work."""
    small_models.monitored(proved, NAME, small_models.server(sidecar_image))
    for name in (NAME, "first"):
        condition(proved, name, 3 * MINUTES, Ready="True", Injected="True", Reporting="True")
    assert [small_models.injected(pod) for pod in chat.pods(proved, NAME)] == [True]
    assert [small_models.attached(pod) for pod in chat.pods(proved, "first")] == [True]
    checkpoints = until(lambda: _checkpoints(product.kubectl), "a checkpoint", 7 * MINUTES)
    values = values_for(product.images) | {"crds": {"install": True, "keep": True}}
    place = f"--namespace={RELEASE}"
    product.helm("upgrade", RELEASE, str(CHART), place, "--take-ownership", "--wait", values=values)

    began = time.monotonic()
    product.helm("uninstall", RELEASE, place)
    with suppress(WaitedInVain):  # a test of its own says it
        until(lambda: _stopped(proved), "the sidecars to be stopped", STOP_SECONDS + SLOW_MACHINE_SECONDS)
    took = time.monotonic() - began
    yield Left(proved, product.kubectl, took, checkpoints)
    small_models.remove(proved, NAME)


def _checkpoints(release: Kubectl) -> frozenset[str]:
    found = release.get("configmaps", "--selector=llmmonitor.io/checkpoint=hot")["items"]
    return frozenset(_called(one) for one in found)


def _stopped(place: Kubectl) -> bool:
    return all(_health(place, name).get("reason") == "Stopped" for name in (NAME, "first"))


def _health(place: Kubectl, name: str) -> dict[str, Any]:
    [pod] = chat.pods(place, name)
    return model_pods.health(place, pod["metadata"]["name"])


def _called(one: dict[str, Any]) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


def test_sidecars_that_run_are_told_to_stop(left: Left, figure: Callable[[str], None]) -> None:
    figure(f"both sidecars were stopped within {left.stopped_after_seconds:.1f} s of the uninstall")

    for name in (NAME, "first"):
        said = _health(left.place, name)
        assert (said.get("reason"), said.get("reading")) == ("Stopped", False)


def test_models_answer_beside_a_sidecar_that_is_stopped(left: Left) -> None:
    for name in (NAME, "first"):
        [pod] = chat.pods(left.place, name)
        assert small_models.ready(pod)
        assert '"total_tokens": 7' in model_pods.ask(
            left.place, pod["metadata"]["name"], port=model_pods.PORT
        )


def test_the_key_and_the_checkpoints_are_kept_and_nothing_else(left: Left) -> None:
    kinds = _kinds(left.release, namespaced=True)

    def remaining() -> set[str]:
        return {_called(one) for one in left.release.get(kinds)["items"]} - OF_EVERY_NAMESPACE

    def others() -> set[str]:
        return {one for one in remaining() if one != SIGNING_KEY and not one.startswith((CHECKPOINT, AUDIT))}

    with suppress(WaitedInVain):  # the assertion says what there is
        until(lambda: not others(), "the rest to be gone", 2 * MINUTES)

    assert others() == set()
    kept = remaining()
    assert kept >= {SIGNING_KEY, *left.checkpoints}
    labelled = left.release.get("secrets,configmaps", f"--selector={KEPT}")["items"]
    assert {_called(one) for one in labelled} == kept


def test_the_definition_and_its_monitors_are_kept(left: Left) -> None:
    [definition] = left.release.get("customresourcedefinitions", f"--selector={KEPT}")["items"]

    assert definition["metadata"]["name"] == "llmmonitors.llmmonitor.io"
    assert left.place.get(f"llmmonitor/{NAME}")["spec"]["selector"]["matchLabels"] == {"app": NAME}


def test_nothing_of_the_cluster_is_left_that_could_stand_before_a_pod(left: Left) -> None:
    found = left.release.get(_kinds(left.release, namespaced=False), f"--selector={OF_THE_RELEASE}")["items"]
    hooks = left.release.get(
        "mutatingwebhookconfigurations,validatingwebhookconfigurations,"
        "validatingadmissionpolicies,validatingadmissionpolicybindings"
    )["items"]

    assert {_called(one) for one in found} == {"CustomResourceDefinition/llmmonitors.llmmonitor.io"}
    assert [_called(one) for one in hooks if RELEASE in one["metadata"]["name"]] == []


def test_a_new_pod_starts_at_once_and_as_it_was_written(left: Left, figure: Callable[[str], None]) -> None:
    began = time.monotonic()
    left.place("scale", f"deployment/{NAME}", "--replicas=2")
    left.place("rollout", "status", f"deployment/{NAME}", "--timeout=60s")

    figure(f"a new pod was ready {time.monotonic() - began:.1f} s after it was asked for")
    _, new = chat.pods(left.place, NAME)
    assert not small_models.injected(new)
    assert not small_models.attached(new)
    assert small_models.ready(new)


def _kinds(kubectl: Kubectl, *, namespaced: bool) -> str:
    """Everything that can be listed, as one argument of `kubectl get`."""
    flags = ("--verbs=list", f"--namespaced={str(namespaced).lower()}", "--output=name")
    return ",".join(sorted({*kubectl("api-resources", *flags).split()} - NOT_KEPT_BY_ANYBODY))
