"""What a real API server answers to attaching, read: by Pod Security Admission, RBAC and policies.

Pods here have no scheduler: a dry-run needs a pod, not one that runs.
"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from e2e.kubectl import Kubectl

from llmmonitor_api.spec import load_monitor
from llmmonitor_api.spec.target import Target
from llmmonitor_operator.inject.plan import Mode, SidecarImage, plan_for
from llmmonitor_operator.pods.serving import find_serving
from llmmonitor_operator.preflight.dry_run import Answer, attaching, read_answer

SIDECAR = SidecarImage(image="registry.test/llm-monitor-sidecar:1")
MONITOR = load_monitor(
    {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": "chat"},
        "spec": {"selector": {"matchLabels": {"app": "chat"}}},
    }
)
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
STATUS = {"Forbidden": 403, "BadRequest": 400, "Invalid": 422, "NotFound": 404, "InternalError": 500}
"""kubectl prints the reason of the answer, not its number."""


@pytest.fixture
def place(cluster: Kubectl) -> Iterator[Kubectl]:
    """A namespace with one pod."""
    name = f"admission-{secrets.token_hex(4)}"
    cluster("create", "namespace", name)
    place = cluster.within(name)
    container = {
        "name": "model",
        "image": "m",
        "ports": [{"containerPort": 8000}],
        "securityContext": RESTRICTED,
    }
    spec = {"schedulerName": "none", "containers": [container]}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    place.apply(account, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "model"}, "spec": spec})
    yield place
    cluster("delete", "namespace", name, "--wait=false")


def _asked(place: Kubectl, mode: Mode, *identity: str, pod: dict[str, Any] | None = None) -> Answer:
    seen = pod or place.get("pod", "model")
    plan = plan_for(
        seen,
        MONITOR,
        serving=find_serving(seen, Target(container="model", port=8000)),
        sidecar=SIDECAR,
        mode=mode,
        public_keys=(),
        configuration="{}",
    )
    patch = json.dumps(attaching(seen, plan, 1))
    command = [
        "patch",
        "pod",
        seen["metadata"]["name"],
        "--subresource=ephemeralcontainers",
        "--dry-run=server",
    ]
    namespace = f"--namespace={place.namespace}"
    done = subprocess.run(
        [*place.command, namespace, *command, "--type=strategic", f"--patch={patch}", *identity],
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.returncode:
        return read_answer(200, "")
    found = re.match(r"Error from server(?: \((\w+)\))?: (.*)", done.stderr, re.DOTALL)
    if found is None:  # kubectl's own way to print 422
        assert " is invalid: " in done.stderr, done.stderr
        return read_answer(422, done.stderr)
    return read_answer(STATUS[found[1]], found[2].strip())


@pytest.mark.parametrize(
    ("level", "transparent", "plain"),
    [("privileged", True, True), ("baseline", False, True), ("restricted", False, True)],
)
def test_each_level_of_pod_security_admits_what_it_says(
    place: Kubectl, level: str, *, transparent: bool, plain: bool
) -> None:
    place("label", "namespace", str(place.namespace), f"pod-security.kubernetes.io/enforce={level}")

    with_net_admin, without = _asked(place, Mode.TRANSPARENT), _asked(place, Mode.OFF)

    assert (with_net_admin.admitted, without.admitted) == (transparent, plain), (with_net_admin, without)
    if not transparent:
        assert with_net_admin.refused_by == "PodSecurityForbids"
        assert with_net_admin.words.startswith(f'violates PodSecurity "{level}:latest"')
        assert "NET_ADMIN" in with_net_admin.words


def test_a_right_that_is_missing_is_no_refusal(place: Kubectl) -> None:
    answer = _asked(place, Mode.OFF, f"--as=system:serviceaccount:{place.namespace}:default")

    assert answer.admitted is None
    assert "cannot get resource" in answer.words  # kubectl reads before it patches


def test_a_pod_that_is_gone_or_another_of_its_name_is_no_refusal(place: Kubectl) -> None:
    pod = place.get("pod", "model")
    gone = pod | {"metadata": pod["metadata"] | {"name": "gone"}}
    another = pod | {"metadata": pod["metadata"] | {"uid": "00000000-0000-0000-0000-000000000000"}}

    assert _asked(place, Mode.OFF, pod=gone).admitted is None
    answer = _asked(place, Mode.OFF, pod=another)
    assert answer.admitted is None
    assert "uid" in answer.words.lower()


def test_a_policy_of_the_cluster_is_a_refusal_in_its_words(place: Kubectl) -> None:
    name = str(place.namespace)
    rules = [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["UPDATE"],
            "resources": ["pods/ephemeralcontainers"],
        }
    ]
    kind = "admissionregistration.k8s.io/v1"
    policy = {
        "matchConstraints": {"resourceRules": rules},
        "validations": [{"expression": "false", "message": "no debug containers here"}],
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": name}}
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": selector},
    }
    objects = [
        {"apiVersion": kind, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": policy},
        {
            "apiVersion": kind,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": binding,
        },
    ]
    place.apply(*objects)
    try:
        place("wait", f"--for=jsonpath={{.metadata.name}}={name}", f"validatingadmissionpolicy/{name}")
        answer = _until_refused(place)
    finally:
        place("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", name)

    assert (answer.admitted, answer.refused_by) == (False, "InjectionSuspended"), answer
    assert "no debug containers here" in answer.words


def _until_refused(place: Kubectl) -> Answer:
    """A policy takes some seconds to come into force."""
    for _ in range(60):
        answer = _asked(place, Mode.OFF)
        if answer.admitted is not True:
            break
    return answer
