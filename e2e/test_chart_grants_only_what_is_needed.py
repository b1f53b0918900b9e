"""The chart's admission policies and RBAC, as the API server enforces them on the operator's account."""

# ruff: noqa: FBT003 - True and False here are values of a container's fields

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from e2e.chart import IMAGE, Release, released
from e2e.helm import Helm
from e2e.kubectl import Kubectl, Refused
from e2e.waiting import until

from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.inject.security import security_context

TOLD = [{"name": "LLM_MONITOR_MODE", "value": "transparent"}]
OURS: dict[str, Any] = {
    "name": "llm-monitor-1",
    "image": IMAGE,
    "targetContainerName": "model",
    "env": TOLD,
    "securityContext": security_context(Mode.TRANSPARENT),
    "terminationMessagePolicy": "FallbackToLogsOnError",
}
A_SECRET = {"secretKeyRef": {"name": "passwords", "key": "root"}}
PLAIN = {**OURS, "securityContext": security_context(Mode.OFF)}


@pytest.fixture(scope="module")
def release(helm: Helm, monitors: Kubectl) -> Iterator[Release]:
    with released(helm, monitors) as found:
        # kubectl reads what it patches first; the operator does not, and may not
        reading = ("--verb=get", "--resource=pods/ephemeralcontainers")
        monitors("create", "clusterrole", f"{found.name}-kubectl", *reading)
        account = f"--serviceaccount={found.name}:{found.name}-operator"
        role = f"--clusterrole={found.name}-kubectl"
        monitors("create", "clusterrolebinding", f"{found.name}-kubectl", role, account)
        yield found
        monitors("delete", "clusterrole,clusterrolebinding", f"{found.name}-kubectl")


@pytest.fixture(scope="module")
def workloads(cluster: Kubectl) -> Iterator[Kubectl]:
    """A namespace with pods that no scheduler takes: enough for the API server to judge what is added."""
    name = f"e2e-{secrets.token_hex(4)}"
    cluster("create", "namespace", name)
    found = cluster.within(name)
    found.apply(
        pod("chat", volumes=[{"name": "data", "emptyDir": {}}]),
        pod("debugged"),
        pod("evicted"),
        pod("on-the-node", hostNetwork=True),
        pod("sees-the-node", hostPID=True),
    )
    yield found
    cluster("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module", autouse=True)
def _enforced(release: Release, workloads: Kubectl) -> None:
    """The API server takes up a policy that was just made within seconds, and says nowhere when it has."""
    operator = release.acting("operator").within(str(workloads.namespace))

    def denied() -> bool:
        try:
            attach(operator, changed(OURS, "name", "debugger"))
        except Refused as refused:
            return "named llm-monitor-1" in str(refused)
        return False

    until(denied, "the policies to be enforced", 60.0)


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "schedulerName": "none",
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "model", "image": "model"}],
            **spec,
        },
    }


def attach(kubectl: Kubectl, container: dict[str, Any], to: str = "chat") -> None:
    patch = json.dumps({"spec": {"ephemeralContainers": [container]}})
    kubectl("patch", "pod", to, "--subresource=ephemeralcontainers", "--dry-run=server", f"--patch={patch}")


