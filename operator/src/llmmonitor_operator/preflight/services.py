"""Which Services would pass by mode Port: those that aim at the model's port by its number, not its name.

Mode Port gives the port's *name* to the sidecar; a Service that says the number goes on to the model, unread.
The operator writes what it finds into the verdict, since the webhook may not read Services. The verdicts of
all namespaces share one ConfigMap, so of one namespace's Services only those are kept that reach a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from llmmonitor_api.spec.target import LabelSelector
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.selectors import may_select
from llmmonitor_operator.preflight.verdict import NumberedPort

BYTES_LIMIT = 4096
"""Kept of one namespace: what they are for is a message."""


def numbered_ports(services: Iterable[Raw], selectors: Sequence[LabelSelector]) -> tuple[NumberedPort, ...]:
    """Every TCP target port that is given by number, by Service; of those that say the same, the first.

    Args:
        services: of a namespace.
        selectors: of the monitors that matter. A Service that cannot select a pod of theirs is left out; the
            pods themselves may come later.
    """
    found = {(one.service, one.port): one for service in services for one in _of(service)}
    kept: dict[tuple[frozenset[tuple[str, str]], int], NumberedPort] = {}
    left = BYTES_LIMIT
    for _, one in sorted(found.items()):
        same = frozenset(one.selector.items()), one.port
        size = len(msgspec.json.encode(one))
        if size > left or same in kept or not any(may_select(mine, one.selector) for mine in selectors):
            continue
        kept[same] = one
        left -= size
    return tuple(kept.values())


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
