"""What a pod is (its class, its GPUs, whether it still counts) and what it has of us.

Pure reading of raw JSON as the API server gives it; at CREATE there is no status and perhaps no name yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from llmmonitor_operator.kube.kept import remembered
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.pods.commands import port_number
from llmmonitor_operator.pods.containers import environment, every_container, gpus_of, init_containers

NATIVE_NAME: Final = "llm-monitor-sidecar"
NAME_TAKEN: Final = f"a container of the pod's own is called {NATIVE_NAME}, the sidecar's name; rename it"
_OUR_VARIABLES: Final = "LLM_MONITOR_"
EPHEMERAL_PREFIX: Final = "llm-monitor-"
ATTACHMENTS_LIMIT: Final = 10
"""Ephemeral containers cannot be removed from a pod."""
MONITOR_ANNOTATION: Final = "llmmonitor.io/monitor"
INJECTED_LABEL: Final = "llmmonitor.io/injected"
OPT_OUT_ANNOTATION: Final = "llmmonitor.io/inject"

EPHEMERAL_NAMES: Final = tuple(f"{EPHEMERAL_PREFIX}{number}" for number in range(1, ATTACHMENTS_LIMIT + 1))
_SHOWN_CHARACTERS = 40
_STATIC_POD = "kubernetes.io/config.mirror"
_OF_THE_NODE = ("hostNetwork", "hostPID", "hostIPC")
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


@dataclass(frozen=True, slots=True, kw_only=True)
class OurSidecar:
    """One of our containers: what it was told, and how it does."""

    kind: Literal["native", "ephemeral"]
    name: str
    image: str
    """As the spec has it, with its digest if it was given one."""
    running: bool
    started_at: float | None
    """Unix seconds, while it runs."""
    waiting_reason: str
    """Why it does not run, in the kubelet's word (`ImagePullBackOff`); empty while it does."""
    message: str
    """The kubelet's words to that, or the container's last ones."""
    restarts: int
    api_port: int
    """0 if it was not told one."""
    mode: str
    environment: Mapping[str, str]
    """Its literal variables."""


def our_native(pod: Raw) -> Raw | None:
    """Our native sidecar's spec; a container of the owner's own that has its name is none of ours."""
    return next(
        (one for one in init_containers(pod) if one.get("name") == NATIVE_NAME and _is_ours(one)), None
    )


def _is_ours(container: Raw) -> bool:
    """By the settings that each sidecar is given."""
    variables = container.get("env")
    return isinstance(variables, list) and any(
        isinstance(one, Mapping) and str(one.get("name", "")).startswith(_OUR_VARIABLES) for one in variables
    )


def name_is_taken(pod: Raw) -> bool:
    """Whether a container of the owner's own has our native sidecar's name: no other can have it too."""
    ours = our_native(pod)
    return any(one.get("name") == NATIVE_NAME and one is not ours for one in every_container(pod))


def our_ephemeral(pod: Raw) -> list[Raw]:
    """Specs of the sidecars that were attached, by their number: the API server puts a new one first."""
    given = pod.get("spec", {}).get("ephemeralContainers") or ()
    ours = [one for one in given if one.get("name") in EPHEMERAL_NAMES]
    return sorted(ours, key=lambda one: EPHEMERAL_NAMES.index(one["name"]))


def holds_rights(pod: Raw) -> bool:
    """Whether a sidecar of ours in it has capabilities: what forbids them forbids the pod as it is."""
    native = our_native(pod)
    ours = [*([native] if native is not None else []), *our_ephemeral(pod)]
    contexts = [one.get("securityContext") or {} for one in ours]
    return any((context.get("capabilities") or {}).get("add") for context in contexts)


def next_attachment(pod: Raw) -> int:
    """The number of the next sidecar that would be attached; above `ATTACHMENTS_LIMIT` there can be none."""
    taken = [int(one["name"].removeprefix(EPHEMERAL_PREFIX)) for one in our_ephemeral(pod)]
    return max(taken, default=0) + 1


def container_status(pod: Raw, name: str) -> Raw | None:
    """A container's status, whatever its kind."""
    status = pod.get("status") or {}
    return next(
        (one for kind in _STATUSES for one in status.get(kind) or () if one.get("name") == name), None
    )


