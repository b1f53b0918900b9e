"""A neighbour in the cluster sends what it could have made or recorded: refused, counted, without effect."""

from __future__ import annotations

import base64
import json
import time

import jwt
from e2e import model_pods
from e2e.kubectl import Kubectl
from e2e.waiting import until

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.signing import generate_private_key, public_key_bytes, sign_configuration

KEY, STRANGER = generate_private_key(), generate_private_key()
SKEW_SECONDS, DAY = 300, 86_400
IN_FORCE = Configuration(generation=5, max_added_latency_seconds=2.0)
HOSTILE = Configuration(generation=9, stop=True)
PUT = """
import json, sys, urllib.error, urllib.request
said = []
for document in json.loads(sys.argv[2]):
    try:
        with urllib.request.urlopen(urllib.request.Request(sys.argv[1], document.encode(), method="PUT")):
            said.append("taken")
    except urllib.error.HTTPError as refused:
        said.append(json.load(refused)["error"]["reason"])
print(json.dumps(said))
"""


def test_each_is_refused_with_its_reason_and_counted(namespace: Kubectl, sidecar_image: str) -> None:
    sidecar = model_pods.native(sidecar_image, PUBLIC_KEY=base64.b64encode(public_key_bytes(KEY)).decode())
    namespace.apply(
        model_pods.pod("model", model_pods.model(sidecar_image), initContainers=[sidecar]),
        model_pods.client(sidecar_image),
    )
    namespace("wait", "--for=condition=Ready", "pod/model", "pod/client", "--timeout=90s")
    pod, client = namespace.get("pod/model"), namespace.get("pod/client")
    until(lambda: model_pods.reads(namespace), "the sidecar to read")
    uid, now = pod["metadata"]["uid"], time.time()
    good = sign_configuration(IN_FORCE, KEY, uid, now)
    header, _, signature = good.split(".")
    hostile = sign_configuration(HOSTILE, KEY, uid, now).split(".")[1]
    attempts = {
        "replayed": sign_configuration(IN_FORCE, KEY, uid, now - 5),
        "old_generation": sign_configuration(Configuration(generation=4), KEY, uid, now + 1),
        "forged": f"{header}.{hostile}.{signature}",
        "unknown_key": sign_configuration(HOSTILE, STRANGER, uid, now),
        "other_pod": sign_configuration(HOSTILE, KEY, client["metadata"]["uid"], now),
        "not_yet_valid": sign_configuration(HOSTILE, KEY, uid, now + SKEW_SECONDS + 120),
        "expired": sign_configuration(HOSTILE, KEY, uid, now - DAY - SKEW_SECONDS - 120),
        "wrong_algorithm": jwt.encode({"settings": {"stop": True}}, "", algorithm="none"),
        "malformed": "stop",
    }

    url = f"http://{pod['status']['podIP']}:{model_pods.API_PORT}/v1/config"
    said = model_pods.run(namespace, "client", PUT, url, json.dumps([good, *attempts.values()]))

    assert said == ["taken", *attempts]
    until(lambda: _counted(namespace, *attempts), "the refusals to be shown", 10)  # said anew once a second
    until(lambda: _in_force(namespace) == (IN_FORCE.generation, True), "what was good to be in force", 10)
    assert model_pods.ask(namespace, "model", "/", model_pods.PORT) == "hello"


def _in_force(namespace: Kubectl) -> tuple[object, object]:
    health = model_pods.health(namespace, "model")
    return health.get("configurationGeneration"), health.get("reading")


def _counted(namespace: Kubectl, *reasons: str) -> bool:
    shown = model_pods.ask(namespace, "model", "/metrics")
    lines = [f'llm_monitor_refused_total{{endpoint="config",reason="{one}"}} 1.0' for one in reasons]
    return all(line in shown for line in lines)
