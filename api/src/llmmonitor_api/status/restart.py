"""Progress of `existingPods: Restart`, kept in the status alone: whoever leads next goes on from here.

Written before a pod is evicted and not after, so that an operator that ends in between evicts no second one.
"""

from datetime import datetime

from llmmonitor_api.status.model import Count, Label, Sentence, StatusModel


class RestartedPod(StatusModel):
    """The pod that is being replaced, and by what its successor is known."""

    name: Label
    """The pod's name."""
    uid: Label
    """The pod's identity: what comes later by the same name is its successor."""
    workload_kind: Label
    """What makes it anew: the kind, such as ReplicaSet."""
    workload: Label
    """And the name."""
    workload_uid: Label
    """The identity of that."""
    newest: datetime
    """When the newest pod of the workload was created before the eviction: younger ones are successors."""
    since: datetime
    """When its turn came."""
    evicted: datetime | None = None
    """When its eviction was accepted; absent while that is waited for."""


class FailedPod(StatusModel):
    """A successor at which a restart stopped."""

    name: Label
    """The pod's name."""
    uid: Label
    """The pod's identity: the restart goes on when it is gone."""


class RestartStatus(StatusModel):
    """How far `existingPods: Restart` has come under one generation of the spec."""

    generation: Count = 0
    """The generation of the spec: another one begins to count anew, and goes on after a stop."""
    planned: Count = 0
    """Pods to be replaced, those done included; not those that are NotRestartable."""
    done: Count = 0
    """Pods that were replaced: the successor was Ready, with an injected sidecar that reports."""
    waiting_for: RestartedPod | None = None
    """The pod that is being replaced now; one at a time."""
    stopped: bool = False
    """Whether it stopped at a failure; the message says why and how it goes on."""
    failed: FailedPod | None = None
    """The successor at which it stopped; absent where none came."""
    message: Sentence = ""
    """What is waited for, until when, or why it stopped."""
