"""llama.cpp's server (`llama-server --metrics`; tools/server/README.md).

It counts prompt tokens without those from its cache; here, as everywhere, both are prompt tokens. It says
nothing of requests, their ends and preemptions, and newer builds no longer say how full the KV cache is.
"""

from __future__ import annotations

from llmmonitor_sidecar.engines.figures import EngineKind, Figures, share
from llmmonitor_sidecar.engines.picker import Picker
from llmmonitor_sidecar.engines.samples import Samples

_RUNNING = "llamacpp:requests_processing"
_WAITING = "llamacpp:requests_deferred"
_KV_CACHE = "llamacpp:kv_cache_usage_ratio"
_PROMPT = "llamacpp:prompt_tokens_total"
_CACHED = "llamacpp:prompt_tokens_cached_total"
_GENERATION = "llamacpp:tokens_predicted_total"


def _read(samples: Samples) -> Figures:
    pick = Picker(samples)
    computed = pick.total(_PROMPT)
    cached = pick.total(_CACHED, optional=True)
    prompt = None if computed is None else computed + (cached or 0)
    return Figures(
        running=pick.total(_RUNNING),
        waiting=pick.total(_WAITING),
        kv_cache_use=pick.largest_share(_KV_CACHE, optional=True),
        prefix_cache_hit_rate=share(cached, prompt),
        prompt_tokens=prompt,
        prompt_tokens_whole=cached is not None,
        generation_tokens=pick.total(_GENERATION),
        missing=pick.missing,
    )


LLAMA_CPP = EngineKind(
    name="LlamaCpp",
    prefixes=("llamacpp:",),
    owned_by="llamacpp",
    version_path="/props",
    version_field="build_info",
    metrics=frozenset((_RUNNING, _WAITING, _KV_CACHE, _PROMPT, _CACHED, _GENERATION)),
    read=_read,
    facts="recorded from the build in xllamacpp 2026.10.11549; tools/server/README.md",
    remarks="Needs `--metrics`. No count of requests. `kv_cache_usage_ratio` is gone since mid-2025;"
    " `prompt_tokens_cached_total` came in August 2026, before it prompts from the cache are not counted.",
)
