"""Which container of a pod serves the model, on which port, and how that is known.

`spec.target` wins; what it leaves out is found by `engines.py` in commands and images. A command that starts
a model server is the strongest sign, then an image that is left to its own entrypoint, then an image that is
given another command, then a GPU, then a declared port. What cannot be told apart is not guessed: the
message names the candidates and the field that decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmmonitor_api.spec.target import Engine, Target
from llmmonitor_operator.kube.kept import remembered
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.candidate import Candidate, Strength, candidate
from llmmonitor_operator.pods.companions import is_companion
from llmmonitor_operator.pods.containers import gpus_of, long_running, main_containers, tcp_ports
from llmmonitor_operator.pods.engines import facts_for
from llmmonitor_operator.pods.listening import listening_port
from llmmonitor_operator.pods.workers import worker_by_command, worker_by_label

_CONTAINERS_LIMIT = 32
"""Containers of one pod that are looked at; in a pod of more, `spec.target.container` names the one."""
_NAMES_LIMIT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The model's server."""

    container: str
    port: int
    port_name: str
    """Its name in the container's ports; empty if it is not declared by name."""
    engine: Engine
    """OPENAI_COMPATIBLE for a server of no known kind."""
    because: str
    """For status: `image vllm/vllm-openai, --port in its command line`."""
    recognised: bool = True
    """Whether the engine is known, by sight or by the owner's word."""


class NotServing(ValueError):
    """Nothing in this pod serves a model as far as can be told; the message says what would help."""


class Worker(NotServing):
    """The pod works for another that answers in its place, and is not meant to be monitored."""


def find_serving(pod: Raw, target: Target) -> Serving:
    """The container and port that serve the model.

    Raises:
        NotServing: there is none, or more than one.
        Worker: another pod answers in its place.
    """
    key = ("serving", target.container, target.port, target.engine)
    found = remembered(pod, key, lambda: _found_or_not(pod, target))
    if isinstance(found, NotServing):
        raise found
    return found


def _found_or_not(pod: Raw, target: Target) -> Serving | NotServing:
    try:
        return _find(pod, target)
    except NotServing as why:
        return why.with_traceback(None)


def _find(pod: Raw, target: Target) -> Serving:
    if ((pod.get("spec") or {}).get("os") or {}).get("name") == "windows":
        raise NotServing("the pod is for Windows; the sidecar runs on Linux only")
    one = _named(pod, target.container) if target.container else _found(pod, target)
    _refuse_worker(pod, one)
    told = target.engine is not Engine.AUTO
    facts = facts_for(target.engine) if told and target.engine is not one.facts.engine else one.facts
    port = (target.port, "spec.target.port") if target.port else listening_port(one, facts)
    if port is None:
        raise NotServing(
            f"nothing says on which port container {one.name} serves: declare it in the container's ports, "
            "or give spec.target.port"
        )
    number, how = port
    reasons = (
        "spec.target.container" if target.container else "",
        "spec.target.engine" if told else one.because,
        how,
    )
    return Serving(
        container=one.name,
        port=number,
        port_name=next((port.name for port in tcp_ports(one.container) if port.number == number), ""),
        engine=facts.engine,
        because=", ".join(filter(None, reasons)),
        recognised=told or one.strength is not Strength.NOTHING,
    )


def _named(pod: Raw, name: str) -> Candidate:
    containers = long_running(pod)
    for container in containers:
        if container.get("name") == name:
            return candidate(pod, container)
    raise NotServing(f"the pod has no container {name} (spec.target.container); it has {_listed(containers)}")


def _found(pod: Raw, target: Target) -> Candidate:
    containers = main_containers(pod)
    if len(containers) > _CONTAINERS_LIMIT:
        raise NotServing(
            f"the pod has {len(containers)} containers, more than the {_CONTAINERS_LIMIT} that are looked at:"
            " name the one that serves the model in spec.target.container"
        )
    candidates = [candidate(pod, one) for one in containers]
    left = [one for one in candidates if one.strength or not is_companion(one.container)]
    for preferred in _preferences(pod, target):
        best = max(map(preferred, left), default=0)
        left = [one for one in left if preferred(one) == best]
    if not left:
        raise NotServing(
            f"{_listed(containers)}: no container that is known to serve a model; "
            "if one does, name it in spec.target.container"
        )
    if len(left) > 1:
        alike = _listed([one.container for one in left])
        raise NotServing(f"{alike}: each may serve the model; name the one in spec.target.container")
    return left[0]


def _preferences(pod: Raw, target: Target) -> tuple[Callable[[Candidate], int], ...]:
    """The first in which candidates differ decides."""
    return (
        lambda one: one.facts.engine is target.engine,
        lambda one: one.strength,
        lambda one: not _works_for_another(pod, one),
        lambda one: any(port.number == target.port for port in tcp_ports(one.container)),
        lambda one: gpus_of(one.container) > 0,
        lambda one: bool(tcp_ports(one.container)),
    )


def _works_for_another(pod: Raw, one: Candidate) -> str:
    return worker_by_command(pod, one.commands, runs_engine=one.strength is Strength.COMMAND)


def _refuse_worker(pod: Raw, one: Candidate) -> None:
    by_command = _works_for_another(pod, one)
    if by_command:
        raise Worker(
            f"container {one.name} is a worker of a model that is spread over several pods ({by_command}): "
            "only the leader serves HTTP"
        )
    by_label = worker_by_label(pod, one.container)
    if by_label:
        raise Worker(
            f"the pod is a worker of a model that is spread over several ({by_label}): only the leader "
            f"serves HTTP; if this one does too, declare the port in container {one.name}"
        )


def _listed(containers: Sequence[Raw]) -> str:
    names = [str(one.get("name", "")) for one in containers]
    more = f" and {len(names) - _NAMES_LIMIT} more" if len(names) > _NAMES_LIMIT else ""
    return ", ".join(names[:_NAMES_LIMIT]) + more or "none"
