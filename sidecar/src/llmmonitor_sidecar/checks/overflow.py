"""The prompt and the answer that is asked for fit into the model's context.

By the server's own refusal, or by its count of the prompt and the most that the request allows the answer to
have. A server that cuts the prompt off and says nothing is not seen.
"""

from __future__ import annotations

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_sidecar.analyser.exchange import Outcome
from llmmonitor_sidecar.analyser.outcomes import CONTEXT_ERRORS
from llmmonitor_sidecar.checks.request import Request

REFUSED, TOO_MUCH = "refused by the server", "maximum of tokens"
_MAXIMUM = ("max_completion_tokens", "max_tokens", "max_output_tokens", "max_new_tokens", "n_predict")


def check(request: Request, _setting: RequestChecksSetting) -> str | None:
    """None of a request that failed for another reason."""
    if request.error_type in CONTEXT_ERRORS:
        return REFUSED
    if request.outcome is not Outcome.OK:
        return None
    wanted = request.number(*_MAXIMUM)
    if request.context_tokens is None or request.prompt_tokens is None:
        return ""
    return TOO_MUCH if request.prompt_tokens + max(0, wanted or 0) > request.context_tokens else ""
