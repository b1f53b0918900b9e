"""The decision of `llmmonitor_operator.admit` as the webhook's outcome."""

from __future__ import annotations

from llmmonitor_operator.admit.decide import Surroundings, admit
from llmmonitor_operator.configure import first_configuration
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.webhook.outcome import Outcome, Result


def decide(pod: Raw, around: Surroundings) -> Outcome:
    """What becomes of `pod`."""
    admission = admit(pod, around, first_configuration)
    untouched = Result.MISSED if admission.warning else Result.UNTOUCHED
    result = Result.INJECTED if admission.patch else untouched
    hint = f"llm-monitor: {admission.vain_opt_out}" if admission.vain_opt_out else ""
    return Outcome(result, admission.reason, admission.warning, hint, tuple(admission.patch))
