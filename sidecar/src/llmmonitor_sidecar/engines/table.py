"""The engines, in the order in which their metrics are looked for: Triton passes on those of its backends."""

from __future__ import annotations

from llmmonitor_sidecar.engines.figures import EngineKind
from llmmonitor_sidecar.engines.llamacpp import LLAMA_CPP
from llmmonitor_sidecar.engines.ollama import OLLAMA
from llmmonitor_sidecar.engines.sglang import SGLANG
from llmmonitor_sidecar.engines.tgi import TGI
from llmmonitor_sidecar.engines.triton import TRITON
from llmmonitor_sidecar.engines.trtllm import TENSORRT_LLM
from llmmonitor_sidecar.engines.vllm import VLLM

OPENAI_COMPATIBLE = EngineKind(name="OpenAICompatible")
"""Answers `/v1/models` and says nothing that tells more."""
UNKNOWN = EngineKind(name="Unknown")
"""Does not even that, or not yet."""

ENGINES = (TRITON, VLLM, SGLANG, TGI, TENSORRT_LLM, LLAMA_CPP, OLLAMA)
