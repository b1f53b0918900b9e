"""The engines: those whose figures are read, and those that are only recognised so far."""

from __future__ import annotations

from llmmonitor_sidecar.engines.figures import EngineKind
from llmmonitor_sidecar.engines.llamacpp import LLAMA_CPP
from llmmonitor_sidecar.engines.vllm import VLLM

OPENAI_COMPATIBLE = EngineKind(name="OpenAICompatible")
"""Answers `/v1/models` and says nothing that tells more."""
UNKNOWN = EngineKind(name="Unknown")
"""Does not even that, or not yet."""

ENGINES = (
    VLLM,
    LLAMA_CPP,
    EngineKind(name="SGLang", prefixes=("sglang:", "sglang_"), owned_by="sglang"),
    EngineKind(name="TGI", prefixes=("tgi_",)),
    EngineKind(name="Triton", prefixes=("nv_inference_",)),
    EngineKind(name="TensorRTLLM", prefixes=("trtllm_",), owned_by="tensorrt_llm"),
    EngineKind(name="Ollama", owned_by="library", version_path="/api/version", version_field="version"),
)
