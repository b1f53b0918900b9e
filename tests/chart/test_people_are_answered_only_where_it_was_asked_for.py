from __future__ import annotations

from collections.abc import Callable
from typing import Any

from e2e.helm import Objects
from tests.chart.test_rights_are_least import rights

from llmmonitor_api.people import PORT_NAME

Render = Callable[..., Objects]
ON = {"people": {"enabled": True}}


def test_by_default_there_is_no_port_no_right_and_no_role_for_it(render: Render) -> None:
    objects = render()

    assert not [name for _, _, name in objects if "people" in name or name.endswith(("reviewer", "eraser"))]
    assert [port["name"] for port in ports(objects)] == ["http"]
    assert not [right for right, _ in rights(objects, "operator") if right[2].endswith("reviews")]


def test_turned_on_the_operator_may_ask_who_somebody_is_and_what_he_may(render: Render) -> None:
    objects = render(ON)

    asked = {(right[2], right[3]) for right, _ in rights(objects, "operator") if right[2].endswith("reviews")}

    assert asked == {("tokenreviews", "create"), ("subjectaccessreviews", "create")}
    assert [port["name"] for port in ports(objects)] == ["http", PORT_NAME]
    operator = objects["Deployment", "llm-monitor", "llm-monitor-operator"]["spec"]["template"]["spec"]
    [container] = operator["containers"]
    given = {one["name"]: one.get("value") for one in container["env"]}
    [port] = [one["containerPort"] for one in container["ports"] if one["name"] == PORT_NAME]
    assert given["LLM_MONITOR_OPERATOR_PEOPLE_PORT"] == str(port)


def test_peoples_roles_are_bound_to_nobody_and_reach_one_port(render: Render) -> None:
    objects = render(ON)

    reviewer = objects["ClusterRole", "", "llm-monitor-reviewer"]["rules"]
    eraser = objects["ClusterRole", "", "llm-monitor-eraser"]["rules"]
    asker = objects["Role", "llm-monitor", "llm-monitor-asker"]["rules"]

    assert [(rule["resources"], rule["verbs"]) for rule in reviewer] == [
        (["llmmonitors"], ["get"]),
        (["llmmonitors/review"], ["get", "update"]),
    ]
    assert eraser[1]["resources"] == ["llmmonitors/clients"]
    assert asker == [
        {
            "apiGroups": [""],
            "resources": ["services/proxy"],
            "resourceNames": [f"llm-monitor-operator:{PORT_NAME}"],
            "verbs": ["create"],
        }
    ]
    bound = [
        thing["roleRef"]["name"] for (kind, _, _), thing in objects.items() if kind.endswith("RoleBinding")
    ]
    assert not [name for name in bound if name.endswith(("reviewer", "eraser", "asker"))]


def ports(objects: Objects) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = objects["Service", "llm-monitor", "llm-monitor-operator"]["spec"]["ports"]
    return found
