"""What the API server is told of the webhook: when to ask, how long to wait, and what if no answer comes."""

from __future__ import annotations

from collections.abc import Callable

from e2e.helm import Objects

from llmmonitor_operator.monitors import THE_CLUSTERS_OWN

Render = Callable[..., Objects]
CONFIGURATION = ("MutatingWebhookConfiguration", "", "llm-monitor")


def test_a_pod_never_fails_for_us_and_waits_at_most_four_seconds(render: Render) -> None:
    (webhook,) = render()[CONFIGURATION]["webhooks"]

    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["timeoutSeconds"] == 2
    assert webhook["reinvocationPolicy"] == "IfNeeded"
    assert webhook["sideEffects"] == "None"
    assert webhook["rules"] == [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["pods"],
            "scope": "Namespaced",
        }
    ]


def test_an_upgrade_cannot_clear_the_authority_because_the_chart_never_writes_it(render: Render) -> None:
    (webhook,) = render()[CONFIGURATION]["webhooks"]

    assert set(webhook["clientConfig"]) == {"service"}


def test_the_service_it_names_leads_to_the_webhooks_pods(render: Render) -> None:
    objects = render()
    (webhook,) = objects[CONFIGURATION]["webhooks"]
    named = webhook["clientConfig"]["service"]

    service = objects["Service", named["namespace"], named["name"]]["spec"]
    pods = objects["Deployment", "llm-monitor", "llm-monitor-webhook"]["spec"]["template"]

    (port,) = (one for one in service["ports"] if one["port"] == named["port"])
    (container,) = pods["spec"]["containers"]
    assert port["targetPort"] in {one["name"] for one in container["ports"]}
    assert service["selector"].items() <= pods["metadata"]["labels"].items()
    assert named["path"] == "/mutate"


def test_the_clusters_own_namespace_and_ours_are_left_out(render: Render) -> None:
    (webhook,) = render(namespace="elsewhere")[CONFIGURATION]["webhooks"]

    assert webhook["namespaceSelector"]["matchExpressions"] == [
        {
            "key": "kubernetes.io/metadata.name",
            "operator": "NotIn",
            "values": [*THE_CLUSTERS_OWN, "elsewhere"],
        }
    ]


def test_no_pod_is_kept_from_the_webhook_for_the_names_of_its_containers(render: Render) -> None:
    """An init container of the owner's own may be called like the sidecar: only the webhook can tell."""
    (webhook,) = render()[CONFIGURATION]["webhooks"]

    conditions = {one["name"]: one["expression"] for one in webhook["matchConditions"]}
    assert set(conditions) == {"not-opted-out", "not-a-static-pod"}
    assert not [text for text in conditions.values() if "ontainers" in text]


def test_an_installation_for_some_namespaces_is_called_for_those(render: Render) -> None:
    values = {
        "watchNamespaces": ["prod"],
        "webhook": {"namespaceSelector": {"matchLabels": {"tier": "gpu"}}},
    }
    (webhook,) = render(values)[CONFIGURATION]["webhooks"]

    selector = webhook["namespaceSelector"]
    assert {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["prod"]} in selector[
        "matchExpressions"
    ]
    assert selector["matchLabels"] == {"tier": "gpu"}
