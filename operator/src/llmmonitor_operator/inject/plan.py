"""What is to be injected or attached: one frozen record that `native`, `ephemeral` and `patch` write down.

`preflight/mode.py` chooses the mode and `pods/serving.py` finds the model; here ports are chosen that nobody
in the pod has declared.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_api.spec.quality import FeedbackAuth, ProbeAuth
from llmmonitor_operator.inject.ports import own_ports
from llmmonitor_operator.inject.processes import may_share_processes
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.serving import Serving


class Mode(StrEnum):
    """How the sidecar reads, in its own words (`LLM_MONITOR_MODE`); the spec calls `listen` Port."""

    TRANSPARENT = "transparent"
    LISTEN = "listen"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarImage:
    """The chart's values for the sidecar's container; quantities in Kubernetes' syntax."""

    image: str
    """With its digest where there is one."""
    pull_policy: str = "IfNotPresent"
    cpu_request: str = "50m"
    memory_request: str = "128Mi"
    memory_limit: str = "256Mi"
    guaranteed_cpu: str = "500m"
    """Request and limit in a pod of class Guaranteed: 50m there means throttling (p90 90 ms, tried)."""
    nvidia_devices: str = "None"
    """`All`: in pods that request GPUs the sidecar asks NVIDIA's runtime for the driver and the devices."""
    dcgm_exporter: str = ""
    """URL of the metrics of the node's DCGM exporter, with `{node}` for the node's address; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything about one pod's sidecar that is not in the pod."""

    sidecar: SidecarImage
    mode: Mode
    serving: Serving
    relay_port: int
    """Where the relay listens, in every mode that has one."""
    api_port: int
    monitor: str
    """The LLMMonitor's name."""
    configuration: str
    """JSON of `llmmonitor_api.configuration.Configuration`: what the sidecar begins with."""
    public_keys: tuple[bytes, ...]
    """Ed25519, raw; more than one while one is replaced."""
    probe_secret: tuple[str, str] | None = None
    """Name and key of the Secret with the probes' credential, which only an injected sidecar can be given."""
    feedback_secret: tuple[str, str] | None = None
    """The same of the token that feedback has to bear."""
    embeddings_secret: tuple[str, str] | None = None
    """And of what an endpoint of embeddings is asked with."""
    judge_secret: tuple[str, str] | None = None
    """And of what the judge is."""
    share_processes: bool = False
    """Set `shareProcessNamespace` when injecting; an attached sidecar sees its target's processes anyway."""


def plan_for(  # noqa: PLR0913 - what a plan is made of, each found by another part
    pod: Raw,
    monitor: LLMMonitor,
    *,
    serving: Serving,
    sidecar: SidecarImage,
    mode: Mode,
    public_keys: tuple[bytes, ...],
    configuration: str,
) -> Plan:
    """A plan with ports that no container of the pod declares."""
    wanted, quality = monitor.spec.interception, monitor.spec.quality
    relay_port, api_port = own_ports(pod, serving, wanted.relay_port, wanted.api_port)
    return Plan(
        sidecar=sidecar,
        mode=mode,
        serving=serving,
        relay_port=relay_port,
        api_port=api_port,
        monitor=monitor.metadata.name,
        configuration=configuration,
        public_keys=public_keys,
        probe_secret=_secret(quality.auth),
        feedback_secret=_secret(quality.outcomes.feedback_auth if quality.outcomes is not None else None),
        judge_secret=_secret(quality.judge.auth if quality.judge is not None else None),
        embeddings_secret=_secret(quality.embeddings.auth if quality.embeddings is not None else None),
        share_processes=may_share_processes(pod, monitor.spec.resources.processes, serving),
    )


def _secret(auth: ProbeAuth | FeedbackAuth | None) -> tuple[str, str] | None:
    return (auth.secret_key_ref.name, auth.secret_key_ref.key) if auth is not None else None
