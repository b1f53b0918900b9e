from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.operator.admit.admission import AROUND, QUOTA, admitted, static, verdict
from tests.operator.model_pods import created_pod, monitor

from llmmonitor_operator.admit.decide import Surroundings


def test_what_was_to_keep_the_sidecar_out_and_does_not_is_said_with_what_does() -> None:
    for kind, value in (
        ("annotations", "no"),
        ("annotations", "0"),
        ("annotations", ""),
        ("labels", "false"),
    ):
        pod = created_pod()
        pod["metadata"].setdefault(kind, {})["llmmonitor.io/inject"] = value

        admission = admitted(pod)

        assert admission.reason == "injected"
        what = kind.removesuffix("s")
        assert admission.vain_opt_out.startswith(f'the {what} llmmonitor.io/inject: "{value}"')
        assert admission.vain_opt_out.endswith('only the annotation llmmonitor.io/inject: "false" does')
        assert admitted(pod, verdict(proved_image="")).vain_opt_out == admission.vain_opt_out


@pytest.mark.parametrize("value", ["false", "False", "true", None])
def test_what_counts_or_asks_for_a_sidecar_is_in_vain_for_nobody(value: str | None) -> None:
    pod = created_pod()
    if value is not None:
        pod["metadata"]["annotations"] = {"llmmonitor.io/inject": value}

    assert admitted(pod).vain_opt_out == ""


PORT = {"mode": "Port"}
NOT_PROVED: dict[str, Any] = {"proved_image": ""}
FORBIDDEN = {"transparent": False, "plain": False, "refused_by": "PodSecurityForbids"}


@pytest.mark.parametrize(
    ("around", "then"),
    [
        (verdict(**NOT_PROVED), "it is attached once the pod runs"),
        (verdict(suspended="SidecarBlocksPod", message="x"), "it is attached once the pod runs"),
        (verdict(transparent=None, untestable=True), "it is attached once the pod runs"),
        (replace(AROUND, common=None), "it is attached once the pod runs, if the namespace admits it"),
        (replace(AROUND, quotas=[QUOTA]), "it is attached once the pod runs, if the namespace admits it"),
        (verdict(transparent=None), "it is attached once the pod runs, if the namespace admits it"),
        (
            replace(AROUND, fresh=False),
            "it is attached once the operator is back, if the namespace admits it",
        ),
        (verdict(**NOT_PROVED, **FORBIDDEN), "nor is it attached: PodSecurityForbids"),
        (verdict(**FORBIDDEN), "nor is it attached: PodSecurityForbids"),
        (
            verdict(**NOT_PROVED, transparent=False, plain=True),
            "it is attached once the pod runs, and does not read its traffic: NotPermitted",
        ),
        (
            replace(verdict(**NOT_PROVED), monitors=(monitor(interception=PORT, existingPods="Ignore"),)),
            "it is attached once the pod runs, and does not read its traffic: NeedsRestart",
        ),
        (
            replace(verdict(**NOT_PROVED), monitors=(monitor(existingPods="Ignore"),)),
            "it is attached once the pod runs",  # that is about pods from before the monitor
        ),
    ],
)
def test_the_warning_says_what_becomes_of_the_pod_and_no_more(around: Surroundings, then: str) -> None:
    assert admitted(created_pod(), around).warning.endswith(f"; {then}")


@pytest.mark.parametrize(
    ("limit", "requested", "then"),
    [
        ("400Mi", "100Mi", "nor is it attached: NoMemoryHeadroom"),
        ("8Gi", "8Gi", "it is attached once the pod runs and is seen to leave memory for it"),
        ("8Gi", "1Gi", "it is attached once the pod runs"),
    ],
)
def test_the_warning_says_what_the_memory_limit_leaves(limit: str, requested: str, then: str) -> None:
    pod = created_pod(limits={"memory": limit}, requests={"memory": requested})

    assert admitted(pod, verdict(**NOT_PROVED)).warning.endswith(f"; {then}")


def test_nothing_is_promised_to_a_static_pod() -> None:
    pod = created_pod()
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    static(pod)

    assert admitted(pod).warning.endswith("; nor can anything be attached to a static pod")