def changed(container: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one field set, by its path with dots."""
    result = copy.deepcopy(container)
    *parents, last = path.split(".")
    place = result
    for key in parents:
        place = place[key]
    place[last] = value
    return result


@pytest.mark.parametrize("container", [OURS, PLAIN], ids=["transparent", "plain"])
def test_the_operator_may_attach_our_sidecar(
    release: Release, workloads: Kubectl, container: dict[str, Any]
) -> None:
    operator = release.acting("operator").within(str(workloads.namespace))

    attach(operator, container)


@pytest.mark.parametrize(
    ("container", "word"),
    [
        (changed(OURS, "name", "debugger"), "named llm-monitor-1"),
        (changed(OURS, "name", "llm-monitor-11"), "named llm-monitor-1"),
        (changed(OURS, "image", "busybox"), "Only the image"),
        (changed(OURS, "image", f"{IMAGE[:-1]}0"), "Only the image"),
        (changed(OURS, "image", "llm-monitor-sidecar:0.1.0"), "Only the image"),
        (changed(OURS, "command", ["sh"]), "takes no command"),
        (changed(OURS, "args", ["--help"]), "takes no command"),
        (changed(OURS, "workingDir", "/proc"), "takes no command"),
        (changed(OURS, "stdin", True), "takes no command"),
        (changed(OURS, "envFrom", [{"secretRef": {"name": "passwords"}}]), "takes no command"),
        (changed(OURS, "volumeMounts", [{"name": "data", "mountPath": "/x"}]), "takes no command"),
        (changed(OURS, "env", [{"name": "LD_PRELOAD", "value": "/x.so"}]), "literal values only"),
        (
            changed(
                OURS,
                "env",
                [{"name": "LLM_MONITOR_X", "valueFrom": A_SECRET}],
            ),
            "literal values only",
        ),
        (changed(OURS, "securityContext", None), "never privileged"),
        (
            changed(
                changed(OURS, "securityContext.privileged", True),
                "securityContext.allowPrivilegeEscalation",
                True,
            ),
            "never privileged",
        ),
        (changed(OURS, "securityContext.allowPrivilegeEscalation", True), "never privileged"),
        (changed(OURS, "securityContext.readOnlyRootFilesystem", False), "never privileged"),
        (changed(OURS, "securityContext.seccompProfile", {"type": "Unconfined"}), "never privileged"),
        (changed(OURS, "securityContext.seLinuxOptions", {"type": "spc_t"}), "never privileged"),
        (changed(OURS, "securityContext.appArmorProfile", {"type": "Unconfined"}), "never privileged"),
        (changed(OURS, "securityContext.capabilities.drop", []), "never privileged"),
        (changed(OURS, "securityContext.capabilities.add", ["SYS_ADMIN"]), "with exactly NET_ADMIN"),
        (changed(PLAIN, "securityContext.capabilities.add", ["NET_ADMIN"]), "with exactly NET_ADMIN"),
        (changed(PLAIN, "securityContext.runAsUser", 1000), "uid and gid 65532"),
        (changed(PLAIN, "securityContext.runAsGroup", 0), "uid and gid 65532"),
    ],
)
def test_the_operator_attaches_nothing_else(
    release: Release, workloads: Kubectl, container: dict[str, Any], word: str
) -> None:
    operator = release.acting("operator").within(str(workloads.namespace))

    with pytest.raises(Refused, match=word):
        attach(operator, container)

    # so it is the policy that refuses, not the API server's own rules
    attach(workloads, container)


@pytest.mark.parametrize("to", ["on-the-node", "sees-the-node"])
def test_where_a_pod_shares_the_node_only_the_unprivileged_form_is_attached(
    release: Release, workloads: Kubectl, to: str
) -> None:
    operator = release.acting("operator").within(str(workloads.namespace))

    attach(operator, PLAIN, to=to)

    with pytest.raises(Refused, match="only the unprivileged form"):
        attach(operator, OURS, to=to)


def test_what_is_attached_already_cannot_be_changed_on_the_way(release: Release, workloads: Kubectl) -> None:
    operator = release.acting("operator").within(str(workloads.namespace))
    someones = json.dumps({"spec": {"ephemeralContainers": [{"name": "debugger", "image": "busybox"}]}})
    workloads("patch", "pod", "debugged", "--subresource=ephemeralcontainers", f"--patch={someones}")

    attach(operator, OURS, to="debugged")  # beside it

    with pytest.raises(Refused, match=r"must stay|existing ephemeral containers"):
        attach(operator, {"name": "debugger", "image": "other"}, to="debugged")


def evict(kubectl: Kubectl, name: str, uid: str = "", **options: Any) -> None:
    path = f"/api/v1/namespaces/{kubectl.namespace}/pods/{name}/eviction"
    metadata = {"name": name, "namespace": kubectl.namespace}
    given = {**({"preconditions": {"uid": uid}} if uid else {}), **options}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": given}
    replace(kubectl, namespace=None)("create", f"--raw={path}", "--filename=-", document=eviction)


@pytest.mark.parametrize("place", ["kube-system", "kube-public"])
def test_the_clusters_own_namespaces_are_out_of_reach(release: Release, cluster: Kubectl, place: str) -> None:
    name = f"{release.name}-victim"
    there = cluster.within(place)
    there.apply(pod(name))
    operator = release.acting("operator").within(place)

    try:
        for act in (partial(attach, operator, OURS, name), partial(evict, operator, name)):
            with pytest.raises(Refused, match="stays out of the cluster's own namespaces"):
                act()
    finally:
        there("delete", "pod", name, "--wait=false")


def test_a_pod_of_a_model_may_be_evicted_by_its_identity_and_in_its_own_time(
    release: Release, workloads: Kubectl
) -> None:
    operator = release.acting("operator").within(str(workloads.namespace))
    uid = workloads.get("pod/evicted")["metadata"]["uid"]
    with pytest.raises(Refused, match="by its UID"):
        evict(operator, "evicted")
    with pytest.raises(Refused, match="its own grace period"):
        evict(operator, "evicted", uid, gracePeriodSeconds=0)
    with pytest.raises(Refused, match="precondition"):
        evict(operator, "evicted", "of-another")

    evict(operator, "evicted", uid)

    assert "pod/evicted" not in workloads("get", "pods", "--output=name")


def secret(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **more}


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}


def test_the_operator_makes_only_its_own_objects(release: Release) -> None:
    operator = release.acting("operator")

    def create(found: dict[str, Any]) -> None:
        operator("create", "--dry-run=server", "--filename=-", document=found)

    create(secret(f"{release.name}-signing-key"))
    create(
        secret(
            f"{release.name}-webhook-tls", type="kubernetes.io/tls", stringData={"tls.crt": "", "tls.key": ""}
        )
    )
    create(config_map(f"{release.name}-verdicts"))
    create(config_map(f"{release.name}-checkpoint-0b0e"))

    token = secret(f"{release.name}-signing-key", type="kubernetes.io/service-account-token")
    token["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "other"},
        "spec": {},
    }
    for refused, word in (
        (secret("passwords"), "Secrets are"),
        (token, "of the types"),
        (config_map("kube-proxy"), "ConfigMaps are"),
        (lease, "Lease is"),
    ):
        with pytest.raises(Refused, match=word):
            create(refused)
    with pytest.raises(Refused, match="ConfigMaps are"):
        operator("delete", "configmap", "kube-root-ca.crt", "--dry-run=server")
    with pytest.raises(Refused, match="ConfigMaps are"):
        operator(
            "patch", "configmap", "kube-root-ca.crt", "--dry-run=server", '--patch={"data":{"ca.crt":"x"}}'
        )


OWNER = {"apiVersion": "v1", "kind": "Node", "name": "gone", "uid": "0f0e0d0c"}
AUTHORITY = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/webhooks/0/rules/0/resources", ["secrets"]),
        ("/webhooks/0/failurePolicy", "Fail"),
        ("/webhooks/0/timeoutSeconds", 30),
        ("/webhooks/0/clientConfig", {"url": "https://203.0.113.1/"}),
        ("/webhooks/0/clientConfig/service/name", "other"),
        ("/webhooks/0/namespaceSelector", {}),
        ("/webhooks/0/matchConditions", []),
        ("/metadata/finalizers", ["example.com/stay"]),
        ("/metadata/ownerReferences", [OWNER]),
        ("/metadata/annotations", {"cert-manager.io/inject-ca-from": "default/mine"}),
        ("/metadata/labels/app.kubernetes.io~1instance", "other"),
    ],
)
def test_of_the_webhook_configuration_the_operator_writes_the_authority_alone(
    release: Release, path: str, value: Any
) -> None:
    operator = release.acting("operator")

    def patch(path: str, value: Any) -> None:
        operations = json.dumps([{"op": "add", "path": path, "value": value}])
        named = ("mutatingwebhookconfiguration", release.name, "--type=json")
        operator("patch", *named, "--dry-run=server", f"--patch={operations}")

    patch("/webhooks/0/clientConfig/caBundle", AUTHORITY)
    with pytest.raises(Refused, match="caBundle only"):
        patch(path, value)


@pytest.mark.usefixtures("release")
def test_nobody_but_the_operator_is_bound_by_its_policies(workloads: Kubectl) -> None:
    someone = {"name": "debugger", "image": "busybox", "securityContext": {"privileged": True}}

    attach(workloads, someone)


def test_the_api_server_finds_no_fault_with_the_policies_expressions(release: Release) -> None:
    for what in ("attach", "evict", "own-objects", "webhook-configuration"):
        policy = release.kubectl.get("validatingadmissionpolicy", f"{release.name}-{what}")

        assert policy["status"]["observedGeneration"] == policy["metadata"]["generation"]
        assert not policy["status"].get("typeChecking", {}).get("expressionWarnings")


@pytest.mark.parametrize(
    ("who", "verb", "what"),
    [
        ("operator", "create", "pods"),
        ("operator", "create", "pods/exec"),
        ("operator", "delete", "pods"),
        ("operator", "patch", "pods"),
        ("operator", "get", "secrets"),
        ("operator", "list", "configmaps"),
        ("operator", "patch", "llmmonitors.llmmonitor.io"),
        ("operator", "patch", "deployments.apps"),
        ("webhook", "get", "pods"),
        ("webhook", "get", "secrets"),
        ("webhook", "patch", "llmmonitors.llmmonitor.io"),
    ],
)
def test_beside_the_models_these_are_not_granted(
    release: Release, namespace: Kubectl, who: str, verb: str, what: str
) -> None:
    account = release.acting(who).within(str(namespace.namespace))

    with pytest.raises(Refused):
        account("auth", "can-i", verb, what)
