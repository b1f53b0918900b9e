from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_api.report.report import Engine, InterceptionState, Pressure, Resources

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]


def test_the_share_of_connections_that_is_read_is_said(watch: Make, said: Said) -> None:
    one = watch()
    replicas = [one.replica(0), one.replica(1)]
    for replica, read, bypassing in zip(replicas, (30, 7), (0, 3), strict=True):
        replica.serve(1)
        replica.interception = InterceptionState(
            "transparent", reading=True, read_connections=read, bypassing_connections=bypassing
        )

    assert said(one.gather(replicas), "Intercepting") == (
        "True",
        "TrafficRead",
        "37 of 40 connections are read (92.5 %)",
    )


def test_a_node_on_which_nothing_can_be_drained_is_named(watch: Make, said: Said) -> None:
    one = watch()
    replicas = [one.replica(0), one.replica(1)]
    for replica, why in zip(replicas, ("", "too old"), strict=True):
        replica.serve(1)
        replica.interception = InterceptionState("transparent", reading=True, cannot_drain=why)

    assert said(one.gather(replicas), "Intercepting") == (
        "True",
        "TrafficRead",
        "no connection is open; connections from before cannot be closed (DrainIdle): chat-1: too old",
    )


@pytest.mark.parametrize(
    ("sidecar_says", "reason", "status"),
    [
        ("StarvedOfCPU", "StarvedOfCPU", "False"),
        ("RelayStalled", "RelayStalled", "False"),
        ("RelayDown", "RelayDown", "False"),
        ("MeshRedirects", "MeshRedirects", "False"),
        ("HostNetwork", "HostNetwork", "False"),
        ("KernelUnsupported", "KernelUnsupported", "False"),
        ("NotPermitted", "NotPermitted", "False"),
        ("ModelNotListening", "ModelNotListening", "Unknown"),
        ("Starting", "Starting", "Unknown"),
        ("HandingOver", "HandingOver", "Unknown"),
        ("Off", "NotConfigured", "Unknown"),
        ("AWordOfANewerSidecar", "RelayStalled", "False"),
    ],
)
def test_a_sidecar_that_does_not_read_says_why(
    watch: Make, said: Said, sidecar_says: str, reason: str, status: str
) -> None:
    one = watch()
    replica = one.replica()
    replica.interception = InterceptionState("transparent", reading=False, reason=sidecar_says, message="x")

    result = said(one.gather([replica]), "Intercepting")

    assert result[:2] == (status, reason)
    assert f"chat-0: {sidecar_says} (x)" in result[2]


def test_every_reason_that_the_supervisor_can_give_is_understood(watch: Make, said: Said) -> None:
    supervisor = pytest.importorskip("llmmonitor_sidecar.supervisor.reasons")
    not_wanted = {"Off", "Stopped", "Stopping"}
    words = [supervisor.name_of(code) for code in supervisor.Reason if code != supervisor.Reason.READING]

    for word in words:
        one = watch()
        replica = one.replica()
        replica.interception = InterceptionState("transparent", reading=False, reason=word)
        reason = said(one.gather([replica]), "Intercepting")[1]
        assert reason == ("NotConfigured" if word in not_wanted else word)


def test_a_replica_that_cannot_read_decides_before_one_that_waits(watch: Make, said: Said) -> None:
    one = watch()
    waiting, starved = one.replica(0), one.replica(1)
    for replica, reason in ((waiting, "ModelNotListening"), (starved, "StarvedOfCPU")):
        replica.interception = InterceptionState("transparent", reading=False, reason=reason)

    assert said(one.gather([waiting, starved]), "Intercepting")[:2] == ("False", "StarvedOfCPU")


def test_no_connection_yet_is_unknown(watch: Make, said: Said) -> None:
    one = watch()

    assert said(one.gather([one.replica()]), "Intercepting")[:2] == ("Unknown", "NoTrafficYet")


