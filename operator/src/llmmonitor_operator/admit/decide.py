"""One pod is being created: with the sidecar, or unchanged and why. Never anything else.

A pod that no monitor selects passes in silence. One that is selected gets the sidecar of the oldest monitor
if everything is known to be well: the namespace's verdict is fresh, was found under the rules of now, has
seen the very image running here, and nothing that comes after us would refuse the pod. In any doubt it passes
unchanged, with a warning that says why, and what becomes of it (`afterwards`): mostly the operator attaches
the sidecar once the pod runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llmmonitor_api.shortened import shortened
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.admit.afterwards import WHEN_BACK, afterwards, never_attached
from llmmonitor_operator.admit.injectable import Why, not_injectable
from llmmonitor_operator.admit.shape import misshapen
from llmmonitor_operator.inject.hand_over import PortNotNamed
from llmmonitor_operator.inject.native import native
from llmmonitor_operator.inject.patch import patch
from llmmonitor_operator.inject.plan import Plan, plan_for
from llmmonitor_operator.inject.ports import no_port_is_left
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import opted_out, our_native, vain_opt_out
from llmmonitor_operator.pods.selectors import owner_among
from llmmonitor_operator.pods.serving import NotServing, find_serving
from llmmonitor_operator.preflight.fingerprint import fingerprint
from llmmonitor_operator.preflight.limits import objection
from llmmonitor_operator.preflight.mode import choose_mode
from llmmonitor_operator.preflight.verdict import Common, NamespaceVerdict

WARNING_LIMIT = 256
"""Characters; of a longer one the API server may keep no more (KEP-1693)."""
_NOT_ATTACHED_EITHER = frozenset({"not-linux", "no-model-server"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the webhook's caches hold of the pod's namespace."""

    namespace: Raw
    """The Namespace object."""
    monitors: Sequence[LLMMonitor]
    """The valid ones of this namespace."""
    common: Common | None
    verdict: NamespaceVerdict | None
    fresh: bool
    """Whether the operator renewed its Lease in the last 60 s."""
    quotas: Sequence[Raw] = ()
    limit_ranges: Sequence[Raw] = ()


@dataclass(frozen=True, slots=True)
class Admission:
    """What to answer; the pod is allowed in any case."""

    patch: list[dict[str, Any]] = field(default_factory=list)
    """RFC 6902; empty leaves the pod as it is."""
    warning: str = ""
    """For whoever creates the pod."""
    reason: str = ""
    """One word for logs and metrics: `injected`, or why not."""
    vain_opt_out: str = ""
    """A warning more: what was to keep the sidecar out and does not."""
    why: str = ""
    """Why not, as a sentence; only where there is a warning."""


def admit(pod: object, around: Surroundings, configuration: Callable[[LLMMonitor], str]) -> Admission:
    """The answer, whatever JSON `pod` is.

    Args:
        pod: the object of the admission request.
        around: its namespace.
        configuration: gives the JSON of what a monitor's sidecars begin with.
    """
    if not isinstance(pod, Mapping) or misshapen(pod):
        return Admission(reason="misshapen")
    monitor = owner_among(around.monitors, pod)
    if monitor is None:
        return Admission(reason="not-selected")
    if opted_out(pod):
        return Admission(reason="opted-out")
    if our_native(pod) is not None:
        return Admission(reason="already-injected")
    kept_out = not_injectable(pod) or _not_known_to_be_well(around)
    answer = kept_out or _injected(pod, monitor, around, configuration)
    if not isinstance(answer, Admission):
        answer = _unchanged(answer, _afterwards(pod, monitor, around))
    return replace(answer, vain_opt_out=vain_opt_out(pod))


def _not_known_to_be_well(around: Surroundings) -> Why | None:
    common, verdict = around.common, around.verdict
    if common is None or verdict is None:
        return "no-verdict", "the operator has not looked at this namespace yet"
    if not around.fresh:
        return "stale-verdict", "the operator has not been heard of for a minute"
    if verdict.fingerprint != _rules(around):
        return "rules-changed", "the namespace's labels, quotas or limits changed since the operator looked"
    if verdict.suspended:
        return "suspended", f"{verdict.suspended}: {verdict.message}"
    if not verdict.proves(common.image):
        return "not-proved", "this version of the sidecar has not been seen running in this namespace yet"
    return None


def _injected(
    pod: Raw, monitor: LLMMonitor, around: Surroundings, configuration: Callable[[LLMMonitor], str]
) -> Admission | Why:
    common, verdict = around.common, around.verdict
    if common is None or verdict is None:  # looked at before; for the type checker
        return Admission(reason="no-verdict")
    try:
        serving = find_serving(pod, monitor.spec.target)
    except NotServing as error:
        return "no-model-server", str(error)
    choice = choose_mode(
        monitor,
        pod,
        serving,
        verdict,
        server_version=common.server_version,
        attaching=False,
        namespace=around.namespace,
    )
    if choice.mode is None:
        return "not-admitted", f"{choice.reason}: {choice.message}"
    if no_port_is_left(pod, serving, monitor.spec.interception):
        return "no-port", "its containers declare every port that the sidecar could have"
    plan = plan_for(
        pod,
        monitor,
        serving=serving,
        sidecar=common.sidecar,
        mode=choice.mode,
        public_keys=common.keys,
        configuration=configuration(monitor),
    )
    return _within_limits(pod, plan, around)


def _within_limits(pod: Raw, plan: Plan, around: Surroundings) -> Admission | Why:
    words = objection(pod, native(pod, plan), around.quotas, around.limit_ranges)
    if words:
        return "over-limit", words
    try:
        return Admission(patch=patch(pod, plan), reason="injected")
    except PortNotNamed as error:
        return "port-not-named", str(error)


def _afterwards(pod: Raw, monitor: LLMMonitor, around: Surroundings) -> str:
    if not around.fresh:
        return never_attached(pod, monitor) or WHEN_BACK
    verdict = around.verdict
    if verdict is not None and verdict.fingerprint != _rules(around):
        verdict = None
    return afterwards(pod, monitor, around.common, verdict, around.namespace)


def _rules(around: Surroundings) -> str:
    return fingerprint(around.namespace, around.quotas, around.limit_ranges)


def _unchanged(why: Why, then: str) -> Admission:
    word, sentence = why
    end = "" if word in _NOT_ATTACHED_EITHER else f"; {then}"
    beginning = "llm-monitor: started without sidecar: "
    middle = shortened(sentence, WARNING_LIMIT - len(beginning) - len(end))
    return Admission(warning=f"{beginning}{middle}{end}", reason=word, why=sentence)
