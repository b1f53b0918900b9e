"""Where Pod Security admits no NET_ADMIN the sidecar comes in all the same, reads no traffic and says why."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from e2e import chat, recorded_engine, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, until

NAME = "chat"
MINUTES = 60.0
LEVELS = ("baseline", "restricted")


@pytest.fixture(scope="module")
def places(product: Installed, sidecar_image: str) -> Iterator[dict[str, Kubectl]]:
    """A namespace of each level with a model that the level admits, and its monitor."""
    found = {level: product.kubectl.within(f"e2e-{level}-{secrets.token_hex(3)}") for level in LEVELS}
    for level, kubectl in found.items():
        kubectl("create", "namespace", str(kubectl.namespace))
        enforce = f"pod-security.kubernetes.io/enforce={level}"
        kubectl("label", "namespace", str(kubectl.namespace), enforce)
        kubectl.apply(recorded_engine.site(), _deployment(sidecar_image))
        kubectl.apply(small_models.monitor(NAME, target=recorded_engine.target()))
    yield found
    for kubectl in found.values():
        kubectl("delete", "namespace", str(kubectl.namespace), "--wait=false")


def _deployment(image: str) -> dict[str, object]:
    return small_models.deployment(NAME, {}, **recorded_engine.pod(image))


@pytest.mark.parametrize("level", LEVELS)
def test_the_api_servers_words_say_why_nothing_is_read(places: dict[str, Kubectl], level: str) -> None:
    place = places[level]

    found = condition(
        place, NAME, 3 * MINUTES, Ready="True", Injected="True", Reporting="True", Intercepting="NotPermitted"
    )

    message = found["Intercepting"]["message"]
    assert found["Intercepting"]["status"] == "False"
    assert f'violates PodSecurity "{level}:' in message
    assert "NET_ADMIN" in message
    assert "engine metrics and process figures still work" in message
    [pod] = chat.pods(place, NAME)
    assert small_models.attached(pod)


@pytest.mark.parametrize("level", LEVELS)
def test_engine_and_process_figures_come_all_the_same(places: dict[str, Kubectl], level: str) -> None:
    status = recorded_engine.seen(places[level], NAME)

    assert status["engine"]["name"] == "VLLM"
    assert status["resources"]["kvCacheShare"] == recorded_engine.KV_CACHE_SHARE
    assert status["resources"]["memoryUsedBytes"] > 0


@pytest.mark.parametrize("level", LEVELS)
def test_a_pod_made_after_the_proof_comes_with_a_sidecar_that_is_admitted(
    places: dict[str, Kubectl], product: Installed, level: str
) -> None:
    place = places[level]
    until(
        lambda: "proved_image" in product.verdict(str(place.namespace)),
        "the sidecar to be proved",
        2 * MINUTES,
    )

    place("scale", f"deployment/{NAME}", "--replicas=2")
    place("rollout", "status", f"deployment/{NAME}", "--timeout=120s")

    _, new = chat.pods(place, NAME)
    assert small_models.injected(new)
    condition(place, NAME, 2 * MINUTES, Injected="True", Reporting="True", Intercepting="NotPermitted")
    counted = until(lambda: _all_reporting(place), "both pods to report", 1 * MINUTES)
    assert (counted["attached"], counted["injected"]) == (1, 1)


def _all_reporting(place: Kubectl) -> dict[str, object] | None:
    counted = place.get(f"llmmonitor/{NAME}")["status"]["pods"]
    return counted if counted["summary"] == "2/2" else None
