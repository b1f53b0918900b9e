"""What the chart grants: read by name of resource and verb, in each kind of installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from e2e.helm import CHART, Objects

from llmmonitor_operator.inject import environment

Render = Callable[..., Objects]
Right = tuple[str, str, str, str]
"""Kind of role, namespace, resource, verb."""

WRITING = {"create", "update", "patch", "delete", "deletecollection"}
NAMESPACED = {"watchNamespaces": ["prod", "test"]}


def rights(objects: Objects, who: str) -> Iterator[tuple[Right, tuple[str, ...]]]:
    """Every right of a ServiceAccount of the release, with the names that it is limited to."""
    for (kind, namespace, _), binding in objects.items():
        if not kind.endswith("RoleBinding"):
            continue
        if [one["name"] for one in binding["subjects"]] != [f"llm-monitor-{who}"]:
            continue
        role = objects[binding["roleRef"]["kind"], namespace, binding["roleRef"]["name"]]
        for rule in role["rules"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    names = tuple(rule.get("resourceNames", ()))
                    yield (role["kind"], namespace, resource, verb), names


@pytest.mark.parametrize("values", [None, NAMESPACED])
@pytest.mark.parametrize("who", ["operator", "webhook"])
def test_no_right_is_a_wildcard_or_one_that_runs_or_becomes_something_else(
    render: Render, who: str, values: dict[str, object] | None
) -> None:
    for (kind, namespace, resource, verb), names in rights(render(values), who):
        assert "*" not in resource + verb
        assert verb not in {"bind", "escalate", "impersonate", "deletecollection"}
        assert resource not in {"pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "nodes/proxy"}
        assert (resource, verb) != ("pods", "create")
        if resource == "secrets":
            assert (kind, namespace) == ("Role", "llm-monitor")
            assert names or verb == "create"


def test_the_webhook_writes_nothing_and_sees_no_secret(render: Render) -> None:
    granted = [right for right, _ in rights(render(), "webhook")]

    assert granted
    assert not [right for right in granted if right[3] in WRITING or right[2] == "secrets"]


def test_outside_its_own_namespace_the_operator_writes_only_what_the_design_names(render: Render) -> None:
    writes = {
        (resource, verb)
        for (kind, _, resource, verb), _ in rights(render(), "operator")
        if kind == "ClusterRole" and verb in WRITING
    }

    assert {resource for resource, _ in writes} == {
        "llmmonitors/status",
        "pods/ephemeralcontainers",
        "pods/eviction",
        "events",
        "mutatingwebhookconfigurations",
    }


def test_the_webhook_configuration_is_limited_by_its_name(render: Render) -> None:
    names = {
        names
        for (_, _, resource, _), names in rights(render(), "operator")
        if resource == "mutatingwebhookconfigurations"
    }

    assert names == {("llm-monitor",)}


def test_the_test_reads_one_webhook_configuration_for_as_long_as_it_runs(render: Render) -> None:
    objects = render()

    granted = list(rights(objects, "test"))

    assert granted == [(("ClusterRole", "", "mutatingwebhookconfigurations", "get"), ("llm-monitor",))]
    for kind in ("ServiceAccount", "ClusterRole", "ClusterRoleBinding"):
        place = "llm-monitor" if kind == "ServiceAccount" else ""
        annotations = objects[kind, place, "llm-monitor-test"]["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "test"
        assert {"hook-succeeded", "hook-failed"} < {*annotations["helm.sh/hook-delete-policy"].split(",")}
    assert not list(rights(render({"webhook": {"enabled": False}}), "test"))


def test_a_namespaced_installation_has_rights_only_where_it_was_told(render: Render) -> None:
    objects = render(NAMESPACED)

    cluster_wide = {
        (who, resource)
        for who in ("operator", "webhook")
        for (kind, _, resource, _), _ in rights(objects, who)
        if kind == "ClusterRole"
    }
    places = {right[1] for who in ("operator", "webhook") for right, _ in rights(objects, who)}

    assert cluster_wide == {("operator", "mutatingwebhookconfigurations")}
    assert places == {"", "prod", "test", "llm-monitor"}


def test_without_webhook_and_definition_a_namespaced_installation_has_nothing_of_the_cluster(
    render: Render,
) -> None:
    values = {
        **NAMESPACED,
        "webhook": {"enabled": False},
        "crds": {"install": False},
        "admissionPolicies": {"enabled": False},
    }

    assert {namespace for _, namespace, _ in render(values)} == {"llm-monitor", "prod", "test"}


def test_both_kinds_of_installation_grant_the_same_where_they_act(render: Render) -> None:
    everywhere, told = (
        {
            (who, resource, verb)
            for who in ("operator", "webhook")
            for (_, namespace, resource, verb), _ in rights(render(values), who)
            if namespace == place and resource not in {"namespaces", "mutatingwebhookconfigurations"}
        }
        for values, place in ((None, ""), (NAMESPACED, "prod"))
    )

    assert everywhere == told


def test_every_rule_has_its_reason_in_the_line_above() -> None:
    rules = 0
    for path in sorted(CHART.glob("templates/*/*")):
        if "rbac" not in path.name and "rules" not in path.name:
            continue
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        for number, (above, line) in enumerate(pairwise(lines), start=2):
            if line.startswith("- apiGroups:"):
                rules += 1
                assert above.startswith("#"), f"{path.name}:{number} does not say what for"
    assert rules > 15


@pytest.mark.parametrize("who", ["attach", "evict", "own-objects", "webhook-configuration"])
def test_policies_bind_the_operators_user_and_fail_closed(render: Render, who: str) -> None:
    objects = render()

    policy = objects["ValidatingAdmissionPolicy", "", f"llm-monitor-{who}"]["spec"]
    binding = objects["ValidatingAdmissionPolicyBinding", "", f"llm-monitor-{who}"]["spec"]

    assert policy["failurePolicy"] == "Fail"
    assert [one["expression"] for one in policy["matchConditions"]] == [
        "request.userInfo.username == 'system:serviceaccount:llm-monitor:llm-monitor-operator'"
    ]
    assert binding == {"policyName": f"llm-monitor-{who}", "validationActions": ["Deny", "Audit"]}
    assert all(one["message"] for one in policy["validations"])


def test_the_policy_knows_the_very_image_that_the_operator_is_told(render: Render) -> None:
    digest = "sha256:" + "ab" * 32
    objects = render({"sidecar": {"image": {"repository": "r.example.com/x", "digest": digest}}})

    rules = objects["ValidatingAdmissionPolicy", "", "llm-monitor-attach"]["spec"]["validations"]

    expressions = [one["expression"] for one in rules]
    assert f"variables.added.all(c, c.image == 'r.example.com/x@{digest}')" in expressions


@pytest.mark.parametrize("devices", ["None", "All"])
def test_the_policy_lets_the_sidecar_ask_for_gpus_only_where_the_operator_does(
    render: Render, devices: str
) -> None:
    objects = render({"sidecar": {"nvidiaDevices": devices}})

    rules = objects["ValidatingAdmissionPolicy", "", "llm-monitor-attach"]["spec"]["validations"]
    [container] = objects["Deployment", "llm-monitor", "llm-monitor-operator"]["spec"]["template"]["spec"][
        "containers"
    ]

    [expression] = [one["expression"] for one in rules if "c.?env." in one["expression"]]
    told = {one["name"]: one.get("value") for one in container["env"]}
    assert told["LLM_MONITOR_OPERATOR_SIDECAR_NVIDIA_DEVICES"] == devices
    for name, value in environment.NVIDIA.items():
        allowed = f"(e.name == '{name}' && e.?value.orValue('') == '{value}')"
        assert (allowed in expression) is (devices == environment.ALL_DEVICES)
    assert expression.count("(") == expression.count(")")


def test_an_exporter_takes_no_rights_and_is_named_to_the_operator_alone(render: Render) -> None:
    url = "http://{node}:9400/metrics"

    before, after = render(), render({"sidecar": {"dcgmExporter": url}})

    changed = [key for key in after if after[key] != before.get(key)]
    assert (changed, before.keys()) == ([("Deployment", "llm-monitor", "llm-monitor-operator")], after.keys())
    [container] = after[changed[0]]["spec"]["template"]["spec"]["containers"]
    told = {one["name"]: one.get("value") for one in container["env"]}
    assert told["LLM_MONITOR_OPERATOR_SIDECAR_DCGM_EXPORTER"] == url


@pytest.mark.parametrize("values", [None, NAMESPACED, {"webhook": {"enabled": False}}])
def test_workloads_are_read_one_by_one_and_never_written(
    render: Render, values: dict[str, object] | None
) -> None:
    kinds = {"replicasets", "statefulsets", "leaderworkersets"}

    verbs = {
        (resource, verb)
        for (_, _, resource, verb), _ in rights(render(values), "operator")
        if resource in kinds
    }
    deployments = {
        names
        for (_, namespace, resource, _), names in rights(render(values), "operator")
        if resource == "deployments" and namespace == "llm-monitor"
    }

    assert verbs == {(kind, "get") for kind in kinds}
    assert deployments == {("llm-monitor-operator",), ("llm-monitor-webhook",)}
