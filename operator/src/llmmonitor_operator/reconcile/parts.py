"""Everything a pass works with, put together once in `run`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from llmmonitor_operator.evaluate.transitions import Transition
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.process_settings import OperatorSettings
from llmmonitor_operator.reconcile.keep.audits import Audits
from llmmonitor_operator.reconcile.keep.checkpoints import Checkpoints
from llmmonitor_operator.reconcile.keep.verdict_inbox import VerdictInbox
from llmmonitor_operator.reconcile.keep.verdict_keeper import VerdictKeeper
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.publish.status_writer import StatusWriter
from llmmonitor_operator.reconcile.sidecars.client import SidecarClient
from llmmonitor_operator.reconcile.sidecars.evicting import Evictor
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """See each."""

    settings: OperatorSettings
    kube: Kube
    view: ClusterView
    monitors: Monitors
    keeper: VerdictKeeper
    sidecars: SidecarClient
    status: StatusWriter
    checkpoints: Checkpoints
    audits: Audits
    metrics: OperatorMetrics
    evictor: Evictor = field(default_factory=Evictor)
    verdicts: VerdictInbox = field(default_factory=VerdictInbox)
    fingerprint_key: bytes = b""
    """By which arguments of the model's container that are not shown are hashed."""
    emit: Callable[[Raw, Transition, float], Awaitable[None]]
    """Make an Event of a transition."""
