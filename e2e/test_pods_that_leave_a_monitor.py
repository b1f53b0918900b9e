"""A pod that no monitor wants any more: its traffic is direct, its sidecar rests, and may be wanted again."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from e2e import chat, model_pods, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.test_pods_that_cannot_be_read_say_why import TABLES
from e2e.waiting import condition, until

NAME, SIDECAR = "leaves", "llm-monitor-sidecar"
MINUTES = 60.0
RESTING_SECONDS, RESTING_CORES = 20.0, 0.002
CPU = """
import json, pathlib, sys, time
root = pathlib.Path("/sys/fs/cgroup")
def used():
    unified = root / "cpu.stat"
    if unified.exists():
        return int(unified.read_text().split()[1]) / 1e6
    return int((root / "cpuacct" / "cpuacct.usage").read_text()) / 1e9
before = used()
time.sleep(float(sys.argv[1]))
print(json.dumps(used() - before))
"""


@pytest.fixture
def leaving(proved: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """A pod with an injected sidecar, chosen by a label that its Deployment does not go by."""
    monitor = small_models.monitor(NAME)
    monitor["spec"]["selector"] = {"matchLabels": {"watched": "yes"}}
    deployment = small_models.deployment(NAME, small_models.server(sidecar_image))
    deployment["spec"]["template"]["metadata"]["labels"]["watched"] = "yes"
    proved.apply(monitor)
    proved.apply(deployment)
    _is_read(proved)
    yield proved
    small_models.remove(proved, NAME)


def test_its_rule_goes_its_sidecar_rests_and_works_again_when_wanted(
    leaving: Kubectl, figure: Callable[[str], None]
) -> None:
    name = _pod(leaving)["metadata"]["name"]
    assert "table inet llmmonitor" in _in_sidecar(leaving, name, TABLES)

    began = time.monotonic()
    leaving("label", f"pod/{name}", "watched-")
    until(lambda: _reason(leaving, name) == "Stopped", "the sidecar to be stopped", 1 * MINUTES)
    figure(f"stopped {time.monotonic() - began:.1f} s after the label went")

    assert _in_sidecar(leaving, name, TABLES) == []
    read = _read(leaving, name)
    for _ in range(5):
        assert '"total_tokens": 7' in model_pods.ask(leaving, name, port=model_pods.PORT)
    until(lambda: _relays_gone(leaving, name), "the relay to end", 1 * MINUTES)
    assert _read(leaving, name) == read
    cores = _in_sidecar(leaving, name, CPU, str(RESTING_SECONDS)) / RESTING_SECONDS
    figure(f"at rest the sidecar's container took {cores:.2%} of a core over {RESTING_SECONDS:.0f} s")
    assert cores <= RESTING_CORES

    leaving("label", f"pod/{name}", "watched=yes")
    _is_read(leaving)
    assert "table inet llmmonitor" in _in_sidecar(leaving, name, TABLES)
    [pod] = chat.pods(leaving, NAME)
    assert pod["metadata"]["name"] == name
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_deleted_monitor_stops_it_too(leaving: Kubectl) -> None:
    name = _pod(leaving)["metadata"]["name"]

    leaving("delete", f"llmmonitor/{NAME}", "--wait=true", "--timeout=10s")

    until(lambda: _reason(leaving, name) == "Stopped", "the sidecar to be stopped", 1 * MINUTES)
    assert _in_sidecar(leaving, name, TABLES) == []
    assert '"total_tokens": 7' in model_pods.ask(leaving, name, port=model_pods.PORT)


@pytest.fixture
def short_lived(product: Installed) -> Iterator[Kubectl]:
    """A namespace that the test deletes itself."""
    name = f"e2e-{secrets.token_hex(4)}"
    product.kubectl("create", "namespace", name)
    yield product.kubectl.within(name)
    product.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


def test_a_namespace_with_a_monitor_goes_at_once_and_without_a_word(
    product: Installed, short_lived: Kubectl, sidecar_image: str, figure: Callable[[str], None]
) -> None:
    place, name = short_lived, str(short_lived.namespace)
    place.apply(small_models.deployment(NAME, small_models.server(sidecar_image)), small_models.monitor(NAME))
    condition(place, NAME, 3 * MINUTES, Injected="True", Reporting="True")
    until(lambda: product.verdict(name), "a verdict", 1 * MINUTES)

    began = time.monotonic()
    place("delete", "namespace", name, "--timeout=120s")
    figure(f"the namespace was gone {time.monotonic() - began:.0f} s after it was deleted")

    until(lambda: not product.verdict(name), "its verdict to go", 2 * MINUTES)
    said = [line for line in product.logs("operator").splitlines() if name in line]
    assert [line for line in said if "being terminated" in line or "not written" in line] == []


def _is_read(place: Kubectl) -> None:
    condition(place, NAME, 3 * MINUTES, Injected="True", Reporting="True")
    name = _pod(place)["metadata"]["name"]
    until(lambda: model_pods.health(place, name).get("reading"), "its traffic to be read", 1 * MINUTES)


def _pod(place: Kubectl) -> dict[str, Any]:
    [pod] = chat.pods(place, NAME)
    assert small_models.injected(pod)
    return pod


def _reason(place: Kubectl, name: str) -> str:
    return str(model_pods.health(place, name).get("reason"))


def _in_sidecar(place: Kubectl, name: str, script: str, *arguments: str) -> Any:
    command = ("exec", name, f"--container={SIDECAR}", "--", model_pods.PYTHON, "-c", script, *arguments)
    return json.loads(place(*command))


def _read(place: Kubectl, name: str) -> str:
    """Connections that its relay has carried."""
    lines = model_pods.ask(place, name, "/metrics").splitlines()
    return next(line for line in lines if line.startswith("llm_monitor_relay_connections_total"))


def _relays_gone(place: Kubectl, name: str) -> bool:
    return model_pods.health(place, name).get("relayAlive") is False
