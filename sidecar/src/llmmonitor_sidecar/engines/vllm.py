"""vLLM: names of its V1 engine, and those they replaced.

V0 gave a rate instead of the two prefix cache counters. `perc` is a share from 0 to 1 all the same.
"""

from __future__ import annotations

from llmmonitor_sidecar.engines.figures import EngineKind, Figures, Renamed, share
from llmmonitor_sidecar.engines.picker import Picker, of_histogram, with_older
from llmmonitor_sidecar.engines.samples import Samples

_KV_CACHE = "vllm:kv_cache_usage_perc"
_QUERIES = "vllm:prefix_cache_queries_total"
_HITS = "vllm:prefix_cache_hits_total"
_HIT_RATE = "vllm:gpu_prefix_cache_hit_rate"
_FINISHED = "vllm:request_success_total"
TTFT = "vllm:time_to_first_token_seconds"
_ITL = "vllm:inter_token_latency_seconds"
PLAIN = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:num_preemptions_total",
    "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
)
"""Requests running and waiting, preemptions, prompt and generated tokens."""
_RENAMED = (
    Renamed(_KV_CACHE, "vllm:gpu_cache_usage_perc", "0.9"),
    Renamed(_QUERIES, "vllm:gpu_prefix_cache_queries_total", "0.9"),
    Renamed(_HITS, "vllm:gpu_prefix_cache_hits_total", "0.9"),
    Renamed(_ITL, "vllm:time_per_output_token_seconds", "0.11"),
)


def _read(samples: Samples) -> Figures:
    pick = Picker(samples, _RENAMED)
    running, waiting, preemptions, prompt, generation = (pick.total(name) for name in PLAIN)
    rate = pick.largest_share(_HIT_RATE, optional=True)
    given_as_rate = rate is not None
    hits, queries = (pick.total(name, optional=given_as_rate) for name in (_HITS, _QUERIES))
    return Figures(
        running=running,
        waiting=waiting,
        kv_cache_use=pick.largest_share(_KV_CACHE),
        preemptions=preemptions,
        prefix_cache_hit_rate=rate if given_as_rate else share(hits, queries),
        prompt_tokens=prompt,
        generation_tokens=generation,
        finished_requests=pick.by_label(_FINISHED, "finished_reason"),
        time_to_first_token=pick.histogram(TTFT),
        time_per_output_token=pick.histogram(_ITL),
        missing=pick.missing,
    )


VLLM = EngineKind(
    name="VLLM",
    prefixes=("vllm:",),
    owned_by="vllm",
    version_path="/version",
    version_field="version",
    metrics=with_older(
        (*PLAIN, _KV_CACHE, _QUERIES, _HITS, _HIT_RATE, _FINISHED, *of_histogram(TTFT, _ITL)),
        _RENAMED,
    ),
    renamed=_RENAMED,
    read=_read,
    facts="recorded from 0.26.0 on an H100; vllm/v1/metrics/loggers.py, 0.8 to 0.32",
    remarks="Tokens are counted with every step, requests as they finish: several choices as so many, and"
    " none that a client gave up, though there is a reason `abort` (seen in 0.26).",
)