def test_copies_dropped_are_shedding_with_the_share(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(90)
    replica.serve(10, outcome="not_analysed")
    replica.totals.interception.shed_connections = 2
    replica.totals.interception.exchanges_not_analysed = 10
    replica.totals.interception.shed_bytes = 3 << 20

    status, reason, message = said(one.gather([replica]), "Intercepting")

    assert (status, reason) == ("False", "Shedding")
    assert message.startswith(
        "2 connections not analysed, 10 % of requests (3 MiB of copies dropped) over 5 min"
    )


def test_only_tls_is_encrypted_and_some_tls_is_a_remark(watch: Make, said: Said) -> None:
    one = watch()
    closed, mixed = one.replica(0), one.replica(1)
    closed.totals.interception.accepted = 4
    closed.totals.interception.opaque_connections = {"tls": 4}
    only = said(one.gather([closed]), "Intercepting")
    mixed.serve(10)
    some = said(one.gather([closed, mixed]), "Intercepting")

    assert only == ("False", "Encrypted", "4 connections in 5 min, all TLS: forwarded, not readable")
    assert some[:2] == ("True", "TrafficRead")
    assert some[2].endswith("in the last 5 min 4 connections could not be read (TLS, HTTP/2 or an upgrade)")


def test_what_was_missed_while_reading_is_said(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    replica.totals.interception.blind_nanoseconds = 1_200_000_000
    replica.totals.interception.unknown_connections = 1

    status, _, message = said(one.gather([replica]), "Intercepting")

    assert status == "True"
    assert message.endswith(
        "in the last 5 min new connections were not read for 1.2 s, 1 connection from before the"
        " analyser started could not be read"
    )


def test_interception_turned_off_is_not_configured(watch: Make, said: Said) -> None:
    one = watch(interception={"mode": "Off"})

    assert said(one.gather([one.replica()]), "Intercepting")[:2] == ("Unknown", "NotConfigured")


@pytest.mark.parametrize(
    ("figures", "reason", "words"),
    [
        (
            {"memory_used_bytes": 91, "memory_limit_bytes": 100},
            "MemoryNearLimit",
            "memory 91 % (91 B of 100 B) > 90 %",
        ),
        ({"memory_used_bytes": 90, "memory_limit_bytes": 100}, "WithinLimits", "memory 90 %"),
        ({"cpu_throttled_share": 0.26}, "CPUThrottled", "CPU throttled in 26 % of periods > 25 %"),
        ({"rss_bytes": 1 << 30}, "WithinLimits", "memory 1 GiB (no limit known)"),
    ],
)
def test_resources_are_held_against_their_limits(
    watch: Make, said: Said, figures: dict[str, Any], reason: str, words: str
) -> None:
    one = watch()
    replica = one.replica()
    replica.resources = Resources(processes_visible=True, **figures)

    result = said(one.gather([replica]), "ResourcesHealthy")

    assert result[1] == reason
    assert f"chat-0: {words}" in result[2]


def test_a_full_kv_cache_of_one_replica_is_false_even_when_processes_are_hidden(
    watch: Make, said: Said
) -> None:
    one = watch()
    well, full = one.replica(0), one.replica(1)
    full.resources = Resources(processes_visible=False, reason="another PID namespace")
    full.engine = Engine(name="VLLM", kv_cache_use=0.96)

    status, reason, message = said(one.gather([well, full]), "ResourcesHealthy")

    assert (status, reason) == ("False", "KVCacheSaturated")
    assert message == "chat-1: KV cache 96 % > 95 %"


def test_a_kv_cache_of_a_scrape_that_failed_is_not_judged(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = Engine(name="VLLM", kv_cache_use=0.99, error="connection refused")

    result = said(one.gather([replica]), "ResourcesHealthy")

    assert result[1] == "WithinLimits"
    assert "KV cache" not in result[2]


def test_hidden_processes_are_unknown_and_do_not_gate(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100)
    replica.resources = Resources(processes_visible=False, reason="another PID namespace")

    result = one.gather([replica])

    assert said(result, "ResourcesHealthy") == (
        "Unknown",
        "ProcessesNotVisible",
        "processes not visible: chat-0 (another PID namespace)",
    )
    assert said(result, "Healthy")[0] == "True"
    assert "ResourcesHealthy (ProcessesNotVisible)" in said(result, "Healthy")[2]


def test_a_kill_for_memory_is_the_worst_and_is_over_after_an_hour(watch: Make, said: Said) -> None:
    one = watch(clearAfter="1m")
    replica = one.replica()
    one.gather([replica])
    replica.resources = Resources(processes_visible=True, rss_bytes=1, oom_kills=1, cpu_throttled_share=0.9)
    killed = said(one.gather([replica]), "ResourcesHealthy")
    replica.resources = Resources(processes_visible=True, rss_bytes=1, oom_kills=1)
    one.gather([replica], 3590)

    assert killed[:2] == ("False", "OOMKilled")
    assert said(one.judge(), "ResourcesHealthy")[:2] == ("False", "OOMKilled")
    assert said(one.gather([replica], 120), "ResourcesHealthy")[:2] == ("True", "WithinLimits")


def test_a_limit_that_is_seen_from_outside_of_the_cgroup_is_said_with_its_cores(
    watch: Make, said: Said
) -> None:
    one = watch()
    replica = one.replica()
    replica.resources = Resources(processes_visible=True, cpu_limit_cores=0.5, cpu_at_limit_share=0.8)

    result = one.gather([replica])

    assert said(result, "ResourcesHealthy")[:2] == ("False", "CPUThrottled")
    assert (
        "CPU held back by its limit of 0.5 cores in 80 % of the last minute > 25 %"
        in said(result, "ResourcesHealthy")[2]
    )
    assert result.status["resources"]["cpuThrottledShare"] == 0.8


@pytest.mark.parametrize(
    ("of", "share", "words"),
    [
        ("model", 0.12, "; its processes waited for memory in 12 % of the last minute"),
        ("node", 0.12, "; processes of the node waited for memory in 12 % of the last minute"),
        ("node", 0.001, "> 90 %"),
    ],
)
def test_pressure_is_evidence_beside_memory_near_its_limit(
    watch: Make, said: Said, of: str, share: float, words: str
) -> None:
    one = watch()
    replica = one.replica()
    replica.resources = Resources(
        processes_visible=True,
        memory_used_bytes=95,
        memory_limit_bytes=100,
        pressure={"memory": Pressure(of, some_60s=share)},
    )

    assert said(one.gather([replica]), "ResourcesHealthy")[2].endswith(words)
