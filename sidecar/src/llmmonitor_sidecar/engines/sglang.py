"""SGLang (`--enable-metrics`): a scheduler that has gauges from the start, and counters that come with use.

Its counters have labels, so that each is there only once a request has finished. Some deployments (Ray, and
some that rewrite colons) have `sglang_` in front of the same names.
"""

from __future__ import annotations

from llmmonitor_sidecar.engines.figures import UNSAID, EngineKind, Figures, Renamed, share
from llmmonitor_sidecar.engines.picker import Picker, of_histogram, with_older
from llmmonitor_sidecar.engines.samples import Samples

_RUNNING, _RUNNING_BEFORE = "sglang:num_running_reqs", "sglang:num_requests_running"
_WAITING = "sglang:num_queue_reqs"
_KV_CACHE = "sglang:token_usage"
_HIT_RATE = "sglang:cache_hit_rate"
_CACHED = "sglang:cached_tokens_total"
_RETRACTED = "sglang:num_retracted_requests_total"
_PROMPT = "sglang:prompt_tokens_total"
_GENERATION = "sglang:generation_tokens_total"
_REQUESTS = "sglang:num_requests_total"
_TTFT = "sglang:time_to_first_token_seconds"
_ITL = "sglang:inter_token_latency_seconds"
_NAMES = (
    *(_RUNNING, _WAITING, _KV_CACHE, _HIT_RATE, _CACHED, _RETRACTED, _PROMPT, _GENERATION, _REQUESTS),
    *of_histogram(_TTFT, _ITL),
)
_RENAMED = (
    Renamed(_RUNNING, _RUNNING_BEFORE, "after 0.3"),
    Renamed(_WAITING, "sglang:num_requests_waiting", "after 0.3"),
    Renamed(_ITL, "sglang:time_per_output_token_seconds", "after 0.3"),
    Renamed("sglang:", "sglang_", "as deployed"),
)


def _read(samples: Samples) -> Figures:
    pick = Picker(samples, _RENAMED)
    requests = pick.total(_REQUESTS, optional=True)
    unused = requests is None
    prompt = pick.total(_PROMPT, optional=unused)
    cached = pick.total(_CACHED, optional=True)
    in_percent = _RUNNING_BEFORE in samples
    rate = None if in_percent else pick.largest_share(_HIT_RATE)
    return Figures(
        running=pick.total(_RUNNING),
        waiting=pick.total(_WAITING),
        kv_cache_use=pick.largest_share(_KV_CACHE),
        preemptions=pick.total(_RETRACTED, optional=True),
        prefix_cache_hit_rate=rate if cached is None else share(cached, prompt),
        prompt_tokens=prompt,
        generation_tokens=pick.total(_GENERATION, optional=unused),
        finished_requests=None if requests is None else {UNSAID: requests},
        time_to_first_token=pick.histogram(_TTFT, optional=unused),
        time_per_output_token=pick.histogram(_ITL, optional=unused),
        missing=pick.missing,
    )


SGLANG = EngineKind(
    name="SGLang",
    prefixes=("sglang:", "sglang_"),
    owned_by="sglang",
    version_path="/get_server_info",
    version_field="version",
    metrics=with_older(_NAMES, _RENAMED),
    renamed=_RENAMED,
    read=_read,
    facts="python/sglang/srt/observability/metrics_collector.py at 44cedc2b9c7d; docs of 0.3 for older names",
    remarks="Needs `--enable-metrics`. Counts a request and its tokens when it finishes, whatever for; before"
    " the first one there are no counters. The hit rate is of all prompts where cached tokens are counted,"
    " else of the last batch; that of 0.3, in percent, is not read.",
)
