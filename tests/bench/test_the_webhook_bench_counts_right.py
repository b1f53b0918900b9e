"""What the webhook's bench makes of what it measured; that it runs is proved on a real cluster only."""

from __future__ import annotations

from bench import comparison, webhook
from bench.admission.creation import Created, calls, pod
from bench.admission.others import as_before, leaving_out
from bench.admission.places import CALLED, INJECTED, WITHOUT
from bench.comparison import AGAIN

METRICS = """\
# TYPE apiserver_admission_webhook_admission_duration_seconds histogram
apiserver_admission_webhook_admission_duration_seconds_bucket{name="inject.llmmonitor.io",le="0.005"} 7
apiserver_admission_webhook_admission_duration_seconds_sum{name="inject.llmmonitor.io",rejected="false"} 0.25
apiserver_admission_webhook_admission_duration_seconds_count{name="inject.llmmonitor.io",rejected="false"} 10
apiserver_admission_webhook_admission_duration_seconds_sum{name="other.example.com",rejected="false"} 9
apiserver_admission_webhook_admission_duration_seconds_count{name="other.example.com",rejected="false"} 9
"""


def test_only_calls_of_our_webhook_are_counted() -> None:
    assert calls(METRICS) == (10.0, 250.0)
    assert calls("") == (0.0, 0.0)


def test_what_is_added_is_judged_round_by_round_against_the_target() -> None:
    p99 = {
        INJECTED: [30.0, 40.0, 35.0, 38.0, 300.0],
        CALLED: [12.0, 13.0, 12.0, 15.0, 14.0],
        WITHOUT: [10.0, 11.0, 10.0, 13.0, 12.0],
        f"{WITHOUT}{AGAIN}": [10.0, 12.0, 10.0, 13.0, 11.0],
    }

    injecting, called = comparison.rows(webhook._added(p99), {})

    assert (injecting.ours, injecting.peer, injecting.ratio) == (25.0, 50.0, 0.5)
    assert injecting.met == "indistinguishable"  # one round of five was far above it
    assert (called.ours, called.met) == (2.0, True)


def test_a_pod_without_its_sidecar_is_a_failure_and_so_is_one_with_a_strangers() -> None:
    assert not webhook._missed(INJECTED, Created([1.0, 2.0], injected=2))
    assert webhook._missed(INJECTED, Created([1.0, 2.0], injected=1)) == {f"{INJECTED}: without sidecar": 1}
    assert webhook._missed(WITHOUT, Created([1.0, 2.0], injected=1)) == {f"{WITHOUT}: with a sidecar": 1}


def test_the_pods_are_some_that_the_webhook_would_inject() -> None:
    thing = pod("prod", "u-1")

    assert thing["metadata"]["ownerReferences"][0]["controller"] is True
    assert thing["spec"]["schedulerName"] == "none"


def test_another_releases_webhook_is_kept_away_and_then_as_it_was() -> None:
    kube_system = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
    selector = {"matchLabels": {"team": "a"}, "matchExpressions": [kube_system]}
    there = {
        "webhooks": [
            {"name": "other.example.com"},
            {"name": "inject.llmmonitor.io", "namespaceSelector": selector},
        ]
    }

    [change] = leaving_out(there, ["bench-a", "bench-b"])
    now = {
        "webhooks": [
            there["webhooks"][0],
            {"name": "inject.llmmonitor.io", "namespaceSelector": change["value"]},
        ]
    }
    [back] = as_before(now, ["bench-a", "bench-b"])

    assert change["path"] == back["path"] == "/webhooks/1/namespaceSelector"
    assert change["value"]["matchExpressions"][1]["values"] == ["bench-a", "bench-b"]
    assert back["value"] == selector
    assert not as_before(there, ["bench-a", "bench-b"])
    assert not leaving_out({"webhooks": there["webhooks"][:1]}, ["bench-a"])
