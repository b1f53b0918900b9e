"""Port mode: the model's named port becomes the sidecar's, and the model's own probes keep to its number.

A Service that names the port then leads to the relay. A probe left on the name would find no such port in its
container and make the pod unready (tried).
"""

from __future__ import annotations

from typing import Any

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import PROBES, main_containers
from llmmonitor_operator.pods.serving import Serving

_ASKED = (*((probe,) for probe in PROBES), ("lifecycle", "postStart"), ("lifecycle", "preStop"))
"""Where a container names one of its own ports."""


class PortNotNamed(ValueError):
    """Port mode is asked for, and the model's port has no name that could be handed over."""


def hand_over(pod: Raw, serving: Serving) -> list[dict[str, Any]]:
    """Operations on the serving container: its port loses the name, its probes ask by number.

    Raises:
        PortNotNamed: the port is not declared by name in a main container.
    """
    place, container = next(
        ((at, one) for at, one in enumerate(main_containers(pod)) if one.get("name") == serving.container),
        (0, {}),
    )
    name = serving.port_name
    entry = next(
        (at for at, one in enumerate(container.get("ports") or ()) if name and one.get("name") == name), None
    )
    if entry is None:
        raise PortNotNamed(
            f"container {serving.container} does not declare port {serving.port} by name; "
            "interception.mode Port needs a name in its ports, and Services that use it"
        )
    at = f"/spec/containers/{place}"
    return [
        {"op": "remove", "path": f"{at}/ports/{entry}/name"},
        *(
            {"op": "replace", "path": f"{at}/{'/'.join((*path, way))}/port", "value": serving.port}
            for path in _ASKED
            for way in ("httpGet", "tcpSocket")
            if _port(container, (*path, way)) == name
        ),
    ]


def _port(container: Raw, path: tuple[str, ...]) -> object:
    found: Any = container
    for key in path:
        found = found.get(key) or {}
    return found.get("port")
