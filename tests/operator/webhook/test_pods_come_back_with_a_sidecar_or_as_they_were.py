"""The whole webhook over HTTPS: recorded AdmissionReviews in, answers out, the cluster's objects behind."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import jsonpatch
import msgspec
import pytest
from tests.operator.webhook.conftest import MONITOR, OWN, PROD, VERDICT, Client, Cluster, review

from llmmonitor_api.configuration import Configuration
from llmmonitor_operator.kube import paths
from llmmonitor_operator.preflight.fingerprint import fingerprint


def patched(document: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    assert response["patchType"] == "JSONPatch"
    pod: dict[str, Any] = jsonpatch.apply_patch(
        document["request"]["object"], json.loads(base64.b64decode(response["patch"]))
    )
    return pod


async def test_a_pod_of_a_monitor_gets_the_sidecar(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    await client.until_ready()
    document = review()

    response = await client.ask(document)

    pod = patched(document, response)
    sidecar = pod["spec"]["initContainers"][0]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("llm-monitor-sidecar", "Always")
    assert pod["metadata"]["annotations"]["llmmonitor.io/monitor"] == "chat"
    assert response["uid"] == document["request"]["uid"]
    assert "warnings" not in response


async def test_the_sidecar_begins_with_a_configuration_that_later_ones_replace(
    client: Client, cluster: Cluster
) -> None:
    cluster.complete()
    await client.until_ready()
    document = review()

    pod = patched(document, await client.ask(document))

    environment = {one["name"]: one.get("value") for one in pod["spec"]["initContainers"][0]["env"]}
    configuration = msgspec.json.decode(environment["LLM_MONITOR_CONFIGURATION"], type=Configuration)
    assert configuration.generation >> 20 == 1767614400  # created 2026-01-05T12:00:00Z
    assert configuration.objectives


@pytest.mark.parametrize(
    "document",
    [
        review(namespace="elsewhere"),
        review(operation="UPDATE"),
        review(subResource="ephemeralcontainers"),
        review(kind={"group": "apps", "version": "v1", "kind": "Deployment"}),
        review(object=None),
    ],
    ids=["another namespace", "update", "subresource", "no pod", "no object"],
)
async def test_what_no_monitor_wants_comes_back_in_silence(
    client: Client, cluster: Cluster, document: dict[str, Any]
) -> None:
    cluster.complete()
    await client.until_ready()

    response = await client.ask(document)

    assert response == {"uid": document["request"]["uid"], "allowed": True}


async def test_a_dry_run_is_answered_as_the_real_thing(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    await client.until_ready()

    assert await client.ask(review(dryRun=True)) == await client.ask(review())


async def test_the_same_pod_gets_the_same_patch(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    await client.until_ready()

    answers = [await client.post(json.dumps(review()).encode()) for _ in range(3)]

    assert len(set(answers)) == 1


async def test_a_pod_that_was_missed_is_said_to_who_makes_it(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    cluster.verdict(msgspec.structs.replace(VERDICT, proved_image=""))
    await client.until_ready()

    response = await client.ask(review())

    assert "patch" not in response
    assert "started without sidecar" in response["warnings"][0]
    metrics = (await client.get("/metrics"))[1]
    assert 'llm_monitor_webhook_answers_total{reason="not-proved",result="missed"} 1.0' in metrics


async def test_an_opt_out_in_vain_is_said_to_who_makes_the_pod(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    await client.until_ready()
    document = review()
    document["request"]["object"]["metadata"]["annotations"] = {"llmmonitor.io/inject": "no"}

    response = await client.ask(document)

    assert "patch" in response
    [warning] = response["warnings"]
    assert warning.startswith('llm-monitor: the annotation llmmonitor.io/inject: "no" keeps no sidecar out')


async def test_a_verdict_counts_for_a_minute_after_the_operators_last_renewal(
    client: Client, cluster: Cluster
) -> None:
    cluster.complete()
    cluster.server.put(paths.leases(OWN), {"metadata": {"name": "llm-monitor-operator"}, "spec": {}})
    cluster.renew(ago=timedelta(seconds=90))
    await client.until_ready()

    stale = await client.ask(review())
    cluster.renew()
    await client.until(lambda _status, text: "llm_monitor_webhook_verdicts_fresh 1.0" in text, "/metrics")
    fresh = await client.ask(review())

    assert "not been heard of for a minute" in stale["warnings"][0]
    assert "patch" in fresh


async def test_rules_that_changed_since_the_verdict_stop_the_injection(
    client: Client, cluster: Cluster
) -> None:
    cluster.complete()
    quota = {"metadata": {"name": "compute"}, "spec": {"hard": {"limits.memory": "4Gi"}}}
    cluster.server.put(paths.resource_quotas("prod"), quota)
    await client.until_ready()

    response = await client.ask(review())

    assert "quotas or limits changed" in response["warnings"][0]


async def test_a_namespace_not_seen_yet_is_never_known_to_be_well(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    cluster.server.remove(paths.namespace("prod"))
    cluster.verdict(msgspec.structs.replace(VERDICT, fingerprint=fingerprint({}, [], [])))
    await client.until_ready()

    response = await client.ask(review())

    assert "patch" not in response
    assert response["warnings"]


async def test_changes_are_followed(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    await client.until_ready()
    assert "patch" in await client.ask(review())

    cluster.server.remove(paths.monitor("prod", "chat"))
    async with asyncio.timeout(10):
        while "patch" in (answered := await client.ask(review())):
            pass

    assert answered == {"uid": review()["request"]["uid"], "allowed": True}


async def test_an_invalid_monitor_injects_nothing_and_harms_nobody(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    spec = {"selector": {"matchLabels": {"app": "chat"}}, "unheard": 1}
    cluster.server.remove(paths.monitor("prod", "chat"))
    cluster.server.put(paths.monitors("prod"), {**MONITOR, "spec": spec})
    await client.until_ready()

    response = await client.ask(review())

    assert response == {"uid": review()["request"]["uid"], "allowed": True}


async def test_garbage_among_the_verdicts_counts_as_none(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    data = {"_common": "{", "prod": "[]"}
    cluster.server.put(paths.config_maps(OWN), {"metadata": {"name": "llm-monitor-verdicts"}, "data": data})
    await client.until_ready()

    response = await client.ask(review())

    assert "has not looked at this namespace yet" in response["warnings"][0]


async def test_only_what_the_role_grants_is_asked_of_the_api_server(client: Client, cluster: Cluster) -> None:
    cluster.complete()
    cluster.server.put(paths.NAMESPACES, PROD)
    await client.until_ready()

    asked = {line.split("?")[0].removeprefix("GET ") for line in cluster.server.asked}

    assert not cluster.server.writes()
    assert asked == {
        paths.monitors(),
        paths.NAMESPACES,
        paths.resource_quotas(),
        paths.limit_ranges(),
        paths.config_maps(OWN),
        paths.leases(OWN),
    }
    for line in cluster.server.asked:
        if OWN in line:
            assert "fieldSelector=metadata.name%3Dllm-monitor-" in line
