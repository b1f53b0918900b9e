from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.operator.model_pods import NAMESPACE, VERDICT, created_pod, monitor, serving

from llmmonitor_api.spec.target import LabelSelector
from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.preflight.mesh import mesh
from llmmonitor_operator.preflight.mode import ModeChoice, choose_mode
from llmmonitor_operator.preflight.services import BYTES_LIMIT, by_number, numbered_ports
from llmmonitor_operator.preflight.verdict import NamespaceVerdict, NumberedPort

NOT_WITH_NET_ADMIN = NamespaceVerdict(
    transparent=False,
    plain=True,
    refusal='violates PodSecurity "baseline:latest"',
    refused_by="PodSecurityForbids",
)
NOT_AT_ALL = NamespaceVerdict(
    transparent=False, plain=False, refusal="denied by policy", refused_by="InjectionSuspended"
)
UNKNOWN = NamespaceVerdict()
UNTESTABLE = NamespaceVerdict(untestable=True, message="no dry run")


def chosen(  # noqa: PLR0913 - each test changes one of them
    wanted: str,
    pod: dict[str, Any] | None = None,
    verdict: NamespaceVerdict = VERDICT,
    *,
    server_version: str = "1.34",
    attaching: bool = False,
    namespace: dict[str, Any] | None = None,
) -> ModeChoice:
    pod = created_pod() if pod is None else pod
    spec: dict[str, Any] = {"interception": {"mode": wanted}}
    if wanted == "Port":
        spec["existingPods"] = "Restart"
    return choose_mode(
        monitor(**spec),
        pod,
        serving(pod),
        verdict,
        server_version=server_version,
        attaching=attaching,
        namespace=namespace,
    )


@pytest.mark.parametrize(
    ("wanted", "mode"),
    [("Auto", Mode.TRANSPARENT), ("Transparent", Mode.TRANSPARENT), ("Port", Mode.LISTEN), ("Off", Mode.OFF)],
)
def test_where_everything_is_admitted_the_spec_is_done(wanted: str, mode: Mode) -> None:
    assert chosen(wanted) == ModeChoice(mode)


def test_without_net_admin_auto_reads_nothing_and_says_why() -> None:
    choice = chosen("Auto", verdict=NOT_WITH_NET_ADMIN)

    assert (choice.mode, choice.reason) == (Mode.OFF, "NotPermitted")
    assert 'violates PodSecurity "baseline:latest"' in choice.message
    assert "engine metrics" in choice.message


def test_without_net_admin_transparent_by_the_owners_word_is_refused_in_the_api_servers_words() -> None:
    choice = chosen("Transparent", verdict=NOT_WITH_NET_ADMIN)

    assert choice == ModeChoice(None, "PodSecurityForbids", 'violates PodSecurity "baseline:latest"')


@pytest.mark.parametrize("wanted", ["Auto", "Transparent", "Off", "Port"])
def test_where_no_sidecar_is_admitted_none_is_put_in(wanted: str) -> None:
    assert chosen(wanted, verdict=NOT_AT_ALL) == ModeChoice(None, "InjectionSuspended", "denied by policy")


@pytest.mark.parametrize("wanted", ["Auto", "Transparent", "Off", "Port"])
@pytest.mark.parametrize("attaching", [True, False])
def test_while_nothing_is_known_nothing_is_put_in(wanted: str, *, attaching: bool) -> None:
    choice = chosen(wanted, verdict=UNKNOWN, attaching=attaching)

    assert (choice.mode, choice.reason) == (None, "PreflightPending")


def test_where_no_dry_run_is_served_attaching_is_tried_and_injecting_is_not() -> None:
    assert chosen("Auto", verdict=UNTESTABLE, attaching=True).mode is Mode.TRANSPARENT
    assert chosen("Off", verdict=UNTESTABLE, attaching=True).mode is Mode.OFF
    assert chosen("Auto", verdict=UNTESTABLE).reason == "PreflightPending"


