"""What a sidecar asks the model it stands beside, and how often: `spec.quality` as the sidecar needs it.

Part of `configuration.Configuration`: normalised (seconds, plain numbers), so that no pydantic is needed. The
built-in suites are named here and kept in the sidecar. Which replica asks what follows from its share.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

BIAS_PREFIX = "bias-"
"""Of a suite's name that is of pairs; the attribute follows."""
PLAN_BYTES_LIMIT = 80 * 1024
"""As JSON: a sidecar's first configuration travels in one environment variable, the others in a document."""


class PromptMessage(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: str
    content: str


class Expected(msgspec.Struct, frozen=True, omit_defaults=True):
    """What must be so of an answer; everything given must hold. More than `spec.probes.Expectation`."""

    contains: str = ""
    excludes: str = ""
    """A text that must not be in the answer, which must not be empty either."""
    matches: str = ""
    json_schema: dict[str, Any] | None = None
    number: str = ""
    """A decimal; empty: no number is expected."""
    tolerance: str = "0"
    similar_to: str = ""
    at_least: float = 0.8
    means_like: str = ""
    means_at_least: float = 1.0
    """The cosine of the embeddings."""
    judged: str = ""
    """A rubric for the judge."""
    refuses: bool | None = None
    max_latency_seconds: float | None = None


class ProbeSetting(msgspec.Struct, frozen=True, omit_defaults=True):
    """One question with what its answer must be."""

    name: str
    messages: tuple[PromptMessage, ...]
    expected: Expected
    repeats: int = 1
    max_tokens: int = 256
    answer: str = ""
    """What was answered; empty: the model is asked."""


class EndpointSetting(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another model that is asked about answers."""

    url: str
    """The base of its API."""
    model: str
    header: str = "Authorization"
    credential: bool = False
    """Whether the owner named one."""


class ProbePlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is asked of one monitor's model, and this replica's share of it."""

    probes: tuple[ProbeSetting, ...] = ()
    """The owner's own."""
    suites: tuple[str, ...] = ()
    schedule_seconds: float | None = None
    """None: one round for each version of the model."""
    on_model_change: bool = True
    tokens_per_day: int = 100_000
    """Of all replicas together."""
    header: str = "Authorization"
    """The HTTP header that the credential goes in, where there is one."""
    credential: bool = False
    """Whether the owner named one."""
    embeddings: EndpointSetting | None = None
    """For `Expected.means_like`."""
    judge: EndpointSetting | None = None
    """For `Expected.judged`."""
    labelled: tuple[ProbeSetting, ...] = ()
    """Answers that people have judged, good ones before bad ones; the judge grades them in every round."""
    labelled_good: int = 0
    """How many of them are good."""
    seed: str = ""
    """Tells monitors apart: rounds begin at other times, and canaries' hashes are keyed by it.
    No secret."""
    canaries: bool = False
    """Whether the fixed prompts are asked by which a change of the weights is told."""
    left_out: int = 0
    """Probes that did not fit."""
    index: int = 0
    """This replica's place among those that ask."""
    of: int = 1
    """How many ask; 0: this one does not."""
    version: str = ""
    """Of the model that this replica runs, as `status.versions` calls it; empty while that is not known."""

    @property
    def digest(self) -> str:
        """Of everything but share and version: by it a reader sees whether a sidecar has this plan."""
        whole = msgspec.structs.replace(self, index=0, of=1, version="")
        return blake2b(msgspec.json.encode(whole), digest_size=8).hexdigest()
