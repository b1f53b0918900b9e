from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonpatch
import msgspec
import pytest
from tests.operator.model_pods import (
    COMMON,
    NAMESPACE,
    NOW,
    VERDICT,
    created_pod,
    monitor,
    running,
    running_pod,
    with_attached,
)

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.admit.decide import Surroundings, admit
from llmmonitor_operator.admit.successor import as_created, why_not_injected

AROUND = Surroundings(namespace=NAMESPACE, monitors=(monitor(),), common=COMMON, verdict=VERDICT, fresh=True)


def configuration(_owner: LLMMonitor) -> str:
    return "{}"


def why_not(pod: dict[str, Any], around: Surroundings = AROUND) -> str:
    return why_not_injected(pod, around, configuration)


def test_a_running_pod_would_come_back_with_the_sidecar() -> None:
    assert why_not(running_pod()) == ""


def test_one_that_was_attached_to_would_as_well() -> None:
    assert why_not(with_attached(running_pod(), running(NOW - 60))) == ""


def test_one_that_was_injected_is_seen_as_it_was_before() -> None:
    pod = created_pod()
    injected = jsonpatch.apply_patch(pod, admit(pod, AROUND, configuration).patch)

    assert why_not(injected) == ""
    assert as_created(injected)["spec"] == {**pod["spec"], "shareProcessNamespace": True}
    assert as_created(injected)["metadata"]["labels"] == pod["metadata"]["labels"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"proved_image": ""}, "has not been seen running in this namespace"),
        ({"suspended": "SidecarBlocksPod", "message": "ImagePullBackOff"}, "ImagePullBackOff"),
        ({"transparent": False, "plain": False, "refusal": "violates PodSecurity"}, "violates PodSecurity"),
        ({"fingerprint": "of other rules"}, "labels, quotas or limits changed"),
    ],
)
def test_what_the_webhook_would_say_is_known_before(changes: dict[str, Any], words: str) -> None:
    around = replace(AROUND, verdict=msgspec.structs.replace(VERDICT, **changes))

    assert words in why_not(running_pod(), around)


def test_another_monitors_pod_and_one_that_opted_out_would_not() -> None:
    out = running_pod()
    out["metadata"]["annotations"] = {"llmmonitor.io/inject": "false"}

    assert why_not(out) == "opted-out"
    assert why_not(running_pod(), replace(AROUND, monitors=())) == "not-selected"
