"""A person replaces the signing key by one annotation: running sidecars go on, restarted ones too."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from e2e import breaking, chat, model_pods, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, until

from llmmonitor_api.signing import key_id, private_key_from_pem, public_key_bytes, sign_request

NAME, LATER = "rotates", "comes-later"
KEPT_IN = "secret/llm-monitor-signing-key"
MINUTES = 60.0
ASK = """
import json, sys, urllib.error, urllib.request
url, signature = f"http://{sys.argv[1]}:{sys.argv[2]}/v1/report", sys.argv[3]
try:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": signature})) as answer:
        print(json.dumps(json.load(answer)["identity"]["trusted_keys"]))
except urllib.error.HTTPError as refused:
    print(json.dumps(json.load(refused)["error"]["reason"]))
except OSError as away:  # its container starts anew
    print(json.dumps(str(away)))
"""


@pytest.fixture(scope="module")
def place(proved: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """A namespace with a model that was injected, one that was attached to (`first`), and a neighbour."""
    small_models.monitored(proved, NAME, small_models.server(sidecar_image))
    for name in (NAME, "first"):
        condition(proved, name, 3 * MINUTES, Injected="True", Reporting="True")
    neighbour = model_pods.container("neighbour", sidecar_image, model_pods.WAIT)
    proved.apply(model_pods.pod("neighbour", neighbour))
    proved("wait", "--for=condition=Ready", "pod/neighbour", "--timeout=90s")
    yield proved
    small_models.remove(proved, NAME, LATER)
    proved("delete", "pod/neighbour", "--wait=false")


@pytest.mark.timeout(900)
def test_running_and_restarted_sidecars_go_on_through_a_rotation(
    product: Installed, place: Kubectl, sidecar_image: str, figure: Callable[[str], None]
) -> None:
    release = product.kubectl
    [injected], [attached] = chat.pods(place, NAME), chat.pods(place, "first")
    old = _key(release)
    assert _believes(place, injected, old) == [key_id(old)]

    began = time.monotonic()
    release("annotate", KEPT_IN, "llmmonitor.io/rotate=now")
    until(
        lambda: "by every sidecar in reach" in _progress(release), "all to believe the next key", 3 * MINUTES
    )
    figure(f"every sidecar believed the next key {time.monotonic() - began:.0f} s after the word")
    following = _key(release, "ed25519-next.pem")
    for pod in (injected, attached):
        assert _believes(place, pod, old) == [key_id(old), key_id(following)]
    small_models.monitored(place, LATER, small_models.server(sidecar_image))
    condition(place, LATER, 3 * MINUTES, Injected="True", Reporting="True")
    [new] = chat.pods(place, LATER)
    assert _begins_with(new) == [public_key_bytes(old), public_key_bytes(following)]

    release("annotate", KEPT_IN, "llmmonitor.io/rotate=finish")
    for pod in (injected, attached, new):
        until(
            lambda pod=pod: _believes(place, pod, following) == [key_id(following)],  # type: ignore[misc]
            "the old key to be forgotten",
            3 * MINUTES,
        )
        assert _believes(place, pod, old) == "unknown_key"
    assert key_id(_key(release)) == key_id(following)

    breaking.needs_the_nodes()
    breaking.kill(place, injected, "llm-monitor-sidecar")
    until(lambda: _restarts(place) == 1, "the sidecar to start anew", 2 * MINUTES)
    assert _begins_with(injected) == [public_key_bytes(old)]  # which never changes
    until(
        lambda: _believes(place, injected, following) == [key_id(following)],
        "the sidecar that starts with the old key to be told of the new one",
        3 * MINUTES,
    )
    for name in (NAME, "first", LATER):
        condition(place, name, 2 * MINUTES, Injected="True", Reporting="True")
    for pod in (injected, attached):
        [now] = chat.pods(place, pod["metadata"]["labels"]["app"])
        assert now["metadata"]["uid"] == pod["metadata"]["uid"]
        assert now["status"]["containerStatuses"][0]["restartCount"] == 0
    [still] = chat.pods(place, "first")
    assert still["spec"]["ephemeralContainers"] == attached["spec"]["ephemeralContainers"]


def _key(release: Kubectl, file: str = "ed25519.pem") -> Ed25519PrivateKey:
    return private_key_from_pem(base64.b64decode(release.get(KEPT_IN)["data"][file]))


def _progress(release: Kubectl) -> str:
    annotations = release.get(KEPT_IN)["metadata"].get("annotations") or {}
    return str(annotations.get("llmmonitor.io/rotation", ""))


def _believes(place: Kubectl, pod: dict[str, Any], key: Ed25519PrivateKey) -> Any:
    """Whom a sidecar believes, asked with this key; or why it does not say."""
    signature = sign_request("GET", "/v1/report", key, pod["metadata"]["uid"], time.time())
    arguments = (pod["status"]["podIP"], str(model_pods.API_PORT), signature)
    return model_pods.run(place, "neighbour", ASK, *arguments)


def _begins_with(pod: dict[str, Any]) -> list[bytes]:
    [sidecar] = pod["spec"]["initContainers"]
    [keys] = [one["value"] for one in sidecar["env"] if one["name"] == "LLM_MONITOR_PUBLIC_KEY"]
    return [base64.b64decode(one) for one in keys.split(",")]


def _restarts(place: Kubectl) -> int:
    [pod] = chat.pods(place, NAME)
    [status] = pod["status"]["initContainerStatuses"]
    return int(status["restartCount"]) if status["state"].get("running") else 0