@pytest.mark.parametrize("wanted", ["Auto", "Transparent"])
def test_on_the_nodes_network_nothing_is_redirected(wanted: str) -> None:
    pod = created_pod()
    pod["spec"]["hostNetwork"] = True

    choice = chosen(wanted, pod)
    assert (choice.mode, choice.reason) == (Mode.OFF, "HostNetwork")


def test_the_nodes_network_in_a_namespace_that_admits_nothing_is_a_refusal() -> None:
    pod = created_pod()
    pod["spec"]["hostNetwork"] = True

    assert chosen("Auto", pod, NOT_AT_ALL).mode is None


def proxy(pod: dict[str, Any], name: str) -> None:
    pod["spec"]["containers"].append({"name": name, "image": "proxy"})


def native_proxy(pod: dict[str, Any], name: str) -> None:
    pod["spec"]["initContainers"] = [{"name": name, "image": "proxy", "restartPolicy": "Always"}]


@pytest.mark.parametrize("put", [proxy, native_proxy])
@pytest.mark.parametrize("name", ["istio-proxy", "linkerd-proxy", "kuma-sidecar", "consul-dataplane"])
def test_a_meshs_container_is_seen(put: Any, name: str) -> None:
    pod = created_pod()
    put(pod, name)

    choice = chosen("Auto", pod)
    assert (choice.mode, choice.reason) == (Mode.OFF, "MeshRedirects")
    assert name in choice.message
    assert chosen("Port", pod).mode is Mode.LISTEN


@pytest.mark.parametrize(
    ("kind", "key", "value", "redirects"),
    [
        ("annotations", "sidecar.istio.io/status", "{}", True),
        ("annotations", "ambient.istio.io/redirection", "enabled", True),
        ("annotations", "ambient.istio.io/redirection", "disabled", False),
        ("annotations", "linkerd.io/inject", "enabled", True),
        ("labels", "sidecar.istio.io/inject", "true", True),
        ("labels", "sidecar.istio.io/inject", "false", False),
        ("labels", "istio.io/dataplane-mode", "ambient", True),
        ("labels", "app.kubernetes.io/part-of", "istio", False),
    ],
)
def test_what_the_pod_says_of_a_mesh_is_read(kind: str, key: str, value: str, *, redirects: bool) -> None:
    pod = created_pod()
    pod["metadata"].setdefault(kind, {})[key] = value

    assert bool(mesh(pod)) is redirects


@pytest.mark.parametrize(
    ("namespace", "pod_label", "redirects"),
    [
        ({"istio-injection": "enabled"}, {}, True),
        ({"istio.io/rev": "1-27"}, {}, True),
        ({"istio-injection": "disabled"}, {}, False),
        ({"istio-injection": "enabled"}, {"sidecar.istio.io/inject": "false"}, False),
        ({"istio.io/dataplane-mode": "ambient"}, {}, True),
        ({"istio.io/dataplane-mode": "ambient"}, {"istio.io/dataplane-mode": "none"}, False),
        ({"istio.io/dataplane-mode": "ambient"}, {"sidecar.istio.io/inject": "false"}, True),
        ({}, {}, False),
    ],
)
def test_what_the_namespace_asks_of_a_mesh_holds_unless_the_pod_declines(
    namespace: dict[str, str], pod_label: dict[str, str], *, redirects: bool
) -> None:
    pod = created_pod()
    pod["metadata"]["labels"] |= pod_label

    around = {"metadata": {"name": "prod", "labels": namespace}}
    assert (chosen("Auto", pod, namespace=around).reason == "MeshRedirects") is redirects


@pytest.mark.parametrize("version", ["1.31", "v1.31.9-gke.1", "1.9", "", "unknown"])
def test_port_needs_named_ports_of_native_sidecars_in_endpoint_slices(version: str) -> None:
    choice = chosen("Port", server_version=version)

    assert (choice.mode, choice.reason) == (Mode.OFF, "ServerTooOld")
    assert "1.32" in choice.message


@pytest.mark.parametrize("version", ["1.32", "v1.32.0", "1.34+", "2.0"])
def test_newer_servers_do(version: str) -> None:
    assert chosen("Port", server_version=version).mode is Mode.LISTEN


