"""Whether a sidecar is put into a pod at its creation at all, whatever is known of its namespace.

The webhook decides by it, and the operator says by it why a pod came without: one that must not be injected,
or for which nobody is asked, was not missed.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmmonitor_api.spec.target import LabelSelector
from llmmonitor_operator.attach.evict import has_controller
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import NAME_TAKEN, name_is_taken
from llmmonitor_operator.pods.selectors import selects

ANNOTATIONS_BYTES_LIMIT = 256 * 1024
"""Of all of a pod's; one of more is refused."""
_OUR_ANNOTATION_BYTES = 512
"""At most: a key, and the name of a monitor (253)."""

Why = tuple[str, str]
"""A word and a sentence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """When the API server asks the webhook: as the chart has it."""

    at_all: bool = True
    namespaces: LabelSelector | None = None
    """Of the namespaces in which it does; None: everywhere."""


EVERYWHERE = Asked()


def not_asked(asked: Asked, namespace: Raw | None) -> str:
    """Why the webhook is not asked about pods there, in words; empty when it is, or that is not known."""
    if not asked.at_all:
        return "the webhook is off (webhook.enabled of the chart)"
    if asked.namespaces is None or namespace is None or selects(asked.namespaces, namespace):
        return ""
    return "the webhook is not asked in this namespace (webhook.namespaceSelector of the chart)"


def not_injectable(pod: Raw) -> Why | None:
    """What of the pod itself speaks against it."""
    if not has_controller(pod):
        return "bare-pod", "no controller would make the pod anew if the sidecar kept it from starting"
    selector = pod["spec"].get("nodeSelector") or {}
    if selector.get("kubernetes.io/os", "linux") != "linux":
        return "not-linux", "the sidecar runs on Linux only"
    if name_is_taken(pod):
        return "name-taken", NAME_TAKEN
    if _annotations_bytes(pod) > ANNOTATIONS_BYTES_LIMIT - _OUR_ANNOTATION_BYTES:
        return "no-room", "its annotations leave no room for one more"
    return None


def _annotations_bytes(pod: Raw) -> int:
    """As the API server counts them."""
    annotations = pod["metadata"].get("annotations") or {}
    return sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
