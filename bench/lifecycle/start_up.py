"""How much later a model's container starts in a pod that the webhook gave the sidecar to.

The same pod is created with and without it, in turns and in a random order, one at a time, on one node that
has the image: without, it says `llmmonitor.io/inject: "false"`. A native sidecar must run before the model's
container is started, so what is added is one container's start and the kubelet's way from one to the next.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from bench.comparison import AGAIN, Measured
from bench.lifecycle.firsts import condition_true, container_started, watched
from bench.lifecycle.seen import Seen, added, against_limit, side_by_side
from bench.lifecycle.site import MODEL, Site, server
from e2e import small_models
from e2e.kubectl import Kubectl

from llmmonitor_operator.kube import paths
from llmmonitor_operator.pods.pod import OPT_OUT_ANNOTATION, our_native

INJECTED, WITHOUT = "with sidecar", "without sidecar"
SUBJECTS = (INJECTED, WITHOUT, f"{WITHOUT}{AGAIN}")
STARTED, READY = "creation of a pod → model's container started", "creation of a pod → Ready"
LIMIT_SECONDS = 2.0
_WITHIN_SECONDS = 90.0
_SETTLED_SECONDS = 1.0
_NOTE = "by round, less without sidecar; the second row is without sidecar twice"


async def collect(site: Site, within: Kubectl, rounds: int, seen: Seen) -> None:
    """Some rounds of it, after one that does not count, in a namespace where pods are injected."""
    chance = random.Random(4)
    owner = await site.kube.create(paths.config_maps(str(within.namespace)), {"metadata": {"name": "owner"}})
    [proof] = (await site.kube.list(paths.pods(str(within.namespace)), label_selector=f"app={MODEL}")).items[
        :1
    ]
    node = str(proof["spec"]["nodeName"])
    unseen = Seen()
    for number in range(rounds + 1):
        for subject in chance.sample(SUBJECTS, len(SUBJECTS)):
            thing = pod(site, f"{MODEL}-{number}", str(owner["metadata"]["uid"]), node, subject)
            await _one(site, within, subject, thing, seen if number else unseen)


async def _one(site: Site, within: Kubectl, subject: str, thing: dict[str, Any], seen: Seen) -> None:
    path, name = paths.pods(str(within.namespace)), str(thing["metadata"]["name"])
    wanted = {STARTED: container_started(small_models.CONTAINER), READY: condition_true("Ready")}
    began = time.monotonic()
    made = await site.kube.create(path, thing)
    took = await watched(site.kube, path, name, wanted, since=began, within_seconds=_WITHIN_SECONDS)
    if (our_native(made) is not None) is not (subject == INJECTED):
        seen.failures[f"{subject}: the webhook did otherwise"] += 1
        took = {}
    for figure in wanted:
        seen.took(figure, subject, took.get(figure))
    await asyncio.to_thread(within, "delete", f"pod/{name}", "--grace-period=1", "--timeout=60s")
    await asyncio.sleep(_SETTLED_SECONDS)


def pod(site: Site, name: str, owner_uid: str, node: str, subject: str) -> dict[str, Any]:
    """A pod of the model that a controller would have made, bound to a node by its labels."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner_uid, "controller": True}
    metadata: dict[str, Any] = {"name": name, "labels": {"app": MODEL}, "ownerReferences": [owner]}
    if subject != INJECTED:
        metadata["annotations"] = {OPT_OUT_ANNOTATION: "false"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "containers": [server(site)],
            "nodeSelector": {"kubernetes.io/hostname": node},
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
        },
    }


def figures(seen: Seen) -> list[Measured]:
    """What each took, and what the sidecar added."""
    found = []
    for figure in (STARTED, READY):
        values = seen.of(figure)
        again = f"{WITHOUT}, A/A"
        more = {
            INJECTED: added(values, INJECTED, WITHOUT),
            again: added(values, f"{WITHOUT}{AGAIN}", WITHOUT),
        }
        found += [
            side_by_side(figure, values, INJECTED, WITHOUT),
            against_limit(f"added to {figure}", more, [INJECTED, again], LIMIT_SECONDS, _NOTE),
        ]
    return found
