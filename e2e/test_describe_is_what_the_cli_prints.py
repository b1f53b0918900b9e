"""`kubectl describe llmmonitor` and `llm-monitor watch` show the same object in the same bytes.

The definition is ours under another name: an operator that runs would write statuses and Events of its own
between what is read here and what is described.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from e2e.definition import definition, establish
from e2e.kubectl import Kubectl
from tests.operator.conftest import OBJECTIVES, Watch, monitor_with

from llmmonitor_api.report.report import Engine, Live
from llmmonitor_cli.describe import Event, describe

KIND, PLURAL, GROUP = "DescribedMonitor", "describedmonitors", "described.llmmonitor.io"
pytestmark = pytest.mark.usefixtures("unwatched")
METADATA = {
    "name": "chat",
    "labels": {"team": "search", "app.kubernetes.io/part-of": "chat"},
    "annotations": {
        "example.com/owner": "someone",
        "note": "two words",
        "long": "x" * 200,
        "lines": "one\ntwo\n",
    },
}


@pytest.fixture(scope="module")
def unwatched(cluster: Kubectl) -> Iterator[None]:
    """A cluster that knows monitors which no operator acts for."""
    crd = definition()
    crd["metadata"]["name"] = f"{PLURAL}.{GROUP}"
    crd["spec"]["group"] = GROUP
    crd["spec"]["names"] = {"kind": KIND, "plural": PLURAL, "singular": KIND.lower()}
    establish(cluster, crd)
    yield
    cluster("delete", f"customresourcedefinition/{PLURAL}.{GROUP}", "--wait=false")


def evaluated_status() -> dict[str, Any]:
    """The status of a monitor with two pods, a slow first token and errors, as the operator evaluates it."""
    watch = Watch(monitor_with(performance={"objectives": list(OBJECTIVES)}))
    replicas = [watch.replica(number) for number in range(2)]
    for replica in replicas:
        replica.engine = Engine(name="LlamaCpp", version="b1", model="smol", detected_by="/props", waiting=2)
        replica.live = Live(in_flight=3, oldest_in_flight_seconds=1.2345, seconds_without_progress=0.1)
        replica.serve(900, ttft=0.2)
        replica.serve(100, ttft=2.3)
        replica.serve(7, outcome="server_error")
    return dict(watch.gather(replicas).status)


def kept(namespace: Kubectl, status: Mapping[str, Any]) -> dict[str, Any]:
    """A monitor applied to the cluster, its status patched; as the API server gives it back."""
    spec = {"selector": {"matchLabels": {"app": "chat"}}, "performance": {"objectives": list(OBJECTIVES)}}
    namespace.apply({"apiVersion": f"{GROUP}/v1alpha1", "kind": KIND, "metadata": METADATA, "spec": spec})
    patch = ("patch", f"{PLURAL}/chat", "--subresource=status", "--type=merge")
    namespace(*patch, f"--patch={json.dumps({'status': status})}")
    return dict(namespace.get(f"{PLURAL}/chat"))


def event(monitor: Mapping[str, Any], at: datetime) -> tuple[dict[str, Any], Event]:
    """One Event, as the cluster keeps it and as the CLI shows it."""
    one = Event("Warning", "BurnRateHigh", "first-token: 10 % over 1 s, 10 times the budget", at)
    metadata = monitor["metadata"]
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "chat.1", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": monitor["apiVersion"],
            "kind": monitor["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": one.type,
        "reason": one.reason,
        "message": one.message,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
        "source": {"component": one.source},
    }, one


def printed(namespace: Kubectl, monitor: Mapping[str, Any], events: list[Event]) -> tuple[str, set[str]]:
    """What kubectl prints, and what the CLI prints at each second at which kubectl may have looked."""
    before = datetime.now(UTC)
    text = namespace("describe", PLURAL, "chat")
    seconds = int((datetime.now(UTC) - before).total_seconds()) + 2
    return text.rstrip("\n"), {
        describe(monitor, events, before + timedelta(seconds=n)).rstrip("\n") for n in range(seconds)
    }


def test_a_monitor_with_an_evaluated_status_and_an_event(namespace: Kubectl) -> None:
    status = evaluated_status()
    monitor = kept(namespace, status)
    of_cluster, of_cli = event(monitor, datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5))
    namespace.apply(of_cluster)

    by_kubectl, by_cli = printed(namespace, monitor, [of_cli])

    assert monitor["status"] == status
    assert by_kubectl in by_cli, (by_kubectl, min(by_cli))


def test_a_monitor_of_which_nothing_is_known_yet(namespace: Kubectl) -> None:
    monitor = kept(namespace, {})

    by_kubectl, by_cli = printed(namespace, monitor, [])

    assert by_kubectl in by_cli, (by_kubectl, min(by_cli))


@pytest.mark.parametrize("number", [0, 1, 0.5, 1e-5, 0.00012, 99999.5, 123456.5, 1234567.5, 20999999, 3e21])
def test_a_number_of_any_size(namespace: Kubectl, number: float) -> None:
    monitor = kept(namespace, {"performance": {"tokensPerSecond": number}})

    by_kubectl, by_cli = printed(namespace, monitor, [])

    assert by_kubectl in by_cli, (by_kubectl, min(by_cli))
