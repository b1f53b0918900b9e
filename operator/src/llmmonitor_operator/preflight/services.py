"""Which Services would pass by mode Port: those that aim at the model's port by its number, not its name.

Mode Port gives the port's *name* to the sidecar; a Service that says the number goes on to the model, unread.
The operator writes what it finds into the verdict, since the webhook may not read Services.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight.verdict import NumberedPort

LIMIT = 200
"""Kept of one namespace: what they are for is a message."""


def numbered_ports(services: Sequence[Raw]) -> tuple[NumberedPort, ...]:
    """Every TCP target port that is given by number, by Service; at most `LIMIT`."""
    found = {(one.service, one.port): one for service in services for one in _of(service)}
    return tuple(found[key] for key in sorted(found)[:LIMIT])


def by_number(pod: Raw, port: int, numbered: Sequence[NumberedPort]) -> str:
    """The first Service that selects `pod` and names its `port` by number; empty without one."""
    metadata = pod.get("metadata")
    given = metadata.get("labels") if isinstance(metadata, Mapping) else None
    labels = given if isinstance(given, Mapping) else {}
    for one in numbered:
        if one.port == port and all(labels.get(key) == value for key, value in one.selector.items()):
            return one.service
    return ""


def _of(service: Raw) -> Iterator[NumberedPort]:
    spec, metadata = service.get("spec"), service.get("metadata")
    if not isinstance(spec, Mapping) or not isinstance(metadata, Mapping) or not spec.get("selector"):
        return
    for entry in spec.get("ports") or ():
        number = entry.get("targetPort", entry.get("port"))
        if entry.get("protocol", "TCP") == "TCP" and isinstance(number, int):
            yield NumberedPort(str(metadata.get("name", "")), dict(spec["selector"]), number)
