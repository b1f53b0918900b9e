"""The operator's processes are configured by environment; a wrong one is answered with all that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmmonitor_api.spec.target import LabelSelector
from llmmonitor_operator.inject.plan import SidecarImage
from llmmonitor_operator.process_settings import (
    Certificates,
    InvalidProcessSettings,
    OperatorSettings,
    WebhookSettings,
    operator_settings,
    webhook_settings,
)


def _webhook(**variables: str) -> WebhookSettings:
    return webhook_settings({f"LLM_MONITOR_OPERATOR_{name}": value for name, value in variables.items()})


def _operator(**variables: str) -> OperatorSettings:
    given = {"POD_NAME": "operator-0", **variables}
    return operator_settings({f"LLM_MONITOR_OPERATOR_{name}": value for name, value in given.items()})


def test_a_namespace_is_enough() -> None:
    settings = _webhook(NAMESPACE="llm-monitor")

    assert settings == WebhookSettings(namespace="llm-monitor")
    assert (settings.name, settings.port, settings.tls_port) == ("llm-monitor", 8080, 8443)


def test_everything_can_be_said() -> None:
    settings = _webhook(
        NAMESPACE="monitoring",
        NAME="watchful",
        WATCH_NAMESPACES="prod, test,prod",
        PORT="9080",
        TLS_PORT="9443",
        TLS_DIR="/certificates",
    )

    assert settings.watch_namespaces == ("prod", "test")
    assert (settings.port, settings.tls_port, settings.tls_dir) == (9080, 9443, Path("/certificates"))


def test_every_error_is_named_with_its_value_and_the_way_out() -> None:
    with pytest.raises(InvalidProcessSettings) as caught:
        _webhook(NAME="Upper", WATCH_NAMESPACES="prod,a b", PORT="70000", TLS_PORT="https")

    named = ["NAMESPACE is not set", "NAME is 'Upper'", "'a b'", "PORT is '70000'", "TLS_PORT is 'https'"]
    assert len(caught.value.problems) == len(named)
    for problem, part in zip(caught.value.problems, named, strict=True):
        assert part in problem
        assert "must be" in problem


def test_a_restart_may_be_given_more_time() -> None:
    given = {"NAMESPACE": "llm-monitor", "SIDECAR_IMAGE": "sidecar:1"}

    assert _operator(**given).restart_timeout_seconds == 15 * 60
    assert _operator(**given, RESTART_TIMEOUT="1h30m").restart_timeout_seconds == 90 * 60
    for wrong in ("0s", "soon"):
        with pytest.raises(InvalidProcessSettings, match=r"RESTART_TIMEOUT is .*such as 90s, 15m or 1h"):
            _operator(**given, RESTART_TIMEOUT=wrong)


def test_monitors_may_be_let_rest_for_four_minutes_at_most() -> None:
    given = {"NAMESPACE": "llm-monitor", "SIDECAR_IMAGE": "sidecar:1"}

    for text, seconds in {"": 0, "0s": 0, "30s": 30, "240s": 240, "4m": 240}.items():
        assert _operator(**given, REST=text).rest_seconds == seconds
    with pytest.raises(InvalidProcessSettings, match=r"REST is '241s': must be at most 240s"):
        _operator(**given, REST="241s")
    with pytest.raises(InvalidProcessSettings, match=r"REST is 'long'"):
        _operator(**given, REST="long")


def test_one_port_cannot_serve_twice() -> None:
    with pytest.raises(InvalidProcessSettings, match="both 8443: give one of them another port"):
        _webhook(NAMESPACE="llm-monitor", PORT="8443")


def test_service_links_of_the_kubelet_are_no_settings() -> None:
    settings = _webhook(NAMESPACE="llm-monitor", PORT="tcp://10.96.0.17:8080")

    assert settings.port == 8080


def test_the_operator_needs_a_namespace_and_the_image_it_puts_into_pods() -> None:
    settings = _operator(NAMESPACE="llm-monitor", SIDECAR_IMAGE="sidecar@sha256:ab")

    assert settings == OperatorSettings(
        namespace="llm-monitor", sidecar=SidecarImage(image="sidecar@sha256:ab"), pod_name="operator-0"
    )


def test_everything_about_the_sidecar_can_be_said_to_the_operator() -> None:
    settings = _operator(
        NAMESPACE="llm-monitor",
        POD_NAME="llm-monitor-operator-1",
        SIDECAR_IMAGE="sidecar:1",
        SIDECAR_IMAGE_PULL_POLICY="Always",
        SIDECAR_CPU_REQUEST="0.1",
        SIDECAR_MEMORY_REQUEST="200Mi",
        SIDECAR_MEMORY_LIMIT="1Gi",
        SIDECAR_GUARANTEED_CPU="1",
        SIDECAR_NVIDIA_DEVICES="All",
        SIDECAR_DCGM_EXPORTER="http://{node}:9400/metrics",
        CERTIFICATES="CertManager",
    )

    assert (settings.pod_name, settings.certificates) == ("llm-monitor-operator-1", Certificates.CERT_MANAGER)
    assert settings.sidecar == SidecarImage(
        image="sidecar:1",
        pull_policy="Always",
        cpu_request="0.1",
        memory_request="200Mi",
        memory_limit="1Gi",
        guaranteed_cpu="1",
        nvidia_devices="All",
        dcgm_exporter="http://{node}:9400/metrics",
    )


@pytest.mark.parametrize("wrong", ["gpu-node:9400", "http://" + "x" * 1024])
def test_an_exporters_address_is_a_url(wrong: str) -> None:
    with pytest.raises(InvalidProcessSettings, match=r"SIDECAR_DCGM_EXPORTER is .*must begin with http"):
        _operator(
            NAMESPACE="llm-monitor",
            SIDECAR_IMAGE="sidecar:1",
            CERTIFICATES="None",
            SIDECAR_DCGM_EXPORTER=wrong,
        )


def test_where_the_webhook_is_asked_is_a_label_selector() -> None:
    given = {"NAMESPACE": "llm-monitor", "SIDECAR_IMAGE": "sidecar:1", "CERTIFICATES": "None"}

    assert _operator(**given).certificates is Certificates.NONE
    assert _operator(**given).webhook_namespaces is None
    asked = _operator(**given, WEBHOOK_NAMESPACE_SELECTOR='{"matchLabels": {"llm": "yes"}}')
    assert asked.webhook_namespaces == LabelSelector(match_labels={"llm": "yes"})
    for wrong in ("{}", "prod", '{"matchLabels": []}'):
        with pytest.raises(InvalidProcessSettings, match=r"WEBHOOK_NAMESPACE_SELECTOR is .*as JSON"):
            _operator(**given, WEBHOOK_NAMESPACE_SELECTOR=wrong)


def test_replicas_need_names_of_their_own() -> None:
    with pytest.raises(InvalidProcessSettings, match="POD_NAME is not set: must be the pod's own name"):
        _operator(NAMESPACE="llm-monitor", SIDECAR_IMAGE="sidecar:1", POD_NAME="")


def test_a_sidecar_cannot_request_more_memory_than_its_limit() -> None:
    given = {"NAMESPACE": "llm-monitor", "SIDECAR_IMAGE": "sidecar:1"}

    with pytest.raises(InvalidProcessSettings, match=r"MEMORY_REQUEST is '1Gi': must be at most .*256Mi"):
        _operator(**given, SIDECAR_MEMORY_REQUEST="1Gi")
    assert _operator(**given, SIDECAR_MEMORY_REQUEST="256Mi").sidecar.memory_request == "256Mi"


def test_the_operators_errors_are_all_named_too() -> None:
    with pytest.raises(InvalidProcessSettings) as caught:
        _operator(
            NAMESPACE="llm-monitor",
            SIDECAR_IMAGE_PULL_POLICY="Sometimes",
            SIDECAR_CPU_REQUEST="0",
            SIDECAR_MEMORY_LIMIT="much",
            CERTIFICATES="Mine",
        )

    named = [
        "SIDECAR_IMAGE is not set",
        "SIDECAR_IMAGE_PULL_POLICY is 'Sometimes': must be one of Always, IfNotPresent, Never",
        "SIDECAR_CPU_REQUEST is '0'",
        "SIDECAR_MEMORY_LIMIT is 'much'",
        "CERTIFICATES is 'Mine': must be one of Operator, CertManager, None",
    ]
    assert len(caught.value.problems) == len(named)
    for problem, part in zip(caught.value.problems, named, strict=True):
        assert part in problem
