"""What only the caller of evaluation can know: where the monitor runs, and which pods it should see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmmonitor_api.status import RestartStatus
from llmmonitor_operator.evaluate.measured import Measured


@dataclass(frozen=True, slots=True)
class ExpectedPod:
    """A pod that matches the monitor's selector, or the process that a CLI watches."""

    uid: str
    name: str
    expected_since: float
    """Unix seconds from which on its sidecar could have reported."""
    engine: str = ""
    """Its model server's kind as far as the pod's spec tells; empty while that is not known."""
    serves: str = ""
    """Which container and port were chosen, and why, in words."""
    gpus_requested: int = 0
    injection: str = ""
    """A reason of the condition `Injected` that is not True; empty while the sidecar is in or starts."""
    has_sidecar: bool = True
    """Whether one runs in it, so that it could report."""
    attached: bool = False
    """Whether its sidecar was added while it ran, rather than with it."""
    injection_message: str = ""
    predates: bool = False
    """Whether it came before the monitor."""
    not_reading: str = ""
    """A reason of the condition `Intercepting`: why its sidecar was told not to read, though the spec wants
    it; empty when it was told to, or the spec does not want it."""
    not_reading_message: str = ""
    unreachable: str = ""
    """Why its report could not be fetched the last time, in words; empty when it could."""
    oom_killed_at: float | None = None
    """When its model's container was last killed for memory, by the kubelet's word."""
    measured: Measured | None = None
    """What its model's container uses, where its sidecar cannot see that."""
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    """What its spec and status tell of the model's version (`versions.fingerprint`)."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A matching pod that is not meant to have a sidecar."""

    name: str
    reason: str
    """`OptedOut`, or `Worker` for those of a group whose leader answers."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the caller sees around the monitor."""

    cluster: bool
    """False for `llm-monitor demo` and `watch`: conditions about injection and GPUs of pods do not apply."""
    pods: tuple[ExpectedPod, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    """Pods that match and are not meant to be monitored: they make nothing False."""
    conflict: str = ""
    """The older monitor that matches the same pods, in words; empty without one."""
    restart: RestartStatus | None = None
    """How far `existingPods: Restart` has come; None while there was nothing to replace."""
    invalid_spec: str = ""
    """What is wrong with a spec that the API server let pass, in words; empty when it is valid."""
    spec_in_force: bool = True
    """Whether any spec of it was ever valid: if none was, its pods are not known."""
    contradiction: str = ""
    """Why its selector can match no pod whatever, in words; empty when it can."""
    operator_namespace: str = ""
    """Of the release; empty without a cluster."""
    people_service: str = ""
    """The Service and port where the operator answers people; empty when it does not."""
    people_key: bytes = b""
    """What people seal their requests to (X25519, raw)."""
