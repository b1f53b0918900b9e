"""TensorRT-LLM's own server, `trtllm-serve`.

It has Prometheus' exposition at `/prometheus/metrics`, with tokens and times if `return_perf_metrics` is on.
Older versions, and a server without that, have the statistics of its last iterations as JSON at `/metrics`,
which each reader takes away from the next; so these are only asked for where the other is not.
"""

from __future__ import annotations

import msgspec

from llmmonitor_sidecar.engines.figures import EngineKind, Figures, share
from llmmonitor_sidecar.engines.picker import Picker, of_histogram
from llmmonitor_sidecar.engines.samples import LARGEST, Samples

_RUNNING = "trtllm_num_requests_running"
_WAITING = "trtllm_num_requests_waiting"
_KV_CACHE = "trtllm_kv_cache_utilization"
_HIT_RATE = "trtllm_kv_cache_hit_rate"
_PROMPT = "trtllm_prompt_tokens_total"
_GENERATION = "trtllm_generation_tokens_total"
_FINISHED = "trtllm_request_success_total"
_TTFT = "trtllm_time_to_first_token_seconds"
_ITL = "trtllm_time_per_output_token_seconds"


def _read(samples: Samples) -> Figures:
    pick = Picker(samples)
    finished = pick.by_label(_FINISHED, "finished_reason", optional=True)
    unused = finished is None
    return Figures(
        running=pick.total(_RUNNING, optional=True),
        waiting=pick.total(_WAITING, optional=True),
        kv_cache_use=pick.largest_share(_KV_CACHE, optional=unused),
        prefix_cache_hit_rate=pick.largest_share(_HIT_RATE, optional=unused),
        prompt_tokens=pick.total(_PROMPT, optional=True),
        generation_tokens=pick.total(_GENERATION, optional=True),
        finished_requests=finished,
        time_to_first_token=pick.histogram(_TTFT, optional=unused),
        time_per_output_token=pick.histogram(_ITL, optional=unused),
        missing=pick.missing,
    )


class _Blocks(msgspec.Struct):
    maxNumBlocks: int = 0  # noqa: N815 - their names
    usedNumBlocks: int = 0  # noqa: N815
    reusedBlocks: int = 0  # noqa: N815
    missedBlocks: int = 0  # noqa: N815


class _Iteration(msgspec.Struct):
    numActiveRequests: int | None = None  # noqa: N815
    numQueuedRequests: int | None = None  # noqa: N815
    kvCacheStats: _Blocks | None = None  # noqa: N815


def _read_json(body: bytes) -> Figures | None:
    """By the last iteration; no iteration since the last look says nothing."""
    try:
        iterations = msgspec.json.decode(body, type=list[_Iteration])
    except (msgspec.MsgspecError, RecursionError):
        return None
    if not iterations:
        return Figures()
    last = iterations[-1]
    blocks = last.kvCacheStats or _Blocks()
    return Figures(
        running=_count(last.numActiveRequests),
        waiting=_count(last.numQueuedRequests),
        kv_cache_use=_share(blocks.usedNumBlocks, blocks.maxNumBlocks),
        prefix_cache_hit_rate=_share(blocks.reusedBlocks, blocks.reusedBlocks + blocks.missedBlocks),
    )


def _count(value: int | None) -> int | None:
    return None if value is None or not 0 <= value <= LARGEST else value


def _share(part: int, whole: int) -> float | None:
    return share(part, whole) if part >= 0 and whole > 0 else None


TENSORRT_LLM = EngineKind(
    name="TensorRTLLM",
    prefixes=("trtllm_",),
    owned_by="tensorrt_llm",
    version_path="/version",
    version_field="version",
    sources=("/prometheus/metrics", "/metrics"),
    metrics=frozenset(
        (
            *(_RUNNING, _WAITING, _KV_CACHE, _HIT_RATE, _PROMPT, _GENERATION, _FINISHED),
            *of_histogram(_TTFT, _ITL),
        )
    ),
    read=_read,
    read_json=_read_json,
    facts="tensorrt_llm/metrics/collector.py at 050f80def8df, tensorrt_llm/serve/openai_server.py; 1.1 has"
    " five of these metrics, without tokens and load",
    remarks="`return_perf_metrics: true` for tokens and times, `enable_iter_perf_stats: true` for load and"
    " cache. Its JSON has load and cache alone. No preemptions.",
)
