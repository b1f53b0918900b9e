"""A second shard and back: each namespace keeps one operator, its past, and what its people see.

The release is divided in two while two namespaces are monitored, one of each shard, and put together again.
What happens between the two upgrades is asked of the API server and of nobody's memory.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from e2e import small_models
from e2e.cluster import audit
from e2e.cluster.layout import Layout
from e2e.installed import Installed, values_for
from e2e.kubectl import Kubectl
from e2e.waiting import condition, until

from llmmonitor_operator.shards import shard_of

NAME = "chat"
MINUTES = 60.0
OPERATORS = ("llm-monitor-operator", "llm-monitor-operator-1")
VERDICTS = ("llm-monitor-verdicts", "llm-monitor-verdicts-1")
OF_SHARD = {shard: f"e2e-of-shard-{shard}" for shard in (0, 1)}
SUFFIXES = "abcdefgh"


def _name(shard: int) -> str:
    names = (f"{OF_SHARD[shard]}-{end}" for end in SUFFIXES)
    return next(name for name in names if shard_of(name, 2) == shard)


@pytest.fixture(scope="module")
def places(product: Installed, sidecar_image: str) -> Iterator[dict[int, Kubectl]]:
    """A monitored model in a namespace of each shard, all well under the one operator there is."""
    found = {shard: product.kubectl.within(_name(shard)) for shard in (0, 1)}
    try:
        for place in found.values():
            product.kubectl("create", "namespace", str(place.namespace))
            small_models.monitored(place, NAME, small_models.server(sidecar_image))
        for place in found.values():
            condition(place, NAME, 5 * MINUTES, Ready="True", Reporting="True")
            until(
                lambda place=place: sidecar_image in product.verdict(place.namespace),  # type: ignore[misc]  # bound now
                "the sidecar to be proved",
                5 * MINUTES,
            )
        yield found
    finally:
        _divide(product, 1)
        for place in found.values():
            product.kubectl("delete", "namespace", str(place.namespace), "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="module")
def divided(product: Installed, places: dict[int, Kubectl]) -> dict[int, Kubectl]:
    """Two operators."""
    _divide(product, 2)
    until(lambda: set(_holders(product, "2")) == set(OPERATORS), "both shards to lead", 3 * MINUTES)
    return places


@pytest.mark.timeout(1500)
def test_each_shard_holds_a_lease_of_its_own_and_tends_its_own_verdicts(
    product: Installed, divided: dict[int, Kubectl], sidecar_image: str
) -> None:
    holders = _holders(product, "2")

    assert holders[OPERATORS[0]] != holders[OPERATORS[1]]
    for shard, place in divided.items():
        until(
            lambda shard=shard, place=place: sidecar_image in _verdict(product, shard, place),  # type: ignore[misc]  # bound now
            f"the sidecar to be proved by shard {shard}",
            3 * MINUTES,
        )
        assert not _verdict(product, 1 - shard, place)


@pytest.mark.timeout(900)
def test_both_go_on_with_what_was_known(divided: dict[int, Kubectl]) -> None:
    for shard, place in divided.items():
        _change(place, f"{2 + shard}s")
        until(lambda place=place: _observed(place) == _generation(place), "it to be judged", 2 * MINUTES)  # type: ignore[misc]  # bound now
        condition(place, NAME, 2 * MINUTES, Ready="True", Reporting="True")

        condition_of = place.get(f"llmmonitor/{NAME}")["status"]["conditions"]
        assert all(one["observedGeneration"] == _generation(place) for one in condition_of)
        assert not [one for one in condition_of if one["reason"] == "CheckpointUnreadable"]


@pytest.mark.skipif(bool(os.environ.get("E2E_KUBECONFIG")), reason="someone's own cluster shows no audit log")
@pytest.mark.timeout(900)
def test_no_status_has_two_writers(product: Installed, divided: dict[int, Kubectl]) -> None:
    holders = _holders(product, "2")
    addresses = {name: product.kubectl.get(f"pod/{holders[name]}")["status"]["podIP"] for name in OPERATORS}
    since = datetime.now(UTC)
    for place in divided.values():
        _change(place, "4s")

    for place in divided.values():
        until(lambda place=place: _observed(place) == _generation(place), "it to be judged", 2 * MINUTES)  # type: ignore[misc]  # bound now
    time.sleep(2 * MINUTES)  # whoever else believes that it is his writes figures within a minute

    log = Layout.from_environment().audit_log
    written = [one for one in audit.requests(log) if one.at >= since and one.resource == "llmmonitors/status"]
    for shard, place in divided.items():
        writers = {
            address for one in written if one.namespace == place.namespace for address in one.addresses
        }
        assert writers == {addresses[OPERATORS[shard]]}


@pytest.mark.timeout(900)
def test_the_webhook_believes_the_shard_that_a_namespace_has(
    product: Installed, divided: dict[int, Kubectl], sidecar_image: str
) -> None:
    for shard, place in divided.items():
        until(
            lambda shard=shard, place=place: sidecar_image in _verdict(product, shard, place),  # type: ignore[misc]  # bound now
            f"the sidecar to be proved by shard {shard}",
            3 * MINUTES,
        )
        place("rollout", "restart", f"deployment/{NAME}")
        place("rollout", "status", f"deployment/{NAME}", "--timeout=180s")

        pods = place.get("pods", f"--selector=app={NAME}")["items"]
        alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        assert all(map(small_models.injected, alive))


@pytest.mark.timeout(900)
def test_a_shard_that_is_gone_stops_only_its_own_namespaces(
    product: Installed, divided: dict[int, Kubectl]
) -> None:
    product.kubectl("scale", f"deployment/{OPERATORS[1]}", "--replicas=0")
    until(lambda: not _holders(product, "2").get(OPERATORS[1]), "shard 1 to end", 2 * MINUTES)

    for place in divided.values():
        _change(place, "5s")
    condition(divided[0], NAME, 2 * MINUTES, Ready="True")
    until(lambda: _observed(divided[0]) == _generation(divided[0]), "shard 0 to judge it", 1 * MINUTES)
    behind = _observed(divided[1]) != _generation(divided[1])
    product.kubectl("scale", f"deployment/{OPERATORS[1]}", "--replicas=2")
    until(lambda: _observed(divided[1]) == _generation(divided[1]), "shard 1 to judge it", 3 * MINUTES)

    assert behind


@pytest.mark.timeout(900)
def test_one_operator_has_all_again_and_no_sidecar_was_told_to_stop(
    product: Installed, divided: dict[int, Kubectl], figure: Callable[[str], None]
) -> None:
    started = {shard: _started(place) for shard, place in divided.items()}

    _divide(product, 1)

    seconds = until(lambda: _holders(product, "1").get(OPERATORS[0]), "one shard to lead", 3 * MINUTES)
    for place in divided.values():
        _change(place, "6s")
        until(lambda place=place: _observed(place) == _generation(place), "it to be judged", 3 * MINUTES)  # type: ignore[misc]  # bound now
        condition(place, NAME, 2 * MINUTES, Ready="True", Reporting="True")
    figure(f"one holder again: {seconds}")
    assert {shard: _started(place) for shard, place in divided.items()} == started
    assert not product.kubectl("get", f"configmap/{VERDICTS[1]}", "--ignore-not-found")


def _divide(product: Installed, shards: int) -> None:
    values = values_for(product.images)
    product.upgrade(operator={**values["operator"], "shards": shards})


def _holders(product: Installed, shards: str) -> dict[str, str]:
    """Who leads by this number of shards; a Lease that nobody gave back has the one before for a while."""
    leases = {one["metadata"]["name"]: one for one in product.kubectl.get("leases")["items"]}
    found = {name: leases[name] for name in OPERATORS if name in leases}
    return {
        name: lease["spec"]["holderIdentity"]
        for name, lease in found.items()
        if lease["metadata"]["labels"]["llmmonitor.io/shards"] == shards
        and lease["spec"].get("holderIdentity")
    }


def _verdict(product: Installed, shard: int, place: Kubectl) -> str:
    found = product.kubectl("get", f"configmap/{VERDICTS[shard]}", "--ignore-not-found", "--output=json")
    return str(_json(found).get("data", {}).get(str(place.namespace), ""))


def _json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _change(place: Kubectl, threshold: str) -> None:
    objective = {"name": "first", "signal": "TimeToFirstToken", "threshold": threshold, "target": "99%"}
    patch = {"spec": {"performance": {"objectives": [{**objective, "window": "1d"}]}}}
    place("patch", f"llmmonitor/{NAME}", "--type=merge", f"--patch={json.dumps(patch)}")


def _generation(place: Kubectl) -> int:
    return int(place.get(f"llmmonitor/{NAME}")["metadata"]["generation"])


def _observed(place: Kubectl) -> int:
    return int(place.get(f"llmmonitor/{NAME}")["status"].get("observedGeneration", 0))


def _started(place: Kubectl) -> list[str]:
    """When each sidecar began."""
    pods = place.get("pods", f"--selector=app={NAME}")["items"]
    return sorted(
        one["state"]["running"]["startedAt"]
        for pod in pods
        for one in pod["status"].get("initContainerStatuses") or ()
        if "running" in one["state"]
    )
