"""A signed document reaches a sidecar in a pod: a stop idles it, traffic is direct; the next one wakes it."""

from __future__ import annotations

import base64
import time

from e2e import model_pods
from e2e.kubectl import Kubectl
from e2e.waiting import until

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.signing import generate_private_key, public_key_bytes, sign_configuration

PUT = """
import json, sys, urllib.request
url, document = f"http://{sys.argv[1]}:{sys.argv[2]}/v1/config", sys.argv[3].encode()
with urllib.request.urlopen(urllib.request.Request(url, document, method="PUT")) as answer:
    print(json.dumps(answer.status))
"""


def test_stopped_it_idles_until_the_next_document(namespace: Kubectl, sidecar_image: str) -> None:
    key = generate_private_key()
    sidecar = model_pods.native(sidecar_image, PUBLIC_KEY=base64.b64encode(public_key_bytes(key)).decode())
    namespace.apply(
        model_pods.pod("model", model_pods.model(sidecar_image), initContainers=[sidecar]),
        model_pods.client(sidecar_image),
    )
    namespace("wait", "--for=condition=Ready", "pod/model", "pod/client", "--timeout=90s")
    pod = namespace.get("pod/model")
    address, uid = pod["status"]["podIP"], pod["metadata"]["uid"]
    until(lambda: _said(namespace) == ("ok", ""), "the sidecar to work")

    def put(configuration: Configuration) -> None:
        document = sign_configuration(configuration, key, uid, time.time())
        arguments = (address, str(model_pods.API_PORT), document)
        assert model_pods.run(namespace, "client", PUT, *arguments) == 200

    put(Configuration(generation=1, max_added_latency_seconds=2.0, stop=True))
    until(lambda: _said(namespace) == ("idle", "Stopped"), "the sidecar to stop", 10)
    assert model_pods.ask(namespace, "model", "/", model_pods.PORT) == "hello"

    put(Configuration(generation=2, max_added_latency_seconds=2.0))
    until(lambda: _said(namespace) == ("ok", ""), "the sidecar to work again", 20)
    assert model_pods.ask(namespace, "model", "/", model_pods.PORT) == "hello"


def _said(namespace: Kubectl) -> tuple[str, str]:
    health = model_pods.health(namespace, "model")
    return health.get("status", ""), health.get("reason", "")
