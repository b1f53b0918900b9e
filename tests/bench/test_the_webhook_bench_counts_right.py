"""What the webhook's bench makes of what it measured; that it runs is proved on a real cluster only."""

from __future__ import annotations

from bench import comparison, webhook
from bench.admission.creation import Created, calls, pod
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
