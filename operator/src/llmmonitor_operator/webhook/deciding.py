"""The decision of `llmmonitor_operator.admit` as the webhook's outcome."""

from __future__ import annotations

import msgspec

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.admit.decide import Surroundings, admit
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.webhook.outcome import Outcome, Result


def decide(pod: Raw, around: Surroundings) -> Outcome:
    """What becomes of `pod`."""
    admission = admit(pod, around, first_configuration)
    untouched = Result.MISSED if admission.warning else Result.UNTOUCHED
    result = Result.INJECTED if admission.patch else untouched
    return Outcome(result, admission.reason, admission.warning, tuple(admission.patch))


def first_configuration(monitor: LLMMonitor) -> str:
    """What a sidecar of this monitor begins with: JSON of `llmmonitor_api.configuration.Configuration`."""
    return msgspec.json.encode(configuration_for(monitor)).decode()
