"""Text Generation Inference: counters and histograms that come with use, named without `_total`.

Tokens are sums of histograms per request. It has no time to the first token: its time per token is the mean
of a request's.
"""

from __future__ import annotations

from llmmonitor_sidecar.engines.figures import UNSAID, EngineKind, Figures, Told
from llmmonitor_sidecar.engines.picker import Picker, of_histogram
from llmmonitor_sidecar.engines.samples import Samples

_RUNNING = "tgi_batch_current_size"
_WAITING = "tgi_queue_size"
_PROMPT = "tgi_request_input_length_sum"
_GENERATION = "tgi_request_generated_tokens_sum"
_FINISHED = "tgi_request_success"
_ITL = "tgi_request_mean_time_per_token_duration"


def _read(samples: Samples) -> Figures:
    pick = Picker(samples)
    finished = pick.total(_FINISHED, optional=True)
    unused = finished is None
    return Figures(
        running=pick.total(_RUNNING, optional=unused),
        waiting=pick.total(_WAITING, optional=unused),
        prompt_tokens=pick.total(_PROMPT, optional=unused),
        generation_tokens=pick.total(_GENERATION, optional=unused),
        finished_requests=None if finished is None else {UNSAID: finished},
        time_per_output_token=pick.histogram(_ITL, optional=unused),
        missing=pick.missing,
    )


TGI = EngineKind(
    name="TGI",
    prefixes=("tgi_",),
    told_by=Told("/info", "docker_label"),
    version_path="/info",
    version_field="version",
    metrics=frozenset((_RUNNING, _WAITING, _PROMPT, _GENERATION, _FINISHED, *of_histogram(_ITL))),
    read=_read,
    facts="docs/source/reference/metrics.md and router/src/server.rs, 2.0 to 3.3",
    remarks="Counts requests that succeed alone, their tokens with them; the time per token is the mean of"
    " each request. No KV cache, hit rate, preemptions, finish reasons or time to first token.",
)
