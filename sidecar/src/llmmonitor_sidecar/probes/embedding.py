"""How alike two texts are in meaning: the cosine of their embeddings, made by an endpoint in OpenAI's form.

Of probes alone: what is sent there are the owner's expected texts and the model's answers to their questions,
never a word of anybody's traffic. An endpoint that does not answer, or answers nonsense, leaves the
probe without a verdict; a model of its own in the sidecar would take more memory than the sidecar may have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

from llmmonitor_sidecar.probes.ask import Unusable, believed
from llmmonitor_sidecar.probes.endpoint import Endpoint

CREDENTIAL = "LLM_MONITOR_EMBEDDINGS_CREDENTIAL"
DEADLINE_SECONDS = 10.0
CHARACTERS_LIMIT = 8_192
"""Of an answer; what is longer is cut there, as models of embeddings do far earlier."""
_DIMENSIONS = 16_384


@dataclass(frozen=True, slots=True)
class Likeness:
    """What came back."""

    cosine: float
    tokens: int
    """As the endpoint says; of one that does not, a third of the characters."""


class _Vector(msgspec.Struct, frozen=True):
    embedding: list[float]
    index: int = 0


class _Usage(msgspec.Struct, frozen=True):
    total_tokens: int | None = None


class _Embedded(msgspec.Struct, frozen=True):
    data: list[_Vector]
    usage: _Usage | None = None


async def likeness(endpoint: Endpoint, answer: str, text: str) -> Likeness:
    """How alike the answer and the text are.

    Raises:
        NoAnswer: with what happened instead, in fixed words and figures; `Unusable` if it took tokens.
    """
    texts = [answer[:CHARACTERS_LIMIT], text]
    most = sum(map(len, texts)) // 3
    content = await endpoint.post(
        "/embeddings", {"input": texts}, DEADLINE_SECONDS, "embeddings", tokens=most
    )
    try:
        said = msgspec.json.decode(content, type=_Embedded)
    except (ValueError, RecursionError):
        raise Unusable("embeddings that are none", most) from None
    counted = believed(said.usage.total_tokens) if said.usage is not None else None
    tokens = counted if counted is not None else most
    return Likeness(_cosine(said, tokens), tokens)


def _cosine(said: _Embedded, tokens: int) -> float:
    """Of the two vectors, which took that many; whether they are normalised differs from server to server."""
    vectors = [one.embedding for one in sorted(said.data, key=lambda one: one.index)]
    if len(vectors) != 2 or len({len(one) for one in vectors}) != 1 or len(vectors[0]) > _DIMENSIONS:  # noqa: PLR2004 - of two texts
        raise Unusable("embeddings that are none", tokens)
    one, other = vectors
    sizes = math.hypot(*one) * math.hypot(*other)
    if not sizes or not math.isfinite(sizes):
        raise Unusable("embeddings of no length", tokens)
    return sum(a * b for a, b in zip(one, other, strict=True)) / sizes