def test_what_is_said_to_work_without_reading_exists() -> None:
    """There are no probes yet."""
    choice = chosen("Port", attaching=True)

    assert choice.message.endswith("; engine metrics and process figures still work")


def test_port_needs_a_name() -> None:
    pod = created_pod()
    del pod["spec"]["containers"][0]["ports"][0]["name"]

    choice = chosen("Port", pod)
    assert (choice.mode, choice.reason) == (Mode.OFF, "ServiceUsesPortNumber")
    assert "port 8000 of container vllm has no name" in choice.message


def test_port_needs_services_that_use_the_name() -> None:
    numbered = (NumberedPort("chat", {"app": "chat"}, 8000),)
    verdict = NamespaceVerdict(plain=True, numbered_ports=numbered)

    choice = chosen("Port", verdict=verdict)
    assert (choice.mode, choice.reason) == (Mode.OFF, "ServiceUsesPortNumber")
    assert "Service chat names port 8000; set its targetPort to http" in choice.message


def test_the_port_of_a_running_pod_cannot_be_handed_over() -> None:
    choice = chosen("Port", attaching=True)

    assert (choice.mode, choice.reason) == (Mode.OFF, "NeedsRestart")


OF_CHAT = LabelSelector.model_validate({"matchLabels": {"app": "chat"}})


def service(name: str, port: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"selector": {"app": "chat"}, "ports": [port], **spec}}


@pytest.mark.parametrize(
    ("port", "number"),
    [
        ({"port": 80, "targetPort": 8000}, 8000),
        ({"port": 8000}, 8000),
        ({"port": 80, "targetPort": "http"}, None),
        ({"port": 80, "targetPort": 8000, "protocol": "UDP"}, None),
    ],
)
def test_services_that_say_a_number_are_found(port: dict[str, Any], number: int | None) -> None:
    found = numbered_ports([service("chat", port)], [OF_CHAT])

    assert [one.port for one in found] == ([number] if number else [])


def test_services_without_a_selector_or_for_other_pods_do_not_matter() -> None:
    strange = [service("x", {"port": 8000}, selector=None), {}, {"spec": {}, "metadata": {}}]
    elsewhere = service("other", {"port": 8000}, selector={"app": "other"})
    assert numbered_ports([*strange, elsewhere], [OF_CHAT]) == ()
    other = (NumberedPort("other", {"app": "other"}, 8000), NumberedPort("chat", {"app": "chat"}, 9000))

    assert by_number(created_pod(), 8000, other) == ""


def test_of_services_that_say_the_same_one_is_kept() -> None:
    services = [service(f"s{number}", {"port": 8000}) for number in range(200)]

    assert [one.service for one in numbered_ports(services, [OF_CHAT])] == ["s0"]


def test_a_namespace_full_of_services_for_the_models_pods_is_cut_off() -> None:
    services = [
        service(f"s{number}", {"port": 8000}, selector={f"label-{number}": "x" * 63, "app": "chat"})
        for number in range(200)
    ]

    found = numbered_ports(services, [OF_CHAT])

    assert 1 < len(found) < 100
    assert len(msgspec.json.encode(found)) < 1.1 * BYTES_LIMIT


def test_a_service_may_say_more_or_less_than_the_monitor() -> None:
    narrower = service("narrower", {"port": 8000}, selector={"app": "chat", "canary": "yes"})
    wider = service("wider", {"port": 8001}, selector={"team": "llm"})
    unlike = service("unlike", {"port": 8002}, selector={"app": "chat", "tier": "cache"})
    of_chat = LabelSelector.model_validate(
        {
            "matchLabels": {"app": "chat"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["cache"]}],
        }
    )

    found = numbered_ports([narrower, wider, unlike], [of_chat])

    assert [one.service for one in found] == ["narrower", "wider"]


def test_a_namespace_that_asks_for_nothing_is_no_mesh() -> None:
    assert mesh(created_pod(), NAMESPACE) == ""
