"""Triton Inference Server: its TensorRT-LLM backend's gauges, or what its vLLM backend passes on.

Its own `nv_inference_*` count every model of an ensemble, so that one request is several: requests are taken
from the backends alone.
"""

from __future__ import annotations

from llmmonitor_sidecar.engines import vllm
from llmmonitor_sidecar.engines.figures import UNSAID, EngineKind, Figures, Told, as_share
from llmmonitor_sidecar.engines.picker import Picker, of_histogram
from llmmonitor_sidecar.engines.samples import Samples

_SUCCESS = "nv_inference_request_success"
_REQUESTS = "nv_trt_llm_request_metrics"
_BLOCKS = "nv_trt_llm_kv_cache_block_metrics"
_BLOCK_TYPE = "kv_cache_block_type"
_OUTPUT, _INPUT = "nv_llm_output_token_len", "nv_llm_input_token_len"
_VLLM_KV_CACHE = "vllm:gpu_cache_usage_perc"
_VLLM_ITL = "vllm:time_per_output_token_seconds"
_VLLM_FINISHED = "vllm:e2e_request_latency_seconds_count"
"""Of the vLLM backend, which has a list of its own: names that vLLM has changed since, and its requests."""


def _read(samples: Samples) -> Figures:
    pick = Picker(samples)
    pick.total(_SUCCESS)
    if _REQUESTS in samples:
        return _of_tensorrt_llm(samples, pick)
    return _of_vllm(pick)


def _of_tensorrt_llm(samples: Samples, pick: Picker) -> Figures:
    requests = pick.by_label(_REQUESTS, "request_type") or {}
    finished = pick.total(f"{_OUTPUT}_count", optional=True)
    return Figures(
        running=requests.get("active"),
        waiting=requests.get("waiting"),
        kv_cache_use=_blocks_in_use(samples),
        prompt_tokens=pick.total(f"{_INPUT}_sum", optional=True),
        generation_tokens=pick.total(f"{_OUTPUT}_sum", optional=True),
        finished_requests=None if finished is None else {UNSAID: finished},
        missing=pick.missing,
    )


def _blocks_in_use(samples: Samples) -> float | None:
    """Of the fullest cache: each model has its own, and shares do not add."""
    caches: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for labels, value in samples.values.get(_BLOCKS, ()):
        model = tuple(sorted(item for item in labels.items() if item[0] != _BLOCK_TYPE))
        caches.setdefault(model, {})[labels.get(_BLOCK_TYPE, "")] = value
    return max((share for one in caches.values() if (share := _in_use(one)) is not None), default=None)


def _in_use(blocks: dict[str, float]) -> float | None:
    """Newer backends say the share, older ones the numbers it is of."""
    if "fraction" in blocks:
        return as_share(blocks["fraction"])
    if "used" in blocks and blocks.get("max"):
        return as_share(blocks["used"] / blocks["max"])
    return None


def _of_vllm(pick: Picker) -> Figures:
    running, waiting, preemptions, prompt, generation = (
        pick.total(name, optional=True) for name in vllm.PLAIN
    )
    finished = pick.total(_VLLM_FINISHED, optional=True)
    return Figures(
        running=running,
        waiting=waiting,
        kv_cache_use=pick.largest_share(_VLLM_KV_CACHE, optional=True),
        preemptions=preemptions,
        prompt_tokens=prompt,
        generation_tokens=generation,
        finished_requests=None if finished is None else {UNSAID: finished},
        time_to_first_token=pick.histogram(vllm.TTFT, optional=True),
        time_per_output_token=pick.histogram(_VLLM_ITL, optional=True),
        missing=pick.missing,
    )


TRITON = EngineKind(
    name="Triton",
    prefixes=("nv_inference_", "nv_trt_llm_", "nv_llm_"),
    owned_by="Triton Inference Server",
    told_by=Told("/v2", "name", "triton"),
    version_path="/v2",
    version_field="version",
    sources=("/metrics", ":8002/metrics"),
    metrics=frozenset(
        (
            *(_SUCCESS, _REQUESTS, _BLOCKS, f"{_OUTPUT}_count", f"{_OUTPUT}_sum", f"{_INPUT}_sum"),
            *(*vllm.PLAIN, _VLLM_KV_CACHE, _VLLM_FINISHED, *of_histogram(vllm.TTFT, _VLLM_ITL)),
        )
    ),
    read=_read,
    facts="docs/user_guide/metrics.md; tensorrtllm_backend custom_metrics_reporter.cc; vllm_backend"
    " src/utils/metrics.py",
    remarks="Metrics are on port 8002, or on the port of its OpenAI front end; another `--metrics-port` is"
    " not found. Figures are those of its TensorRT-LLM or vLLM backend; of other backends there are none.",
)
