"""How the sidecar of one pod shall read traffic, and why not as it was asked to.

`Auto` becomes Transparent where the namespace admits it and nothing else redirects the pod's traffic, else
Off, never Port: that fails closed, so it takes the owner's word. What speaks against reading alone leaves a
sidecar in mode Off, whose engine metrics and samplers still work, and a reason of the condition
Intercepting. Only what is not admitted at all, or not known yet, leaves no mode, with a reason of the
condition Injected. Kernels without the module are found by the sidecar itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmmonitor_api.conditions import Reason
from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_api.spec.interception import InterceptionMode
from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import shares_the_nodes
from llmmonitor_operator.pods.serving import Serving
from llmmonitor_operator.preflight.mesh import mesh
from llmmonitor_operator.preflight.services import by_number
from llmmonitor_operator.preflight.verdict import NamespaceVerdict

PORT_SINCE = (1, 32)
"""The first Kubernetes whose EndpointSlices resolve named ports of native sidecars."""
STILL_WORKS = "engine metrics and process figures still work"


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """A mode, or none; and what speaks against what was asked for."""

    mode: Mode | None
    """None: no sidecar may be put in now."""
    reason: str = ""
    """Of the condition Intercepting beside a mode, of Injected without one; empty when all is as asked."""
    message: str = ""


def choose_mode(  # noqa: PLR0913 - what the choice depends on, each found by another part
    monitor: LLMMonitor,
    pod: Raw,
    serving: Serving,
    verdict: NamespaceVerdict,
    *,
    server_version: str,
    attaching: bool,
    namespace: Raw | None = None,
) -> ModeChoice:
    """The mode for one pod.

    Args:
        monitor: asks for one.
        pod: running, or about to be created.
        serving: where its model serves.
        verdict: of its namespace, found under the rules of now.
        server_version: of the API server (`1.34`); empty when it is not known.
        attaching: the pod runs already: its port cannot be handed over, and an attempt that may be refused
            does no harm.
        namespace: its Namespace object, where that is known.
    """
    wanted = monitor.spec.interception.mode
    if wanted is InterceptionMode.OFF:
        return _plain(Mode.OFF, verdict, attaching=attaching)
    if wanted is InterceptionMode.PORT:
        against = _against_port(pod, serving, verdict, server_version, attaching=attaching)
        mode = Mode.OFF if against else Mode.LISTEN
        return _plain(mode, verdict, against, attaching=attaching)
    against = _against_redirecting(pod, namespace)
    if against is None and verdict.transparent is not False:
        admitted = verdict.transparent or (verdict.untestable and attaching)
        return ModeChoice(Mode.TRANSPARENT) if admitted else _pending(verdict)
    if against is None and wanted is InterceptionMode.TRANSPARENT:
        return _refused(verdict)
    if against is None:
        against = reasons.NOT_PERMITTED, f"the namespace does not admit NET_ADMIN: {verdict.refusal}"
    return _plain(Mode.OFF, verdict, against, attaching=attaching)


_Against = tuple[Reason, str]


def _against_redirecting(pod: Raw, namespace: Raw | None) -> _Against | None:
    shared = shares_the_nodes(pod)
    if "hostNetwork" in shared:
        return reasons.HOST_NETWORK, "the pod uses the node's network, whose packet filter is left alone"
    if shared:
        return reasons.NOT_PERMITTED, f"the pod has {' and '.join(shared)}: no privileges are taken in it"
    found = mesh(pod, namespace)
    if found:
        return reasons.MESH_REDIRECTS, f"the pod's traffic is redirected by {found}"
    return None


def _against_port(
    pod: Raw, serving: Serving, verdict: NamespaceVerdict, server_version: str, *, attaching: bool
) -> _Against | None:
    wanted = ".".join(map(str, PORT_SINCE))
    if _version(server_version) < PORT_SINCE:
        here = f"this is {server_version}" if server_version else "its version is not known"
        return reasons.SERVER_TOO_OLD, f"mode Port needs Kubernetes {wanted}, and {here}"
    if not serving.port_name:
        port = f"port {serving.port} of container {serving.container}"
        return reasons.SERVICE_USES_PORT_NUMBER, f"{port} has no name that a Service could use; give it one"
    service = by_number(pod, serving.port, verdict.numbered_ports)
    if service:
        way_out = f"set its targetPort to {serving.port_name}"
        return reasons.SERVICE_USES_PORT_NUMBER, f"Service {service} names port {serving.port}; {way_out}"
    if attaching:
        return reasons.NEEDS_RESTART, "the port of a running pod cannot be handed over; restart the pod"
    return None


def _plain(
    mode: Mode, verdict: NamespaceVerdict, against: _Against | None = None, *, attaching: bool
) -> ModeChoice:
    """A mode without capabilities: what is admitted with them is admitted without."""
    if verdict.plain is False and not verdict.transparent:
        return _refused(verdict)
    known = verdict.plain or verdict.transparent
    if not known and not (verdict.untestable and attaching):
        return _pending(verdict)
    if against is None:
        return ModeChoice(mode)
    reason, words = against
    return ModeChoice(mode, reason.name, f"{words}; {STILL_WORKS}")


def _refused(verdict: NamespaceVerdict) -> ModeChoice:
    refused_by = verdict.refused_by or reasons.POD_SECURITY_FORBIDS.name
    return ModeChoice(None, refused_by, verdict.refusal or "the namespace does not admit the sidecar")


def _pending(verdict: NamespaceVerdict) -> ModeChoice:
    words = verdict.message or "it is tried on a running pod"
    return ModeChoice(
        None, reasons.PREFLIGHT_PENDING.name, f"what the namespace admits is not known: {words}"
    )


def _version(text: str) -> tuple[int, int]:
    found = re.match(r"v?([0-9]{1,4})\.([0-9]{1,4})", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)
