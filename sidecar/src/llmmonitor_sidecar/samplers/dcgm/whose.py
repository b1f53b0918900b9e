"""Finds the pod's GPUs in what an exporter says, by the pod that it names beside each.

The exporter has these names from the kubelet (pod-resources API), so a row with the pod's own is the pod's,
whichever exporter answered. Without names the pod's are told only where the exporter is the node's own and
the pod requests all that it has.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmmonitor_api.report import gpus
from llmmonitor_sidecar.samplers.dcgm.exposition import Exposition, Holder, Unit


class NotTold(Exception):
    """Nothing in it is known to be the pod's; the message says why."""


@dataclass(frozen=True, slots=True)
class Asking:
    """On whose behalf the exporter is asked."""

    pod: Holder
    requested: int
    """GPUs, or parts of one."""
    on_the_node: bool
    """Whether the address is the node's own: a Service may lead to any node's exporter."""


def ours(found: Exposition, asking: Asking) -> tuple[str, tuple[Unit, ...]]:
    """How the pod's were told from others (a constant of `report.gpus`), and which they are.

    Raises:
        NotTold: none is known to be the pod's.
    """
    there = found.requestable
    at = f" at {found.host}" if found.host else ""
    if found.labelled:
        mine = tuple(unit for unit in there if any(_same(one, asking.pod) for one in unit.holders))
        if mine:
            return gpus.BY_LABELS, mine
        held = sum(bool(unit.holders) for unit in there)
        raise NotTold(
            f"of the {len(there)} that it has{at}, {held} belong to other pods and none to this one: it is"
            " another node's exporter (a Service needs internalTrafficPolicy: Local), or it does not see the"
            " kubelet's pod-resources"
        )
    if asking.on_the_node and len(there) == asking.requested:
        return gpus.BY_NUMBER, there
    raise NotTold(
        f"it has {len(there)}{at}, {asking.requested} requested, and does not say which pod has which: it"
        " needs DCGM_EXPORTER_KUBERNETES=true"
    )


def _same(holder: Holder, pod: Holder) -> bool:
    """Pods of a StatefulSet have one name after another: the uid decides where the exporter says it."""
    named = (holder.namespace, holder.name) == (pod.namespace, pod.name)
    return named and (not holder.uid or not pod.uid or holder.uid == pod.uid)
