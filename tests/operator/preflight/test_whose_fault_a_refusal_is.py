"""Refusals in the words of an API server 1.34, as controllers' events carry them."""

from __future__ import annotations

import pytest
from tests.operator.model_pods import COMMON, NOW, moment

from llmmonitor_operator.preflight.refusals import Blame, blame, refused_pod

POD = 'Error creating: pods "chat-7d4b9c-" is forbidden: '
INVALID = 'Error creating: Pod "chat-7d4b9c-x2x1z" is invalid: '
CREATING = "create Pod web-0 in StatefulSet web failed error: "


def failed_create(at: float, **fields: object) -> dict[str, object]:
    about = {"kind": "ReplicaSet", "name": "chat-7d4b9c", "uid": "uid-set"}
    said = {"reason": "FailedCreate", "involvedObject": about, "message": f"{POD}exceeded quota: compute"}
    return {**said, "lastTimestamp": moment(at), **fields}


def test_a_pod_refused_since_then_is_told_in_the_api_servers_words() -> None:
    found = refused_pod(failed_create(NOW + 1), NOW)

    assert found is not None
    assert (found.controller, found.title, found.at) == ("uid-set", "ReplicaSet chat-7d4b9c", NOW + 1)
    assert found.words.startswith(POD)
    assert refused_pod(failed_create(NOW - 1), NOW) is None
    assert refused_pod({"reason": "SuccessfulCreate", "lastTimestamp": moment(NOW + 1)}, NOW) is None


def test_an_event_that_repeats_is_as_new_as_its_last_time() -> None:
    again = failed_create(NOW - 100, series={"lastObservedTime": moment(NOW + 1)})

    assert refused_pod(again, NOW)
    assert refused_pod({"reason": "FailedCreate", "lastTimestamp": None, "eventTime": 7}, NOW) is None


def exceeded(requested: str, used: str, limited: str) -> str:
    return f"{POD}exceeded quota: compute, requested: {requested}, used: {used}, limited: {limited}"


OURS = [
    (
        f'{POD}violates PodSecurity "baseline:latest": non-default capabilities (container'
        ' "llm-monitor-sidecar" must not include "NET_ADMIN" in securityContext.capabilities.add)'
    ),
    f"{POD}failed quota: compute: must specify limits.cpu for: llm-monitor-sidecar,vllm",
    exceeded("requests.memory=1152Mi", "requests.memory=7Gi", "requests.memory=8Gi"),
    exceeded("limits.cpu=4500m", "limits.cpu=4", "limits.cpu=8"),
    exceeded("limits.memory=2Gi", "limits.memory=6400Mi", "limits.memory=8Gi"),
]
THEIRS = [
    exceeded("pods=1", "pods=10", "pods=10"),
    exceeded("requests.nvidia.com/gpu=1", "requests.nvidia.com/gpu=8", "requests.nvidia.com/gpu=8"),
    exceeded("requests.memory=64Gi", "requests.memory=7Gi", "requests.memory=8Gi"),
    exceeded(
        "limits.cpu=4500m,requests.memory=64Gi",
        "limits.cpu=4,requests.memory=0",
        "limits.cpu=8,requests.memory=8Gi",
    ),
    f"{POD}failed quota: compute: must specify limits.cpu for: vllm; limits.memory for: vllm",
    (
        f'{POD}violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or container'
        ' "vllm" must set securityContext.runAsNonRoot=true)'
    ),
    f'{POD}error looking up service account prod/chat: serviceaccount "chat" not found',
    f"{POD}no PriorityClass with name gold was found",
    f'{POD}pod rejected: RuntimeClass "kata" not found',
    f"{POD}unable to create new content in namespace prod because it is being terminated",
    (
        f'{INVALID}spec.containers[0].resources.requests: Invalid value: "1Gi": must be less than or equal to'
        " memory limit of 512Mi"
    ),
    f'{CREATING}pods "web-0" already exists',
]
UNKNOWN = [
    f"{POD}[maximum memory usage per Pod is 1Gi, but limit is 1342177280]",
    f"{POD}minimum memory usage per Container is 512Mi, but request is 128Mi",
    'Error creating: admission webhook "validate.kyverno.svc" denied the request: no sidecars here',
    'Error creating: Internal error occurred: failed calling webhook "x": context deadline exceeded',
    f'{INVALID}spec.initContainers[0].name: Duplicate value: "x"',
    f"{INVALID}[spec.containers[0].resources.requests: Invalid value, spec.shareProcessNamespace: Forbidden]",
    f"{INVALID}spec.containers[0].ports[1].name: Duplicate value",
    f"{POD}exceeded quota: compute, requested: cpu=?, used: cpu=1, limited: cpu=1",
    f"{POD}exceeded quota: compute, requested: requests.memory, used: x, limited: y",
    f"{POD}failed quota: compute: must specify limits.cpu",
    "FailedCreate",
    "",
]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        *((words, Blame.OURS) for words in OURS),
        *((words, Blame.THEIRS) for words in THEIRS),
        *((words, Blame.UNKNOWN) for words in UNKNOWN),
    ],
)
def test_only_what_would_be_refused_without_us_too_is_let_pass(words: str, fault: Blame) -> None:
    assert blame(words, COMMON, injected=0) is fault


def test_a_quota_counts_the_sidecars_of_the_other_pods_too() -> None:
    words = exceeded("requests.memory=1Gi", "requests.memory=8Gi", "requests.memory=8Gi")

    assert blame(words, COMMON, injected=0) is Blame.THEIRS
    assert blame(words, COMMON, injected=3) is Blame.OURS
