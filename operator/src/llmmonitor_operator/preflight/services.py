"""Which Services would pass by mode Port: those that aim at the model's port by its number, not its name.

Mode Port gives the port's *name* to the sidecar; a Service that says the number goes on to the model, unread.
The operator writes what it finds into the verdict, since the webhook may not read Services. The verdicts of
all namespaces share one ConfigMap, so of one namespace's Services only those are kept that reach a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight.verdict import NumberedPort

BYTES_LIMIT = 4096
"""Kept of one namespace: what they are for is a message."""


def numbered_ports(services: Iterable[Raw], pods: Iterable[Raw]) -> tuple[NumberedPort, ...]:
    """Every TCP target port that is given by number, by Service; of those that say the same, the first.

    Args:
        services: of a namespace.
        pods: those of its pods that matter; a Service that selects none of them is left out.
    """
    labels = {frozenset(_labels(pod).items()) for pod in pods}
    found = {(one.service, one.port): one for service in services for one in _of(service)}
    kept: dict[tuple[frozenset[tuple[str, str]], int], NumberedPort] = {}
    left = BYTES_LIMIT
    for _, one in sorted(found.items()):
        selector = frozenset(one.selector.items())
        size = len(msgspec.json.encode(one))
        if size > left or (selector, one.port) in kept or not any(selector <= those for those in labels):
            continue
        kept[selector, one.port] = one
        left -= size
    return tuple(kept.values())


def still_there(known: Iterable[NumberedPort], services: Iterable[Raw]) -> tuple[NumberedPort, ...]:
    """Those of `known` that a Service still says: what is known of pods, while there are none."""
    said = [one for service in services for one in _of(service)]
    return tuple(one for one in known if one in said)


def by_number(pod: Raw, port: int, numbered: Sequence[NumberedPort]) -> str:
    """The first Service that selects `pod` and names its `port` by number; empty without one."""
    labels = _labels(pod)
    for one in numbered:
        if one.port == port and all(labels.get(key) == value for key, value in one.selector.items()):
            return one.service
    return ""


def _labels(pod: Raw) -> Mapping[str, str]:
    metadata = pod.get("metadata")
    given = metadata.get("labels") if isinstance(metadata, Mapping) else None
    return given if isinstance(given, Mapping) else {}


def _of(service: Raw) -> Iterator[NumberedPort]:
    spec, metadata = service.get("spec"), service.get("metadata")
    if not isinstance(spec, Mapping) or not isinstance(metadata, Mapping) or not spec.get("selector"):
        return
    for entry in spec.get("ports") or ():
        number = entry.get("targetPort", entry.get("port"))
        if entry.get("protocol", "TCP") == "TCP" and isinstance(number, int):
            yield NumberedPort(str(metadata.get("name", "")), dict(spec["selector"]), number)
