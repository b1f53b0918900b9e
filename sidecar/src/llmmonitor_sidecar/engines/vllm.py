"""vLLM: names of its V1 engine, and those they replaced (vllm/v1/metrics/loggers.py, 0.8 to 0.32).

`gpu_cache_usage_perc` and `gpu_prefix_cache_*` became `kv_cache_usage_perc` and `prefix_cache_*` in 0.9; V0
gave a rate instead of the two counters. `perc` is a share from 0 to 1 all the same.
"""

from __future__ import annotations

from llmmonitor_sidecar.engines.figures import EngineKind, Figures, Picker, share
from llmmonitor_sidecar.engines.samples import Samples

_KV_CACHE = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
_QUERIES = ("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total")
_HITS = ("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total")
_HIT_RATE = "vllm:gpu_prefix_cache_hit_rate"
_FINISHED = "vllm:request_success_total"
_PLAIN = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:num_preemptions_total",
    "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
)


def _read(samples: Samples) -> Figures:
    pick = Picker(samples)
    running, waiting, preemptions, prompt, generation = (pick.total(name) for name in _PLAIN)
    rate = pick.largest_share(_HIT_RATE, optional=True)
    given_as_rate = rate is not None
    hits, queries = (pick.total(*names, optional=given_as_rate) for names in (_HITS, _QUERIES))
    return Figures(
        running=running,
        waiting=waiting,
        kv_cache_use=pick.largest_share(*_KV_CACHE),
        preemptions=preemptions,
        prefix_cache_hit_rate=rate if given_as_rate else share(hits, queries),
        prompt_tokens=prompt,
        generation_tokens=generation,
        finished_requests=pick.by_label(_FINISHED, "finished_reason"),
        missing=pick.missing,
    )


VLLM = EngineKind(
    name="VLLM",
    prefixes=("vllm:",),
    owned_by="vllm",
    version_path="/version",
    version_field="version",
    metrics=frozenset((*_PLAIN, *_KV_CACHE, *_QUERIES, *_HITS, _HIT_RATE, _FINISHED)),
    read=_read,
)