def oom_killed_at(pod: Raw, name: str) -> float | None:
    """When a container was last killed for memory, by the kubelet's word; None: never, or not any more."""
    status = container_status(pod, name) or {}
    ends = [mapping(mapping(status.get(one)).get("terminated")) for one in ("state", "lastState")]
    at = (unix_seconds(one.get("finishedAt")) for one in ends if one.get("reason") == "OOMKilled")
    return next((one for one in at if one is not None), None)


def our_sidecar(pod: Raw, at_work: str = "") -> OurSidecar | None:
    """The sidecar that counts now: of those that run the one at work, else the newest.

    Args:
        pod: any.
        at_work: name of the container that said so last. Else the one that was attached first: a successor
            waits for it.
    """
    return remembered(pod, ("sidecar", at_work), lambda: _found_sidecar(pod, at_work))


def _found_sidecar(pod: Raw, at_work: str) -> OurSidecar | None:
    native = our_native(pod)
    attached = [_sidecar(pod, one, "ephemeral") for one in our_ephemeral(pod)]
    injected = [] if native is None else [_sidecar(pod, native, "native")]
    running = [one for one in (*attached, *injected) if one.running]
    known = next((one for one in running if one.name == at_work), None)
    return known or next(iter([*running, *reversed(attached), *injected]), None)


def opted_out(pod: Raw) -> bool:
    """Whether its owner said that it shall have no sidecar."""
    annotations = pod.get("metadata", {}).get("annotations") or {}
    return str(annotations.get(OPT_OUT_ANNOTATION, "")).lower() == "false"


def vain_opt_out(pod: Raw) -> str:
    """What looks as if it kept the sidecar out and does not, and what does; empty when nothing looks so."""
    metadata = pod.get("metadata", {})
    annotated = (metadata.get("annotations") or {}).get(OPT_OUT_ANNOTATION)
    labelled = (metadata.get("labels") or {}).get(OPT_OUT_ANNOTATION)
    what, value = ("label", labelled) if annotated is None else ("annotation", annotated)
    if opted_out(pod) or value is None or str(value).lower() == "true":
        return ""
    given = f'the {what} {OPT_OUT_ANNOTATION}: "{str(value)[:_SHOWN_CHARACTERS]}"'
    return f'{given} keeps no sidecar out; only the annotation {OPT_OUT_ANNOTATION}: "false" does'


def is_static(pod: Raw) -> bool:
    """Whether a kubelet reads it from a file: the API server shows only its image, which none can change."""
    return _STATIC_POD in (pod.get("metadata", {}).get("annotations") or {})


def shares_the_nodes(pod: Raw) -> tuple[str, ...]:
    """What of its node it has no own one of: `hostNetwork`, `hostPID`, `hostIPC`."""
    return tuple(field for field in _OF_THE_NODE if pod.get("spec", {}).get(field))


def gpus_requested(pod: Raw) -> int:
    """GPUs (or parts that count as one) over all containers; those of resource claims are not seen."""
    return remembered(pod, "gpus", lambda: sum(map(gpus_of, every_container(pod))))


def is_mine_to_watch(pod: Raw) -> bool:
    """Whether it runs or will: not ended, not on its way out."""
    phase = (pod.get("status") or {}).get("phase", "Pending")
    return phase in {"Running", "Pending"} and not pod.get("metadata", {}).get("deletionTimestamp")


def _sidecar(pod: Raw, spec: Raw, kind: Literal["native", "ephemeral"]) -> OurSidecar:
    status = container_status(pod, spec["name"]) or {}
    state = status.get("state") or {}
    stopped = state.get("waiting") or state.get("terminated") or {}
    last = (status.get("lastState") or {}).get("terminated") or {}
    running = state.get("running")
    told = environment(spec)
    port = told.get("LLM_MONITOR_API_PORT", "")
    return OurSidecar(
        kind=kind,
        name=spec["name"],
        image=spec.get("image", ""),
        running=running is not None,
        started_at=unix_seconds((running or {}).get("startedAt")),
        waiting_reason=stopped.get("reason", ""),
        message=stopped.get("message") or last.get("message", ""),
        restarts=status.get("restartCount", 0),
        api_port=port_number(port) or 0,
        mode=told.get("LLM_MONITOR_MODE", ""),
        environment=told,
    )
