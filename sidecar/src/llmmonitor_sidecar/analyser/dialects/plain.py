"""Routes of model servers that generate nothing: health, figures, tokenizing, ranking, pooling.

They have HTTP figures; naming them keeps them apart from `other`. Those with an OpenAI-like `usage` have it
read.
"""

from __future__ import annotations

from llmmonitor_sidecar.analyser.dialects.openai_chat import OpenAIAnswer, read_request
from llmmonitor_sidecar.analyser.dialects.route import Route

_OPERATIONAL = (
    "health",
    "healthz",
    "ping",
    "metrics",
    "version",
    "info",
    "props",
    "slots",
    "get_model_info",
    "get_server_info",
    "server_info",
    "tokenize",
    "detokenize",
    "apply-template",
    "v2/health/live",
    "v2/health/ready",
)
_COUNTING = ("pooling", "classify", "score", "rerank", "reranking", "embedding", "embed", "encode")

ROUTES = {
    **{end: Route(f"/{end}", "http") for end in _OPERATIONAL},
    **{
        end: Route(f"/{end}", "vllm", "other", generates=False, request=read_request, answer=OpenAIAnswer)
        for end in _COUNTING
    },
    "embeddings": Route(
        "/embeddings", "openai", "embeddings", generates=False, request=read_request, answer=OpenAIAnswer
    ),
    "models": Route("/models", "openai"),
}
